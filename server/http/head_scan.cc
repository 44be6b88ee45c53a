#include "server/http/head_scan.h"

#include <cstring>

#include "server/http/characters.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace windhover::server::http {
namespace {

using stack::base::Bytes;

#ifdef __SSE2__
/// Bit n is set when byte n may not lie inside a field value.
inline unsigned not_value_mask(const std::uint8_t* at) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del)));
}
#endif

/// The first position from `from` on whose byte may not lie inside a field value; input.size() when there is none.
inline std::size_t find_not_value(Bytes input, std::size_t from) {
#ifdef __SSE2__
  for (; from + 16 <= input.size(); from += 16) {
    const unsigned mask = not_value_mask(input.data() + from);
    if (mask != 0) return from + static_cast<unsigned>(__builtin_ctz(mask));
  }
  if (from < input.size() && input.size() >= 16) {
    // The last block, which begins before `from`.
    const std::size_t begin = input.size() - 16;
    const unsigned mask = not_value_mask(input.data() + begin) >> (from - begin);
    return mask == 0 ? input.size() : from + static_cast<unsigned>(__builtin_ctz(mask));
  }
#endif
  while (from < input.size() && !is_class(input[from], kNotValue)) ++from;
  return from;
}

constexpr std::uint64_t eight_bytes(const char* text) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | static_cast<std::uint8_t>(text[i]);
  return value;
}

constexpr std::size_t kVersionSize = 8;

}  // namespace

HeadScan::Status HeadScan::skip_empty_lines(Bytes input) {
  while (position_ < input.size() && input[position_] == '\r') {
    if (position_ == 2 * kEmptyLinesMax) return bad(BadRequest::kEmptyLines);
    if (position_ + 1 == input.size()) return Status::kNeedMore;
    if (input[position_ + 1] != '\n') return bad(BadRequest::kBareLineBreak);
    position_ += 2;
  }
  if (position_ == input.size()) return Status::kNeedMore;
  begin_ = line_start_ = position_;
  phase_ = Phase::kRequestLine;
  return Status::kComplete;
}

bool HeadScan::begin_header_line(const Limits& limits, std::uint8_t first) {
  if (first == '\r') return true;
  if (++header_count_ > limits.max_request_header_count) return refuse(BadRequest::kTooManyHeaders);
  if (first == ' ' || first == '\t') return refuse(BadRequest::kFoldedLine);
  if (first == ':') return refuse(BadRequest::kFieldName);
  return true;
}

/// Finds the CRLF that ends the line which `position_` is in and moves behind it. Precondition: `end_max` is where a
/// byte would be one too many, for which `too_large` is the reason.
HeadScan::Status HeadScan::find_line_end(Bytes input, std::size_t end_max, BadRequest too_large) {
  const std::size_t at = find_not_value(input, position_);
  const bool ends = at + 1 < input.size() && input[at] == '\r' && input[at + 1] == '\n' && at + 2 <= end_max;
  if (__builtin_expect(ends, 1)) {
    position_ = static_cast<std::uint32_t>(at + 2);
    return Status::kComplete;
  }
  position_ = static_cast<std::uint32_t>(at);
  if (at == input.size() || (at + 1 == input.size() && input[at] == '\r')) {
    return input.size() > end_max ? bad(too_large) : Status::kNeedMore;
  }
  if (at + 1 > end_max) return bad(too_large);
  if (input[at] != '\r') return bad(input[at] == '\n' ? BadRequest::kBareLineBreak : BadRequest::kControlByte);
  return bad(at + 2 > end_max ? too_large : BadRequest::kBareLineBreak);
}

bool HeadScan::refuse_version(std::string_view line) {
  std::size_t spaces = 0;
  for (const char c : line) spaces += c == ' ' ? 1 : 0;
  if (spaces != 2 || line.back() == ' ') return refuse(BadRequest::kRequestLine);
  const std::string_view version = line.substr(line.rfind(' ') + 1);
  const auto digit = [version](std::size_t at) { return version[at] >= '0' && version[at] <= '9'; };
  const bool well_formed =
      version.size() == kVersionSize && version.starts_with("HTTP/") && digit(5) && version[6] == '.' && digit(7);
  return refuse(well_formed ? BadRequest::kVersionUnsupported : BadRequest::kVersion);
}

bool HeadScan::check_request_line(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && is_class(line[at], kToken)) ++at;
  if (at < line.size() && line[at] != ' ') return refuse(BadRequest::kMethod);
  if (at == 0 || at == line.size()) return refuse(BadRequest::kRequestLine);
  method_size_ = static_cast<std::uint32_t>(at);

  constexpr std::size_t kRestMin = 1 + 1 + 1 + kVersionSize;  // SP target SP version
  if (line.size() - at < kRestMin) return refuse_version(line);
  const std::size_t version_at = line.size() - kVersionSize;
  const auto version = stack::base::load_be<std::uint64_t>(stack::base::as_bytes(line).data() + version_at);
  if ((version | 1) != eight_bytes("HTTP/1.1") || line[version_at - 1] != ' ') return refuse_version(line);
  version_minor_ = static_cast<std::uint8_t>(version & 1);

  const std::string_view target = line.substr(at + 1, version_at - at - 2);
  std::uint8_t classes = 0;
  for (const char c : target) classes |= kCharacters[static_cast<std::uint8_t>(c)];
  target_classes_ = classes;
  target_size_ = static_cast<std::uint32_t>(target.size());
  if ((classes & kNotTarget) == 0) return true;
  return refuse(target.find(' ') == std::string_view::npos ? BadRequest::kTarget : BadRequest::kRequestLine);
}

HeadScan::Status HeadScan::scan(const Limits& limits, Bytes input) {
  if (phase_ == Phase::kEmptyLines) {
    const Status status = skip_empty_lines(input);
    if (status != Status::kComplete) return status;
  }
  if (phase_ == Phase::kRequestLine) {
    const std::size_t end_max = std::size_t{begin_} + limits.max_request_line_size;
    const Status status = find_line_end(input, end_max, BadRequest::kRequestLineTooLong);
    if (status != Status::kComplete) return status;
    const Bytes line = input.subspan(begin_, position_ - begin_ - 2);
    if (!check_request_line(stack::base::as_text(line))) return Status::kBad;
    phase_ = Phase::kHeaders;
    headers_start_ = line_start_ = position_;
  }
  const std::size_t end_max = std::size_t{headers_start_} + limits.max_request_headers_total_size;
  for (;;) {
    if (position_ == line_start_ && position_ < input.size()) {
      if (position_ >= end_max) return bad(BadRequest::kHeadersTooLarge);
      if (!begin_header_line(limits, input[position_])) return Status::kBad;
    }
    const Status status = find_line_end(input, end_max, BadRequest::kHeadersTooLarge);
    if (status != Status::kComplete) return status;
    if (position_ == line_start_ + 2) return Status::kComplete;
    line_start_ = position_;
  }
}

std::string_view HeadScan::method(Bytes input) const {
  return stack::base::as_text(input.subspan(begin_, method_size_));
}

std::string_view HeadScan::target(Bytes input) const {
  return stack::base::as_text(input.subspan(std::size_t{begin_} + method_size_ + 1, target_size_));
}

}  // namespace windhover::server::http
