#pragma once
// Requests, and for which reason each must be refused, if at all.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http/counters.h"

namespace windhover::server::http::test {

/// `input` is one request, whole. Without a reason against it, it is well-formed, and whoever responds decides.
struct Case {
  std::string_view name;
  std::string input;
  std::optional<BadRequest> bad = std::nullopt;

  int status() const { return bad ? status_of(*bad) : 200; }
};

/// Strict parsing (RFC 9112 2-6), and what smuggling is made of (RFC 9112 11.2).
const std::vector<Case>& cases();

}  // namespace windhover::server::http::test
