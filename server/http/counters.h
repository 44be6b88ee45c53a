#pragma once
// What the HTTP front end of a lane counts: requests, answers, the name of every reason for which a request is refused
// and of every reason for which a connection ends.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stack/base/counters.h"

namespace windhover::server::http {

/// Every reason for which a request is refused: identifier, name, status of the answer. The connection closes after
/// each.
#define WINDHOVER_BAD_REQUESTS(X)                                                                                 \
  X(kRequestLineTooLong, "request_line_too_long", 414)                                                            \
  X(kHeadersTooLarge, "headers_too_large", 431)                                                                   \
  X(kTooManyHeaders, "too_many_headers", 431)                                                                     \
  X(kEmptyLines, "empty_lines", 400)        /* More than a few CRLFs before a request. */                         \
  X(kBareLineBreak, "bare_line_break", 400) /* CR without LF or LF without CR. */                                 \
  X(kControlByte, "control_byte", 400)      /* NUL, DEL or another control in the head. */                        \
  X(kRequestLine, "request_line", 400)      /* Not: method SP target SP version. */                               \
  X(kMethod, "method", 400)                 /* Not a token. */                                                    \
  X(kTarget, "target", 400)                 /* A byte or a form that no target has. */                            \
  X(kPath, "path", 400)                     /* %00 or a broken percent escape. */                                 \
  X(kUserinfo, "userinfo", 400)             /* user@ in an absolute target. */                                    \
  X(kVersion, "version", 400)                                                                                     \
  X(kVersionUnsupported, "version_unsupported", 505) /* Well-formed, not 1.0 or 1.1. */                           \
  X(kMethodUnknown, "method_unknown", 501)                                                                        \
  X(kMethodRefused, "method_refused", 405) /* CONNECT and TRACE. */                                               \
  X(kFoldedLine, "folded_line", 400)       /* A header line that begins with SP or HT. */                         \
  X(kFieldName, "field_name", 400)         /* Empty. */                                                           \
  X(kHeaderLine, "header_line", 400)       /* Anything else that llhttp refuses. */                               \
  X(kHostMissing, "host_missing", 400)                                                                            \
  X(kHostRepeated, "host_repeated", 400)                                                                          \
  X(kHost, "host", 400)                                     /* Not a host with an optional port. */               \
  X(kContentLength, "content_length", 400)                  /* Not one number below 2^63. */                      \
  X(kContentLengthRepeated, "content_length_repeated", 400) /* Or beside Transfer-Encoding. */                    \
  X(kTransferEncoding, "transfer_encoding", 400)            /* Not a list, repeated, or not ending in chunked. */ \
  X(kTransferEncodingOld, "transfer_encoding_old", 400)     /* In HTTP/1.0. */                                    \
  X(kTransferCoding, "transfer_coding", 501)                /* One other than chunked. */                         \
  X(kExpectation, "expectation", 417)                                                                             \
  X(kBodyTooLarge, "body_too_large", 413)                                                                         \
  X(kChunk, "chunk", 400)                    /* Size or line break of a chunk. */                                 \
  X(kChunkExtension, "chunk_extension", 400) /* Malformed, or too many bytes of them. */                          \
  X(kTrailer, "trailer", 400)                /* Malformed or not allowed in a trailer. */                         \
  X(kTrailersTooLarge, "trailers_too_large", 431)                                                                 \
  X(kHeadersTimeout, "headers_timeout", 408)                                                                      \
  X(kBodyTooSlow, "body_too_slow", 408)                                                                           \
  X(kNoBuffer, "no_buffer", 503) /* The lane's store for split requests is used up. */

enum class BadRequest : std::uint8_t {
#define X(identifier, name, status) identifier,
  WINDHOVER_BAD_REQUESTS(X)
#undef X
};

inline constexpr std::size_t kBadRequestCount = 0
#define X(identifier, name, status) +1
    WINDHOVER_BAD_REQUESTS(X)
#undef X
    ;

/// The reason's name in counters, such as "host_missing".
std::string_view name(BadRequest reason);
/// The status code that answers it.
std::uint16_t status_of(BadRequest reason);

/// Every reason for which a connection ends: identifier, name (Kestrel's where it has one).
#define WINDHOVER_CONNECTION_ENDS(X)                                                                     \
  X(kPeerFinished, "peer_finished")            /* The client closed between requests. */                 \
  X(kPeerFinishedEarly, "peer_finished_early") /* The client closed within a request. */                 \
  X(kAsked, "asked")                           /* Connection: close, or HTTP/1.0 without keep-alive. */  \
  X(kKeepAliveTimeout, "keep_alive_timeout")                                                             \
  X(kBadRequest, "bad_request")             /* After the answer to a bad request. */                     \
  X(kExpectationUnmet, "expectation_unmet") /* A final answer instead of 100 Continue. */                \
  X(kResponseTooSlow, "min_response_data_rate")                                                          \
  X(kLingerTimeout, "linger_timeout")                /* Did not close after us, or went on sending. */   \
  X(kShutdown, "app_shutdown")                       /* Drained. */                                      \
  X(kProxyHeaderMalformed, "proxy_header_malformed") /* What a proxy must put in front was not there. */ \
  X(kProxyHeaderTimeout, "proxy_header_timeout")                                                         \
  X(kOutOfMemory, "out_of_memory") /* An answer had nowhere to wait. */                                  \
  X(kTransport, "transport")       /* TCP ended it: reset, timed out, stopped. */

enum class ConnectionEnd : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_CONNECTION_ENDS(X)
#undef X
};

inline constexpr std::size_t kConnectionEndCount = 0
#define X(identifier, name) +1
    WINDHOVER_CONNECTION_ENDS(X)
#undef X
    ;

std::string_view name(ConnectionEnd end);

/// Everything else: identifier, name.
#define WINDHOVER_HTTP_EVENTS(X)                                                                            \
  X(kConnections, "connections")                /* Accepted. */                                             \
  X(kConnectionsRefused, "connections_refused") /* Beyond max_concurrent_connections, or while draining. */ \
  X(kProxyHeaders, "proxy_headers")             /* PROXY protocol headers taken. */                         \
  X(kRequests, "requests")                      /* Heads that were well-formed. */                          \
  X(kContinues, "continues")                    /* 100 Continue sent. */                                    \
  X(kResponses2xx, "responses_2xx")                                                                         \
  X(kResponses3xx, "responses_3xx")                                                                         \
  X(kResponses4xx, "responses_4xx")                                                                         \
  X(kResponses5xx, "responses_5xx")                                                                         \
  X(kBackedUp, "backed_up") /* Reading stopped because answers were not being taken. */

enum class HttpEvent : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_HTTP_EVENTS(X)
#undef X
};

inline constexpr std::size_t kHttpEventCount = 0
#define X(identifier, name) +1
    WINDHOVER_HTTP_EVENTS(X)
#undef X
    ;

std::string_view name(HttpEvent event);

/// One lane's HTTP counters. Thread: the lane writes, anybody reads.
class HttpCounters {
 public:
  void count(BadRequest reason) { bad_requests_[static_cast<std::size_t>(reason)].add(); }
  void count(ConnectionEnd end) { ends_[static_cast<std::size_t>(end)].add(); }
  void count(HttpEvent event) { events_[static_cast<std::size_t>(event)].add(); }
  /// Counts an answer by the class of its final status.
  void count_response(std::uint16_t status);

  std::uint64_t value(BadRequest reason) const { return bad_requests_[static_cast<std::size_t>(reason)].value(); }
  std::uint64_t value(ConnectionEnd end) const { return ends_[static_cast<std::size_t>(end)].value(); }
  std::uint64_t value(HttpEvent event) const { return events_[static_cast<std::size_t>(event)].value(); }

 private:
  std::array<stack::base::Counter, kBadRequestCount> bad_requests_;
  std::array<stack::base::Counter, kConnectionEndCount> ends_;
  std::array<stack::base::Counter, kHttpEventCount> events_;
};

inline void HttpCounters::count_response(std::uint16_t status) {
  const auto first = static_cast<std::size_t>(HttpEvent::kResponses2xx);
  const std::size_t status_class = status / 100U;
  if (status_class >= 2 && status_class <= 5) events_[first + status_class - 2].add();
}

}  // namespace windhover::server::http
