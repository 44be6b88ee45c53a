#pragma once
// A request's body on its way from the connection's input to whoever takes it.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/http/chunked.h"
#include "server/http/request.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// Removes the framing of one body and counts it against its limit. A plain value.
class BodyReader {
 public:
  BodyReader() = default;
  explicit BodyReader(const Request& request) : remaining_(request.content_length), chunked_(request.chunked) {}

  struct Step {
    std::size_t consumed = 0;  ///< Bytes of `input` that belong to the body.
    bool complete = false;
    std::optional<BadRequest> bad;
  };

  /// Takes what belongs to the body off the front of `input` and hands its data to `sink` (nullptr: to nobody). A
  /// chunked body with more than `size_max` bytes of data is bad.
  Step take(stack::base::Bytes input, std::uint64_t size_max, BodySink* sink);

  /// Bytes taken so far, framing included: what the peer's speed is judged by.
  std::uint64_t received() const { return received_; }

 private:
  Step take_chunked(stack::base::Bytes input, std::uint64_t size_max, BodySink* sink);

  std::uint64_t received_ = 0;
  std::uint64_t remaining_ = 0;  // With a Content-Length: what is still to come.
  std::uint64_t data_size_ = 0;  // Chunked: data so far.
  bool chunked_ = false;
  ChunkedDecoder decoder_;
};

}  // namespace windhover::server::http
