#pragma once
// How much a client may ask of the server, with Kestrel's names, defaults and answers.

#include <cstdint>
#include <optional>

#include "stack/base/time.h"

namespace windhover::server::http {

/// The least average speed of a body. A rate of 0 means none is demanded.
struct DataRate {
  std::uint32_t bytes_per_second = 240;
  stack::base::Duration grace = std::chrono::seconds(5);  ///< Not judged before this has passed.

  bool operator==(const DataRate&) const = default;
};

/// Sizes in bytes. In parentheses, the status that answers a request beyond the limit.
struct Limits {
  std::uint32_t max_request_line_size = 8192;            ///< With its CRLF (414).
  std::uint32_t max_request_headers_total_size = 32768;  ///< All after the request line, the empty line included (431).
  std::uint32_t max_request_header_count = 100;          ///< (431)
  std::uint64_t max_request_body_size = 30'000'000;      ///< Content-Length, or the sum of the chunks' data (413).

  /// Input held while earlier answers are not yet taken: the connection stops reading. Beyond what one received span
  /// may hold, TCP's flow control does the holding.
  std::uint32_t max_request_buffer_size = 1024 * 1024;
  /// Unacknowledged output from which no further pipelined request is answered.
  std::uint32_t max_response_buffer_size = 64 * 1024;

  stack::base::Duration keep_alive_timeout = std::chrono::seconds(130);      ///< Idle; the close is silent.
  stack::base::Duration request_headers_timeout = std::chrono::seconds(30);  ///< From the head's first byte (408).
  DataRate min_request_body_data_rate;                                       ///< (408)
  DataRate min_response_data_rate;                                           ///< The connection is aborted.
  stack::base::Duration shutdown_timeout = std::chrono::seconds(30);         ///< What a drain may take.

  std::optional<std::uint32_t> max_concurrent_connections;  ///< Per lane; nothing: as many as the lane has memory for.

  bool operator==(const Limits&) const = default;
};

}  // namespace windhover::server::http
