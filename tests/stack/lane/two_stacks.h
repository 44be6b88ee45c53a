#pragma once
// Two stacks on the two ends of a memory pair, in virtual time: what passes between them arrives at once.
//
// Thread: one. Nothing here allocates after construction, so that stack_allocation_test.cc can count what the stack
// does.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "backends/memory/pair.h"
#include "stack/lane/stack.h"

namespace windhover::stack::lane::test {

using namespace std::chrono_literals;

inline const wire::Address kClientAddress = wire::Address::v4(0x0a420001);
inline const wire::Address kServerAddress = wire::Address::v4(0x0a420002);

inline Config config_of(const wire::Address& address, std::uint8_t last_octet_of_mac) {
  Config config;
  config.ip.addresses = {{address, 24}};
  config.ip.mac = wire::MacAddress{{0x02, 0, 0, 0, 0, last_octet_of_mac}};
  config.ip.dad_transmits = 0;  // The first connection does not wait.
  config.tcp.connections_max = config.tcp.time_wait_max = 8;
  config.tcp.send_blocks = config.tcp.send_entries = config.tcp.reassembly_blocks = 512;
  return config;
}

inline tcp::Keys keys_of(std::uint8_t seed) {
  tcp::Keys keys;
  keys.flow_hash.fill(seed);
  keys.isn.fill(static_cast<std::uint8_t>(seed + 1));
  keys.timestamps.fill(static_cast<std::uint8_t>(seed + 2));
  keys.syn_cookies.fill(static_cast<std::uint8_t>(seed + 3));
  return keys;
}

/// The byte at `offset` of every stream.
inline std::uint8_t byte_at(std::uint64_t offset) { return static_cast<std::uint8_t>(offset * 31 + offset / 251); }

/// Sends `size` bytes of the stream from a shared buffer or copied, checks what it receives, and closes in turn.
class Streamer final : public tcp::Handler {
 public:
  Streamer(std::uint64_t size, bool shared) : size_(size), shared_(shared), chunk_(std::make_unique<Chunk>()) {
    buffer_ = base::BufferRef(chunk_.get());
  }

  void on_established(tcp::Connection& connection) override { write(connection); }
  void on_data(tcp::Connection&, base::Bytes bytes) override {
    for (const std::uint8_t byte : bytes) intact &= byte == byte_at(received++ % Chunk::kSize);
  }
  void on_sendable(tcp::Connection& connection) override { write(connection); }
  void on_peer_finished(tcp::Connection&) override { peer_finished = true; }
  void on_timer(tcp::Connection&) override {}
  void on_drained(tcp::Connection& connection) override { write(connection); }
  void on_closed(tcp::Connection& connection, tcp::CloseReason reason) override {
    closed = reason;
    out_of_order = connection.info().rcv_ooopack;
  }

  std::uint64_t received = 0;
  std::uint32_t out_of_order = 0;  ///< Segments that came so.
  bool intact = true;
  bool peer_finished = false;
  std::optional<tcp::CloseReason> closed;

 private:
  struct Chunk final : base::Buffer {
    static constexpr std::size_t kSize = 251 * 256;
    Chunk() : Buffer(bytes, kSize, [](Buffer*) noexcept {}) {
      for (std::size_t at = 0; at < kSize; ++at) bytes[at] = byte_at(at);
    }
    std::uint8_t bytes[kSize];
  };

  void write(tcp::Connection& connection) {
    while (sent_ < size_) {
      const std::size_t offset = sent_ % Chunk::kSize;
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size_ - sent_, Chunk::kSize - offset));
      const base::Slice slice{buffer_, offset, count};
      const std::size_t taken = shared_ ? (connection.send(slice) ? count : 0) : connection.send(slice.bytes());
      sent_ += taken;
      if (taken < count) return;
    }
    connection.shutdown();
  }

  std::uint64_t size_;
  std::uint64_t sent_ = 0;
  bool shared_;
  std::unique_ptr<Chunk> chunk_;
  base::BufferRef buffer_;
};

/// Gives each connection the one handler it was made with.
class OneHandler final : public tcp::Acceptor {
 public:
  explicit OneHandler(tcp::Handler& handler) : handler_(handler) {}
  tcp::Handler* accept(tcp::Connection&) override { return &handler_; }

 private:
  tcp::Handler& handler_;
};

class TwoStacks {
 public:
  /// `change` is done to both configurations.
  explicit TwoStacks(
      const backends::memory::Config& wire, void (*change)(Config&) = [](Config&) {})
      : pair(wire),
        client(now, changed(config_of(kClientAddress, 1), change), keys_of(1), pair.first()),
        server(now, changed(config_of(kServerAddress, 2), change), keys_of(5), pair.second()) {}

  /// Carries frames and fires timers until nothing is left to do before `longest` has passed.
  void run(base::Duration longest) {
    const base::Instant end = now + longest;
    while (now <= end) {
      bool moved = step(client, pair.first());
      moved |= step(server, pair.second());
      if (moved) continue;
      const base::Instant next = std::min(client.next_deadline(), server.next_deadline());
      if (next > end) break;
      now = std::max(next, now + 1us);
    }
    now = end;
  }

  /// One turn of one lane; true when a frame moved.
  bool step(Stack& stack, link::Device& device) {
    const bool arrived = device.receive(burst_) > 0;
    stack.input(now, burst_);
    stack.advance(now);
    stack.output(now, burst_);
    const bool leaves = !burst_.empty();
    burst_.drop_front(device.transmit(burst_.frames()));
    lost += burst_.size();
    burst_.clear();
    return arrived || leaves;
  }

  void expect_accounted() const {
    for (const Stack* stack : {&client, &server}) {
      const base::Counters& counters = stack->counters();
      EXPECT_EQ(counters.value(base::Event::kFramesIn), counters.value(base::Event::kFramesConsumed) +
                                                            counters.value(base::Event::kFramesPassed) +
                                                            counters.received_dropped());
    }
  }

  base::Instant now = base::Instant{} + 1s;
  backends::memory::Pair pair;
  Stack client;
  Stack server;
  std::uint64_t lost = 0;  ///< Frames that found the wire full: lost, as on any wire.

 private:
  static Config changed(Config config, void (*change)(Config&)) {
    change(config);
    return config;
  }

  link::Burst burst_;
};

}  // namespace windhover::stack::lane::test
