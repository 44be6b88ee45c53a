#pragma once
// Conditional requests (RFC 9110 13).

#include <cstdint>
#include <optional>
#include <string_view>

#include "server/http/date.h"
#include "server/http/request.h"

namespace windhover::server::files {

/// What conditions are compared with: the representation that would be sent.
struct Validators {
  std::string_view etag;  ///< With its quotes; strong.
  http::UnixSeconds last_modified = 0;
};

/// 304 or 412 when the request's conditions ask for it, in the order of RFC 9110 13.2.2; nothing when the request is to
/// be answered as if it had none. For GET and HEAD. `now` only tells in which century a two-digit year lies.
std::optional<std::uint16_t> check_preconditions(const http::Request& request, const Validators& validators,
                                                 http::UnixSeconds now);

/// True when the request's Range may be honoured: no If-Range, or one that names exactly this representation.
bool range_applies(const http::Request& request, const Validators& validators, http::UnixSeconds now);

}  // namespace windhover::server::files
