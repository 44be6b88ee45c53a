#pragma once
// What a transfer's client and server say to each other, whichever of the two stacks each of them is on.
//
//   get N   -> N bytes of the pattern, then the end
//   put N, followed by N bytes of the pattern   -> "taken" as soon as all have come, then their SHA-256, then the end
//   sip N   the same, but the server reads by fits and starts: its window closes and opens again
//
// Each line ends in a line feed. What is taken is only stored until "taken" has gone out: hashing is no part of what is
// timed.

#include <cstdint>
#include <optional>
#include <string_view>

#include "stack/base/bytes.h"

namespace windhover::live {

inline constexpr std::string_view kTaken = "taken\n";
inline constexpr std::size_t kRequestSizeMax = 32;                 ///< Bytes, the line feed included.
inline constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 30;  ///< Of one transfer.
inline constexpr std::size_t kSipSize = 256 * 1024;                ///< Bytes that "sip" reads before it pauses,
inline constexpr int kSipPauseMs = 5;                              ///< for so long.

enum class Verb : std::uint8_t { kGet, kPut, kSip };

struct Request {
  Verb verb = Verb::kGet;
  std::uint64_t size = 0;
};

/// Reads a line without its line feed; nothing when it is no request or asks for more than kSizeMax.
std::optional<Request> parse_request(std::string_view line);

/// The verb by its name.
std::optional<Verb> verb_of(std::string_view name);

/// Room for kSizeMax bytes. Pages that are touched stay, so that only the first transfer pays for them.
class Store {
 public:
  /// Throws SetupError. The first `touched` bytes are touched at once.
  explicit Store(std::size_t touched);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  stack::base::MutableBytes bytes() { return bytes_; }

 private:
  stack::base::MutableBytes bytes_;
};

}  // namespace windhover::live
