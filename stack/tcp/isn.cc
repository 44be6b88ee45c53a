#include "stack/tcp/isn.h"

#include "stack/base/siphash.h"

namespace windhover::stack::tcp {
namespace {

std::uint64_t word(const Endpoint& endpoint, std::size_t offset) {
  return base::load_be<std::uint64_t>(endpoint.address.mapped().data() + offset);
}

/// IPv4 flows differ only in the last words of their mapped addresses, so those alone are hashed.
std::uint64_t hash_endpoints(const base::SipKey& key, const Endpoint& local, const Endpoint& remote,
                             std::uint32_t ports) {
  if (remote.address.is_v4()) {
    const std::uint64_t addresses = std::uint64_t{local.address.v4_value()} << 32 | remote.address.v4_value();
    return base::siphash(key, std::array<std::uint64_t, 2>{addresses, ports});
  }
  return base::siphash(
      key, std::array<std::uint64_t, 5>{word(local, 0), word(local, 8), word(remote, 0), word(remote, 8), ports});
}

std::uint32_t ports_of(const Endpoint& local, const Endpoint& remote) {
  return std::uint32_t{local.port} << 16 | remote.port;
}

}  // namespace

wire::Seq initial_sequence(const Keys& keys, base::Instant now, const Endpoint& local, const Endpoint& remote) {
  const auto clock = now.time_since_epoch() / std::chrono::microseconds(4);
  const std::uint64_t offset = hash_endpoints(keys.isn, local, remote, ports_of(local, remote));
  return wire::Seq(static_cast<std::uint32_t>(clock) + static_cast<std::uint32_t>(offset));
}

std::uint32_t timestamp_offset(const Keys& keys, const Endpoint& local, const Endpoint& remote) {
  return static_cast<std::uint32_t>(hash_endpoints(keys.timestamps, local, remote, 0));
}

std::uint64_t flow_hash(const Keys& keys, const Endpoint& local, const Endpoint& remote) {
  return hash_endpoints(keys.flow_hash, local, remote, ports_of(local, remote));
}

}  // namespace windhover::stack::tcp
