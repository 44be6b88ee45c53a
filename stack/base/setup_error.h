#pragma once
// The one exception: something about the machine or the configuration stops a lane from starting.

#include <stdexcept>
#include <string>
#include <string_view>

namespace windhover::stack::base {

/// Thrown only before lanes run. Carries the call that failed, its errno (0 when none applies) and what the operator
/// can do.
class SetupError : public std::runtime_error {
 public:
  /// `call` as the operator would recognise it ("open /dev/net/tun"); `remedy` is an instruction, in a full sentence.
  SetupError(std::string_view call, int error, std::string_view remedy);

  const std::string& call() const { return call_; }
  int error() const { return error_; }
  const std::string& remedy() const { return remedy_; }

 private:
  std::string call_;
  int error_;
  std::string remedy_;
};

}  // namespace windhover::stack::base
