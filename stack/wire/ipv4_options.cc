#include "stack/wire/ipv4_options.h"

#include "stack/wire/ipv4.h"

namespace windhover::stack::wire {
namespace {

using Verdict = Ipv4Options::Verdict;

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kRecordRoute = 7;
constexpr std::uint8_t kTimestamp = 68;
constexpr std::uint8_t kLooseSourceRoute = 131;
constexpr std::uint8_t kStrictSourceRoute = 137;

Ipv4Options found(Verdict verdict, std::size_t at) { return {verdict, static_cast<std::uint8_t>(at)}; }

}  // namespace

Ipv4Options check_options(base::Bytes header) {
  std::size_t at = Ipv4View::kHeaderSizeMin;
  while (at < header.size()) {
    const std::uint8_t type = header[at];
    if (type == kEnd) break;
    if (type == kNoOperation) {
      ++at;
      continue;
    }
    const std::size_t left = header.size() - at;
    if (left < 2) return found(Verdict::kMalformed, at);
    const std::size_t size = header[at + 1];
    // The smallest pointer is the first octet of data, counted from one: behind type, length and pointer, and in a
    // timestamp behind one octet more.
    const std::size_t first_data = type == kTimestamp ? 5 : 4;
    const bool has_pointer = type == kRecordRoute || type == kTimestamp;
    if (size < (has_pointer ? first_data - 1 : 2) || size > left) return found(Verdict::kMalformed, at + 1);
    if (type == kLooseSourceRoute || type == kStrictSourceRoute) return found(Verdict::kSourceRoute, at);
    if (has_pointer && header[at + 2] < first_data) return found(Verdict::kMalformed, at + 2);
    at += size;
  }
  return {};
}

}  // namespace windhover::stack::wire
