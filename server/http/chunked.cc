#include "server/http/chunked.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "server/http/characters.h"

namespace windhover::server::http {
namespace {

using stack::base::Bytes;

// FNV-1a. A name made to collide with a refused one is refused too, and that is all.
constexpr std::uint64_t kHashStart = 0xcbf29ce484222325;
constexpr std::uint64_t hash_next(std::uint64_t hash, std::uint8_t byte) {
  const std::uint8_t lower = byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20) : byte;
  return (hash ^ lower) * 0x100000001b3;
}
constexpr std::uint64_t hash_of(std::string_view name) {
  std::uint64_t hash = kHashStart;
  for (const char c : name) hash = hash_next(hash, static_cast<std::uint8_t>(c));
  return hash;
}

/// RFC 9110 6.5.1: fields of framing, routing and control have no place in a trailer.
constexpr std::array kRefusedTrailers = {
    hash_of("content-length"),
    hash_of("transfer-encoding"),
    hash_of("host"),
    hash_of("connection"),
    hash_of("content-encoding"),
    hash_of("content-type"),
    hash_of("trailer"),
    hash_of("content-range"),
    hash_of("authorization"),
    hash_of("expect"),
    hash_of("te"),
    hash_of("upgrade"),
};

}  // namespace

bool ChunkedDecoder::end_of_size() {
  digits_ = 0;
  return go(State::kSizeLf);
}

bool ChunkedDecoder::take_size(std::uint8_t byte) {
  if (is_class(byte, kHexDigit)) {
    if (++digits_ > kSizeDigitsMax) return refuse(BadRequest::kChunk);
    remaining_ = remaining_ << 4 | hex_value(byte);
    return true;
  }
  if (digits_ == 0) return refuse(BadRequest::kChunk);
  if (byte == '\r') return end_of_size();
  if (byte != ';') return refuse(BadRequest::kChunk);
  name_begun_ = false;
  ++extensions_size_;
  return go(State::kExtensionName);
}

// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] )
bool ChunkedDecoder::take_extension(std::uint8_t byte) {
  if (++extensions_size_ > kExtensionsSizeMax) return refuse(BadRequest::kChunkExtension);
  switch (state_) {
    case State::kExtensionName:
      if (is_class(byte, kToken)) {
        name_begun_ = true;
        return true;
      }
      if (!name_begun_) return refuse(BadRequest::kChunkExtension);
      if (byte == '=') return go(State::kExtensionValue);
      break;
    case State::kExtensionValue:
      if (byte == '"') return go(State::kExtensionQuoted);
      if (is_class(byte, kToken)) return go(State::kExtensionToken);
      return refuse(BadRequest::kChunkExtension);
    case State::kExtensionToken:
      if (is_class(byte, kToken)) return true;
      break;
    case State::kExtensionQuoted:
      if (byte == '"') return go(State::kExtensionEnd);
      if (is_class(byte, kNotValue)) return refuse(BadRequest::kChunkExtension);
      return go(byte == '\\' ? State::kExtensionEscape : State::kExtensionQuoted);
    case State::kExtensionEscape:
      if (is_class(byte, kNotValue)) return refuse(BadRequest::kChunkExtension);
      return go(State::kExtensionQuoted);
    default:
      break;
  }
  if (byte == '\r') return end_of_size();
  if (byte != ';') return refuse(BadRequest::kChunkExtension);
  name_begun_ = false;
  return go(State::kExtensionName);
}

bool ChunkedDecoder::take_trailer(std::uint8_t byte) {
  if (++trailers_size_ > kTrailersSizeMax) return refuse(BadRequest::kTrailersTooLarge);
  switch (state_) {
    case State::kTrailerStart:
      if (byte == '\r') return go(State::kLastLf);
      if (!is_class(byte, kToken)) return refuse(BadRequest::kTrailer);
      name_hash_ = hash_next(kHashStart, byte);
      return go(State::kTrailerName);
    case State::kTrailerName:
      if (is_class(byte, kToken)) {
        name_hash_ = hash_next(name_hash_, byte);
        return true;
      }
      if (byte != ':') return refuse(BadRequest::kTrailer);
      if (std::find(kRefusedTrailers.begin(), kRefusedTrailers.end(), name_hash_) != kRefusedTrailers.end()) {
        return refuse(BadRequest::kTrailer);
      }
      return go(State::kTrailerValue);
    case State::kTrailerValue:
      if (byte == '\r') return go(State::kTrailerLf);
      return is_class(byte, kNotValue) ? refuse(BadRequest::kTrailer) : true;
    default:
      return byte == '\n' ? go(State::kTrailerStart) : refuse(BadRequest::kTrailer);
  }
}

bool ChunkedDecoder::take(std::uint8_t byte) {
  switch (state_) {
    case State::kSize:
      return take_size(byte);
    case State::kExtensionName:
    case State::kExtensionValue:
    case State::kExtensionToken:
    case State::kExtensionQuoted:
    case State::kExtensionEscape:
    case State::kExtensionEnd:
      return take_extension(byte);
    case State::kSizeLf:
      if (byte != '\n') return refuse(BadRequest::kChunk);
      return go(remaining_ == 0 ? State::kTrailerStart : State::kData);
    case State::kData:
    case State::kDataCr:
      return byte == '\r' ? go(State::kDataLf) : refuse(BadRequest::kChunk);
    case State::kDataLf:
      return byte == '\n' ? go(State::kSize) : refuse(BadRequest::kChunk);
    case State::kLastLf:
      complete_ = byte == '\n';
      return complete_ || refuse(BadRequest::kTrailer);
    default:
      return take_trailer(byte);
  }
}

ChunkedDecoder::Step ChunkedDecoder::step(Bytes input) {
  std::size_t at = 0;
  while (at < input.size()) {
    if (state_ == State::kData) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, input.size() - at));
      remaining_ -= size;
      if (remaining_ == 0) state_ = State::kDataCr;
      return {Status::kData, at + size, input.subspan(at, size), {}};
    }
    if (!take(input[at])) return {Status::kBad, at, {}, reason_};
    ++at;
    if (complete_) return {Status::kComplete, at, {}, {}};
  }
  return {Status::kNeedMore, at, {}, {}};
}

}  // namespace windhover::server::http
