#pragma once
// Response heads as bytes.

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/http/response.h"
#include "stack/base/bytes.h"
#include "stack/base/time.h"

namespace windhover::server::http {

/// Add it to an Instant's time since its epoch to get the time since 1970, UTC.
using ClockOffset = stack::base::Duration;

/// What an answer says about its connection.
enum class Persistence : std::uint8_t {
  kDefault,    ///< Nothing: HTTP/1.1 goes on.
  kKeepAlive,  ///< HTTP/1.0 goes on because it was asked.
  kClose,
};

/// True when the answer's status admits a body (RFC 9110 6.4.1).
inline bool admits_body(std::uint16_t status) { return status >= 200 && status != 204 && status != 304; }

/// Writes heads with `Server`, and a `Date` that is formatted once a second. Thread: one lane.
class HeadWriter {
 public:
  /// No head is longer.
  static constexpr std::size_t kHeadMax = Response::kBorrowedHeadersMax + Response::kOwnedHeadersMax + 512;

  explicit HeadWriter(ClockOffset clock_offset);

  /// Writes status line, fields and the empty line to `out`; returns the size. Precondition: out.size() >= kHeadMax.
  std::size_t write(stack::base::Instant now, const Response& response, Persistence persistence,
                    stack::base::MutableBytes out);

  /// The wall clock in seconds since 1970.
  std::int64_t unix_seconds(stack::base::Instant now) const;

 private:
  static constexpr std::size_t kFixedSize = 19 + 6 + 29 + 2;  // Server: windhover CRLF Date: SP date CRLF

  void refresh(stack::base::Instant now);

  ClockOffset clock_offset_;
  stack::base::Instant fresh_until_ = stack::base::Instant::min();
  std::array<char, kFixedSize> fixed_;
};

}  // namespace windhover::server::http
