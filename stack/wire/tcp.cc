#include "stack/wire/tcp.h"

#include <algorithm>

namespace windhover::stack::wire {
namespace {

// Kinds, and whole lengths where they are fixed (RFC 9293 §3.2, RFC 7323, RFC 2018).
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNop = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kWindowScale = 3;
constexpr std::uint8_t kSackPermitted = 4;
constexpr std::uint8_t kSack = 5;
constexpr std::uint8_t kTimestamps = 8;

constexpr std::size_t kSackBlockSize = 8;

}  // namespace

std::optional<TcpOptions> TcpOptions::parse_any(base::Bytes options) {
  TcpOptions result;
  while (!options.empty() && options[0] != kEnd) {
    if (options[0] == kNop) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return std::nullopt;
    const std::size_t length = options[1];
    if (length < 2 || length > options.size()) return std::nullopt;
    if (!result.take(options[0], options.subspan(2, length - 2))) return std::nullopt;
    options = options.subspan(length);
  }
  return result;
}

/// Takes one option; false when its length is not the one that its kind has.
bool TcpOptions::take(std::uint8_t kind, base::Bytes value) {
  switch (kind) {
    case kMss:
      if (value.size() != 2) return false;
      mss = base::load_be<std::uint16_t>(value.data());
      return true;
    case kWindowScale:
      if (value.size() != 1) return false;
      window_scale = std::min(value[0], kWindowScaleMax);
      return true;
    case kSackPermitted:
      sack_permitted = true;
      return value.empty();
    case kSack:
      return take_sack(value);
    case kTimestamps:
      if (value.size() != 8) return false;
      timestamps = load_timestamps(value.data());
      return true;
    default:
      return true;
  }
}

bool TcpOptions::take_sack(base::Bytes value) {
  const std::size_t count = value.size() / kSackBlockSize;
  if (count == 0 || count > kSackBlocksMax || value.size() % kSackBlockSize != 0) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* at = &value[i * kSackBlockSize];
    sack[i] = {Seq(base::load_be<std::uint32_t>(at)), Seq(base::load_be<std::uint32_t>(at + 4))};
  }
  sack_count = static_cast<std::uint8_t>(count);
  return true;
}

void TcpOptions::write_syn(std::uint8_t* at) const {
  if (mss) {
    at[0] = kMss;
    at[1] = 4;
    base::store_be(at + 2, *mss);
    at += 4;
  }
  if (timestamps || sack_permitted) {
    // SACK-permitted takes the place of the two NOPs that would pad the timestamps.
    const bool before_timestamps = timestamps && sack_permitted;
    at[0] = before_timestamps ? kSackPermitted : kNop;
    at[1] = before_timestamps ? 2 : kNop;
    at[2] = timestamps ? kTimestamps : kSackPermitted;
    at[3] = timestamps ? 10 : 2;
    at += 4;
  }
  if (timestamps) {
    base::store_be(at, timestamps->value);
    base::store_be(at + 4, timestamps->echo);
    at += 8;
  }
  if (window_scale) {
    at[0] = kNop;
    at[1] = kWindowScale;
    at[2] = 3;
    at[3] = *window_scale;
  }
}

void TcpOptions::write_sack(std::uint8_t* at) const {
  const std::size_t count = sack_written();
  at[0] = kNop;
  at[1] = kNop;
  at[2] = kSack;
  at[3] = static_cast<std::uint8_t>(2 + kSackBlockSize * count);
  at += 4;
  for (std::size_t i = 0; i < count; ++i, at += kSackBlockSize) {
    base::store_be(at, sack[i].left.value());
    base::store_be(at + 4, sack[i].right.value());
  }
}

}  // namespace windhover::stack::wire
