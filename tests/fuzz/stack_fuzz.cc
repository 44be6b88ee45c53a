// Any frames, at any times, with any moves of the application: no crash, and every buffer comes home.
//
// Input: steps of [moves][milliseconds][size, two bytes big-endian][a packet]. A packet whose step asks for it gets the
// numbers that the stack expects, so that mutation reaches the states behind the handshake.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "backends/memory/pair.h"
#include "stack/base/bytes.h"
#include "stack/lane/stack.h"

namespace {

using windhover::stack::base::Bytes;
using windhover::stack::base::Instant;
using windhover::stack::base::load_be;
using windhover::stack::base::MutableBytes;
using windhover::stack::base::store_be;
using windhover::stack::link::Burst;
using windhover::stack::link::Device;
using windhover::stack::link::Frame;
using windhover::stack::tcp::CloseReason;
using windhover::stack::tcp::Connection;
using windhover::stack::wire::Address;

// What a step asks for besides its packet.
constexpr std::uint8_t kExpectedNumbers = 1;
constexpr std::uint8_t kChecksumVerified = 2;
constexpr std::uint8_t kShutdown = 4;
constexpr std::uint8_t kAbort = 8;
constexpr std::uint8_t kPause = 16;
constexpr std::uint8_t kResume = 32;

constexpr std::size_t kHeaderSize = 40;  // IPv4 and TCP, both without options.

/// Sends back what it hears, and remembers its newest connection.
class Echo final : public windhover::stack::tcp::Acceptor, public windhover::stack::tcp::Handler {
 public:
  windhover::stack::tcp::Handler* accept(Connection&) override { return this; }
  void on_established(Connection& connection) override { newest_ = &connection; }
  void on_data(Connection& connection, Bytes bytes) override { connection.send(bytes); }
  void on_sendable(Connection&) override {}
  void on_peer_finished(Connection& connection) override { connection.shutdown(); }
  void on_timer(Connection&) override {}
  void on_closed(Connection& connection, CloseReason) override {
    if (newest_ == &connection) newest_ = nullptr;
  }

  void move(std::uint8_t moves) {
    if (newest_ == nullptr) return;
    if ((moves & kPause) != 0) newest_->pause_reading();
    if ((moves & kResume) != 0) newest_->resume_reading();
    if ((moves & kShutdown) != 0) newest_->shutdown();
    if ((moves & kAbort) != 0) newest_->abort();
  }

 private:
  Connection* newest_ = nullptr;
};

/// What the stack last said of the connection: the numbers that it would like to see next.
struct Numbers {
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;

  void learn(Bytes packet) {
    if (packet.size() < kHeaderSize || packet[0] != 0x45 || packet[9] != 6) return;
    const bool counts = (packet[33] & 0x03) != 0;  // SYN and FIN take one number each.
    const auto size = static_cast<std::uint32_t>(packet.size() - 20 - (packet[32] >> 4) * 4u);
    seq = load_be<std::uint32_t>(packet.data() + 28);
    ack = load_be<std::uint32_t>(packet.data() + 24) + size + (counts ? 1 : 0);
  }

  void put_into(MutableBytes packet) const {
    if (packet.size() < kHeaderSize || packet[0] != 0x45 || packet[9] != 6) return;
    store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
    store_be(packet.data() + 10, std::uint16_t{0});
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < 20; at += 2) sum += load_be<std::uint16_t>(packet.data() + at);
    sum = (sum & 0xffff) + (sum >> 16);
    store_be(packet.data() + 10, static_cast<std::uint16_t>(~(sum + (sum >> 16))));
    // What the input has there is kept as a distance, so that near misses can be found.
    store_be(packet.data() + 24, seq + load_be<std::uint32_t>(packet.data() + 24));
    store_be(packet.data() + 28, ack + load_be<std::uint32_t>(packet.data() + 28));
  }
};

void let_speak(windhover::stack::lane::Stack& stack, Instant now, Device& ours, Device& theirs, Numbers& numbers) {
  for (int turn = 0; turn < 8; ++turn) {
    Burst burst;
    stack.output(now, burst);
    if (burst.empty()) return;
    ours.transmit(burst.frames());
    Burst heard;
    theirs.receive(heard);
    for (const Frame& frame : heard.frames()) numbers.learn(frame.bytes());
  }
}

windhover::stack::lane::Config config() {
  windhover::stack::lane::Config config;
  config.ip.addresses = {{*Address::parse("10.66.0.2"), 24}, {*Address::parse("fd66::2"), 64}};
  config.ip.dad_transmits = 0;  // Inputs may begin with a connection.
  config.ip.neighbours_max = 16;
  config.tcp.connections_max = 16;
  config.tcp.backlog = 4;
  config.tcp.time_wait_max = 4;
  config.tcp.receive_window = 16 * 1024;
  config.tcp.send_buffer = 16 * 1024;
  config.tcp.send_blocks = 32;
  config.tcp.send_entries = 64;
  config.tcp.reassembly_blocks = 32;
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const windhover::stack::lane::Config kConfig = config();
  windhover::backends::memory::Pair pair({.ring_frames = 64, .transmit_frames = 128, .receive_frames = 16});
  Device& ours = pair.first();
  Device& theirs = pair.second();
  Echo echo;
  Instant now{std::chrono::seconds(1)};
  windhover::stack::lane::Stack stack(now, kConfig, {}, ours);
  stack.listen({Address{}, 8080}, echo);

  Numbers numbers;
  Bytes rest(data, size);
  while (rest.size() >= 4) {
    const std::uint8_t moves = rest[0];
    now += std::chrono::milliseconds(rest[1]);
    const std::size_t packet_size = std::min<std::size_t>({load_be<std::uint16_t>(&rest[2]), rest.size() - 4, 1500});
    Frame frame = theirs.arena().allocate();
    if (frame) {
      std::ranges::copy(rest.subspan(4, packet_size), frame.append(packet_size).begin());
      if ((moves & kExpectedNumbers) != 0) numbers.put_into(frame.bytes());
      if ((moves & kChecksumVerified) != 0) {
        frame.offload().checksum = windhover::stack::link::Checksum::kVerified;
      }
      Burst burst;
      burst.push(std::move(frame));
      stack.input(now, burst);
    }
    rest = rest.subspan(4 + packet_size);
    echo.move(moves);
    stack.advance(now);
    let_speak(stack, now, ours, theirs, numbers);
  }
  stack.stop(now);
  let_speak(stack, now, ours, theirs, numbers);
  return 0;
}
