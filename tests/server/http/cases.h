#pragma once
// Requests and what each must be answered with, one message a case.

#include <string>
#include <string_view>
#include <vector>

namespace windhover::server::http::test {

/// `input` is one request, whole; `status` is 200 when it is well-formed (whoever responds decides), else that of the
/// refusal.
struct Case {
  std::string_view name;
  std::string input;
  int status;
};

/// Strict parsing (RFC 9112 2-6), and what smuggling is made of (RFC 9112 11.2).
const std::vector<Case>& cases();

}  // namespace windhover::server::http::test
