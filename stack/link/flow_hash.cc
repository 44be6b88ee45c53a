#include "stack/link/flow_hash.h"

#include <array>

#include "stack/base/check.h"

namespace windhover::stack::link {
namespace {

constexpr std::uint32_t kKeyWord = 0x6d5a6d5a;

using Table = std::array<std::uint32_t, 256>;

/// What a byte adds to the hash when its first bit meets the key rotated by `shift`.
constexpr Table make_table(unsigned shift) {
  Table table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const unsigned turn = shift + bit;
      if ((byte & (0x80u >> bit)) != 0)
        table[byte] ^= turn == 0 ? kKeyWord : kKeyWord << turn | kKeyWord >> (32 - turn);
    }
  }
  return table;
}

constexpr Table kHighTable = make_table(0);
constexpr Table kLowTable = make_table(8);

std::uint64_t fold(const wire::Address& address) {
  // An IPv4 address is hashed as the cards do, without its ::ffff prefix; folded with a second one, the prefix cancels.
  const std::uint8_t* const octets = address.mapped().data();
  return base::load_be<std::uint64_t>(octets) ^ base::load_be<std::uint64_t>(octets + 8);
}

}  // namespace

std::uint32_t toeplitz(base::Bytes key, base::Bytes input) {
  CHECK(key.size() >= input.size() + 4);
  std::uint32_t result = 0;
  std::uint32_t window = base::load_be<std::uint32_t>(key.data());
  for (std::size_t at = 0; at < input.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((input[at] & (0x80u >> bit)) != 0) result ^= window;
      window = window << 1 | ((std::uint32_t{key[at + 4]} >> (7 - bit)) & 1u);
    }
  }
  return result;
}

std::uint32_t flow_hash(const wire::Endpoint& one, const wire::Endpoint& other) {
  std::uint64_t words = fold(one.address) ^ fold(other.address);
  words ^= words >> 32;
  words ^= words >> 16;
  return flow_hash(static_cast<std::uint16_t>(words ^ one.port ^ other.port));
}

std::uint32_t flow_hash(std::uint16_t words) { return kHighTable[words >> 8] ^ kLowTable[words & 0xff]; }

}  // namespace windhover::stack::link
