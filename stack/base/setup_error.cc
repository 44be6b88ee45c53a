#include "stack/base/setup_error.h"

#include <system_error>

namespace windhover::stack::base {
namespace {

std::string message(std::string_view call, int error, std::string_view remedy) {
  std::string text(call);
  if (error != 0) text += ": " + std::generic_category().message(error) + " (errno " + std::to_string(error) + ")";
  if (!remedy.empty()) text.append("\n  ").append(remedy);
  return text;
}

}  // namespace

SetupError::SetupError(std::string_view call, int error, std::string_view remedy)
    : std::runtime_error(message(call, error, remedy)), call_(call), error_(error), remedy_(remedy) {}

}  // namespace windhover::stack::base
