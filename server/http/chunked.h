#pragma once
// Chunked bodies (RFC 9112 7.1), taken apart as they arrive.
//
// Ours rather than llhttp's: the line breaks, extensions and trailers need checks that llhttp 8 has no place for, and a
// check in front of it would be a second decoder that might disagree with the first. Stricter than the RFC: CRLF alone
// ends a line, no blanks around an extension's parts, no framing or routing field in a trailer.

#include <cstddef>
#include <cstdint>

#include "server/http/counters.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// A decoder of one body; a plain value of a few words.
class ChunkedDecoder {
 public:
  static constexpr std::uint32_t kExtensionsSizeMax = 4096;  ///< Of a whole body.
  static constexpr std::uint32_t kTrailersSizeMax = 8192;    ///< Of a whole body; trailers are checked and thrown away.
  static constexpr unsigned kSizeDigitsMax = 16;

  enum class Status : std::uint8_t {
    kNeedMore,  ///< All input is used up.
    kData,      ///< `data` is a part of the body.
    kComplete,  ///< The body and its trailer end at `consumed`.
    kBad,       ///< `reason` says why; the decoder is finished.
  };
  struct Step {
    Status status = Status::kNeedMore;
    std::size_t consumed = 0;  ///< Bytes of `input` used up.
    stack::base::Bytes data;   ///< Lies in `input`.
    BadRequest reason{};
  };

  /// Goes on with `input`, the bytes behind those consumed so far.
  Step step(stack::base::Bytes input);

 private:
  enum class State : std::uint8_t {
    kSize,
    kExtensionName,
    kExtensionValue,
    kExtensionToken,
    kExtensionQuoted,
    kExtensionEscape,
    kExtensionEnd,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerStart,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kLastLf,
  };

  /// Takes one byte of framing; false when it does not fit.
  bool take(std::uint8_t byte);
  bool take_size(std::uint8_t byte);
  bool take_extension(std::uint8_t byte);
  bool take_trailer(std::uint8_t byte);
  bool end_of_size();
  bool refuse(BadRequest reason) {
    reason_ = reason;
    return false;
  }
  bool go(State state) {
    state_ = state;
    return true;
  }

  std::uint64_t remaining_ = 0;  // Of the chunk: its size as read so far, then its data still to come.
  std::uint64_t name_hash_ = 0;  // Of the trailer's name in lower case.
  std::uint32_t extensions_size_ = 0;
  std::uint32_t trailers_size_ = 0;
  std::uint8_t digits_ = 0;
  bool name_begun_ = false;  // The extension's name has a byte.
  bool complete_ = false;
  State state_ = State::kSize;
  BadRequest reason_{};
};

}  // namespace windhover::server::http
