#pragma once
// The look at a head before llhttp's: finds where it ends, and refuses what llhttp would let through.
//
// What it holds to (RFC 9112 2.2, 3, 5.2, and stricter): lines end in CRLF alone; no control byte but HT; no line
// begins with SP or HT; no field name is empty; at most kEmptyLinesMax CRLFs go before; a request line is method SP
// target SP version, the method a token, the target 0x21-0x7e without '#' and '\', the version HTTP/1.0 or HTTP/1.1;
// sizes and counts stay within the limits.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/http/counters.h"
#include "server/http/limits.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// Scans one head, in as many calls as it takes to arrive; no byte is looked at twice.
/// Which fault is reported depends on the bytes alone, not on how they were split: the first in the order of the bytes.
class HeadScan {
 public:
  static constexpr std::uint32_t kEmptyLinesMax = 4;
  enum class Status : std::uint8_t { kNeedMore, kComplete, kBad };

  /// Goes on where the last call stopped. `input` begins at the same byte each time and holds at least what it held
  /// before. After kComplete or kBad only the accessors may be called. Precondition: input.size() < 2^32.
  Status scan(const Limits& limits, stack::base::Bytes input);

  /// Of kBad.
  BadRequest reason() const { return reason_; }

  /// True once a byte other than the skipped CRLFs was seen.
  bool begun() const { return phase_ != Phase::kEmptyLines; }

  /// The rest holds after kComplete. Sizes and positions are in the input.
  std::size_t begin() const { return begin_; }                  ///< Of the method.
  std::size_t headers_begin() const { return headers_start_; }  ///< Behind the request line.
  std::size_t size() const { return position_; }                ///< Behind the empty line that ends the head.
  std::string_view method(stack::base::Bytes input) const;
  std::string_view target(stack::base::Bytes input) const;
  std::uint8_t target_classes() const {
    return target_classes_;
  }  ///< CharacterClass bits of all of the target's bytes.
  std::uint8_t version_minor() const { return version_minor_; }
  std::uint32_t header_count() const { return header_count_; }

 private:
  enum class Phase : std::uint8_t { kEmptyLines, kRequestLine, kHeaders };

  Status skip_empty_lines(stack::base::Bytes input);
  bool begin_header_line(const Limits& limits, std::uint8_t first);
  bool check_request_line(std::string_view line);
  bool refuse_version(std::string_view line);
  Status find_line_end(stack::base::Bytes input, std::size_t end_max, BadRequest too_large);
  bool refuse(BadRequest reason) {
    reason_ = reason;
    return false;
  }
  Status bad(BadRequest reason) {
    reason_ = reason;
    return Status::kBad;
  }

  std::uint32_t position_ = 0;    // The next byte to look at; in the end the head's size.
  std::uint32_t begin_ = 0;       // Of the request line.
  std::uint32_t line_start_ = 0;  // Of the line that position_ is in.
  std::uint32_t headers_start_ = 0;
  std::uint32_t target_size_ = 0;
  std::uint32_t method_size_ = 0;
  std::uint32_t header_count_ = 0;
  Phase phase_ = Phase::kEmptyLines;
  std::uint8_t target_classes_ = 0;
  std::uint8_t version_minor_ = 0;
  BadRequest reason_{};
};

}  // namespace windhover::server::http
