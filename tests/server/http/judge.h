#pragma once
// The parts of the HTTP front end that need no connection, put together: bytes in, verdict out.

#include <cstddef>
#include <optional>
#include <string_view>

#include "server/http/counters.h"
#include "server/http/limits.h"
#include "stack/base/bytes.h"

namespace windhover::server::http::test {

/// What one request comes to.
struct Verdict {
  bool complete = false;  ///< The request, body included, ended within the input.
  std::size_t size = 0;   ///< Of a complete request.
  std::optional<BadRequest> bad;

  bool operator==(const Verdict&) const = default;
};

/// Judges the request at the front of `input`, which is shown in pieces of `piece_size` bytes.
Verdict judge(stack::base::Bytes input, std::size_t piece_size, const Limits& limits = {});

}  // namespace windhover::server::http::test
