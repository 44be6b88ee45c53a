// Any fragments, at any times: no crash, every frame accounted for, every buffer home, and a packet that was put
// together holds at each place what was sent for that place.
//
// Input: one byte, whose lowest bit chooses between
//   raw packets:  steps of [seconds][size, two bytes big-endian][a packet], which may say anything;
//   made ones:    steps of [seconds][what][offset, two bytes][size], fragments of a few packets, right but for where
//                 they lie.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "stack/base/bytes.h"
#include "stack/base/check.h"
#include "stack/ip/ip.h"
#include "stack/link/device.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ipv6_fragment.h"
#include "stack/wire/protocol.h"

namespace {

using windhover::stack::base::Bytes;
using windhover::stack::base::Counters;
using windhover::stack::base::Event;
using windhover::stack::base::Instant;
using windhover::stack::base::load_be;
using windhover::stack::base::MutableBytes;
using windhover::stack::link::Frame;
using windhover::stack::wire::Address;
namespace ip = windhover::stack::ip;
namespace link = windhover::stack::link;
namespace wire = windhover::stack::wire;

constexpr std::size_t kPacketMax = 4096;
constexpr std::uint8_t kNoProtocol = 253;  // RFC 3692: nobody looks into it.

// What a step of a made fragment says besides its place.
constexpr std::uint8_t kV6 = 1;
constexpr std::uint8_t kMore = 2;
constexpr std::uint8_t kIdentification = 0x0c;  // Two bits.
constexpr std::uint8_t kUnits = 0x10;           // Sizes count eight octets.

const Address kOurs4 = Address::v4(0x0a420002);
const Address kPeer4 = Address::v4(0x0a420001);
const Address kOurs6 = *Address::parse("fd66::2");
const Address kPeer6 = *Address::parse("fd66::1");

/// What belongs at a place of a made packet's payload.
std::uint8_t octet_at(std::size_t place) { return static_cast<std::uint8_t>(place * 37 + place / 256 * 11); }

ip::Config config() {
  ip::Config config;
  config.addresses = {{kOurs4, 24}, {kOurs6, 64}};
  config.dad_transmits = 0;
  config.reassembly_memory = std::size_t{512} * 1024;
  config.reassembly_packets_max = 8;
  config.reassembly_fragments_max = 16;
  return config;
}

class World {
 public:
  World()
      : received_({.frame_count = 2, .frame_size = kPacketMax, .headroom = 0, .pieces = false}),
        transmitted_({.frame_count = 8, .frame_size = 2048, .headroom = 0, .pieces = false}),
        ip_(now_, config(), caps_, transmitted_, counters_, {1, 2, 3}) {}

  void pass_time(std::uint8_t seconds) {
    now_ += std::chrono::seconds(seconds);
    ip_.advance(now_);
    CHECK(ip_.next_deadline() > now_);
  }

  /// `made`: a whole packet's octets are known.
  void input(Bytes packet, bool made) {
    Frame frame = received_.allocate();
    std::ranges::copy(packet, frame.append(packet.size()).begin());
    ++frames_;
    ip::Input input = ip_.input(now_, std::move(frame));
    if (auto* whole = std::get_if<ip::Packet>(&input)) {
      if (made) check(*whole);
      ip_.reject(now_, std::move(*whole));
    } else if (!std::holds_alternative<ip::Consumed>(input)) {
      ++handed_up_;
    }
    CHECK(frames_ == counters_.value(Event::kFramesConsumed) + counters_.received_dropped() + handed_up_);
    link::Burst burst;
    ip_.output(burst);
    burst.clear();
  }

 private:
  static void check(const ip::Packet& packet) {
    const Bytes payload = packet.frame.bytes();
    for (std::size_t place = 0; place < payload.size(); ++place) CHECK(payload[place] == octet_at(place));
  }

  static link::Caps tun() {
    link::Caps caps;
    caps.medium = link::Medium::kIp;
    return caps;
  }

  Instant now_{std::chrono::seconds(1000)};
  link::Caps caps_ = tun();
  Counters counters_;
  link::FrameArena received_;
  link::FrameArena transmitted_;
  ip::Ip ip_;
  std::uint64_t frames_ = 0;
  std::uint64_t handed_up_ = 0;
};

std::size_t write_head(std::uint8_t what, std::uint16_t offset, std::size_t size, MutableBytes to) {
  const std::uint8_t identification = (what & kIdentification) >> 2;
  const bool more = (what & kMore) != 0;
  if ((what & kV6) == 0) {
    wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(size),
                     .identification = identification,
                     .dont_fragment = false,
                     .more_fragments = more,
                     .fragment_offset = offset,
                     .protocol = kNoProtocol,
                     .source = kPeer4,
                     .destination = kOurs4}
        .write(to);
    return wire::Ipv4Header::kSize;
  }
  wire::Ipv6Header{.payload_size = static_cast<std::uint16_t>(size + wire::Ipv6FragmentHeader::kSize),
                   .next_header = wire::kProtocolFragment,
                   .source = kPeer6,
                   .destination = kOurs6}
      .write(to);
  wire::Ipv6FragmentHeader{.next_header = kNoProtocol, .offset = offset, .more = more, .identification = identification}
      .write(to.subspan(wire::Ipv6Header::kSize));
  return wire::Ipv6Header::kSize + wire::Ipv6FragmentHeader::kSize;
}

void run_made(World& world, Bytes rest) {
  constexpr std::size_t kStep = 5;
  for (; rest.size() >= kStep; rest = rest.subspan(kStep)) {
    world.pass_time(rest[0]);
    const auto offset = static_cast<std::uint16_t>(load_be<std::uint16_t>(&rest[2]) & 0xfff8);
    const std::size_t size = (rest[1] & kUnits) != 0 ? rest[4] * std::size_t{8} : rest[4];
    std::array<std::uint8_t, kPacketMax> packet{};
    const std::size_t head = write_head(rest[1], offset, size, packet);
    for (std::size_t at = 0; at < size; ++at) packet[head + at] = octet_at(offset + at);
    world.input(Bytes(packet).first(head + size), true);
  }
}

void run_raw(World& world, Bytes rest) {
  constexpr std::size_t kStep = 3;
  while (rest.size() >= kStep) {
    world.pass_time(rest[0]);
    const std::size_t size = std::min<std::size_t>({load_be<std::uint16_t>(&rest[1]), rest.size() - kStep, kPacketMax});
    std::array<std::uint8_t, kPacketMax> packet{};
    std::ranges::copy(rest.subspan(kStep, size), packet.begin());
    if (size >= wire::Ipv4Header::kSize && packet[0] >> 4 == 4) {  // A checksum is not to be guessed.
      const std::size_t header = std::min<std::size_t>(std::max<std::size_t>((packet[0] & 0xfU) * 4, 20), size);
      packet[10] = packet[11] = 0;
      windhover::stack::base::store_be(&packet[10], wire::sum(Bytes(packet).first(header)).finish());
    }
    world.input(Bytes(packet).first(size), false);
    rest = rest.subspan(kStep + size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  World world;
  const Bytes rest(data + 1, size - 1);
  (data[0] & 1) != 0 ? run_made(world, rest) : run_raw(world, rest);
  return 0;
}
