#pragma once
// Initial sequence numbers and timestamp offsets that an outsider cannot guess (RFC 6528, RFC 7323 §7.1).

#include <array>
#include <cstdint>

#include "stack/base/time.h"
#include "stack/tcp/app.h"
#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

/// Key material: random and secret in production.
struct Keys {
  std::array<std::uint8_t, 16> flow_hash{};
  std::array<std::uint8_t, 16> isn{};
  std::array<std::uint8_t, 16> timestamps{};
  std::array<std::uint8_t, 16> syn_cookies{};
};

/// ISN = M + F(local, remote, key) with M the four-microsecond clock of RFC 9293 §3.4.1.
wire::Seq initial_sequence(const Keys& keys, base::Instant now, const Endpoint& local, const Endpoint& remote);

/// What is added to the millisecond clock for this pair of addresses, the same for each connection between them, so
/// that timestamps grow across connections (RFC 7323 §5.4).
std::uint32_t timestamp_offset(const Keys& keys, const Endpoint& local, const Endpoint& remote);

/// The hash of a flow for tables of this lane.
std::uint64_t flow_hash(const Keys& keys, const Endpoint& local, const Endpoint& remote);

}  // namespace windhover::stack::tcp
