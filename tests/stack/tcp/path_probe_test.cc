#include "stack/tcp/path_probe.h"

#include <gtest/gtest.h>

#include <deque>

#include "stack/wire/icmpv4.h"
#include "tests/stack/lane/two_stacks.h"
#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

/// A device onto a path: frames take `delay`, and packets larger than `limit` vanish. A device that segments does so
/// before the path, so what counts of a super-frame is the size of its segments.
class Narrow final : public link::Device {
 public:
  Narrow(link::Device& below, base::Duration delay) : below_(below), delay_(delay) {}
  ~Narrow() override { waiting_.clear(); }

  std::size_t limit = 65535;
  std::size_t vanished = 0;
  std::size_t largest = 0;  ///< Of what has passed.
  base::Instant now{};

  base::Instant next_due() const { return waiting_.empty() ? base::kNever : waiting_.front().due; }
  void release() {
    while (next_due() <= now) {
      if (below_.transmit({&waiting_.front().frame, 1}) == 0) return;
      waiting_.pop_front();
    }
  }

  std::string_view name() const override { return below_.name(); }
  const link::Caps& caps() const override { return below_.caps(); }
  link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(link::Burst& burst) override { return below_.receive(burst); }
  std::size_t transmit(std::span<link::Frame> frames) override {
    for (link::Frame& frame : frames) {
      const link::Offload& offload = frame.offload();
      const bool segments = offload.gso != link::Gso::kNone;
      const std::size_t size = segments ? std::size_t{offload.header_size} + offload.gso_size : frame.total_size();
      if (size > limit) {
        ++vanished;
        frame.reset();
        continue;
      }
      largest = std::max(largest, size);
      waiting_.push_back({now + delay_, std::move(frame)});
    }
    return frames.size();
  }
  bool flush() override { return below_.flush(); }
  void pass(link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(base::Duration longest, int wake_fd) override { below_.wait(longest, wake_fd); }
  const link::DeviceStats& stats() const override { return below_.stats(); }

 private:
  struct Waiting {
    base::Instant due;
    link::Frame frame;
  };
  link::Device& below_;
  base::Duration delay_;
  std::deque<Waiting> waiting_;
};

/// A server that sends to clients over such a path; nothing is lost on the way back.
class Path {
 public:
  struct Shape {
    std::uint16_t mtu = 1500;
    std::size_t limit = 65535;
    PathProbing probing = PathProbing::kBlackHole;
    bool gso = false;
    bool v6 = false;
    bool sack = true;
  };

  explicit Path(const Shape& shape)
      : pair(wire_of(shape)),
        narrow(pair.second(), 10ms),
        client(now, config(shape, false), lane::test::keys_of(1), pair.first()),
        server(now, config(shape, true), lane::test::keys_of(5), narrow),
        v6_(shape.v6) {
    narrow.limit = shape.limit;
  }
  ~Path() {
    client.stop(now);
    server.stop(now);
  }

  struct Transfer {
    explicit Transfer(std::uint64_t size) : from(size, true), to(0, true), acceptor(from) {}
    lane::test::Streamer from;
    lane::test::Streamer to;
    lane::test::OneHandler acceptor;
  };

  /// Opens a connection on which the server sends `size` bytes. The Transfer must outlive the Path.
  void begin(Transfer& transfer) {
    server.listen({{}, ++port_}, transfer.acceptor);
    ASSERT_NE(client.connect(now, {address(2), port_}, transfer.to), nullptr);
  }

  /// Until all has arrived or `longest` has passed; how long it took.
  base::Duration run(const Transfer& transfer, base::Duration longest) {
    const base::Instant begin = now;
    while (now - begin < longest && !transfer.to.peer_finished) {
      bool moved = step(client, pair.first());
      moved |= step(server, narrow);
      if (moved) continue;
      const base::Instant next = std::min({client.next_deadline(), server.next_deadline(), narrow.next_due()});
      now = std::min(std::max(next, now + 1us), begin + longest);
      narrow.now = now;
      narrow.release();
    }
    return now - begin;
  }

  std::uint64_t events(Event event) const { return server.counters().value(event); }
  wire::Address address(std::uint8_t host) const {
    return wire::Address::parse((v6_ ? "fd66::" : "10.66.0.") + std::to_string(host)).value();
  }

  base::Instant now = base::Instant{} + 1s;
  backends::memory::Pair pair;
  Narrow narrow;
  lane::Stack client;
  lane::Stack server;

 private:
  static backends::memory::Config wire_of(const Shape& shape) {
    backends::memory::Config config;
    config.mtu = shape.mtu;
    config.gso = shape.gso;
    return config;
  }
  static lane::Config config(const Shape& shape, bool is_server) {
    lane::Config result = lane::test::config_of(lane::test::kServerAddress, 2);
    const std::string host = is_server ? "2" : "1";
    result.ip.addresses = {{wire::Address::parse("10.66.0." + host).value(), 24},
                           {wire::Address::parse("fd66::" + host).value(), 64}};
    result.tcp.path_probing = shape.probing;
    result.tcp.sack = shape.sack;
    return result;
  }
  bool step(lane::Stack& stack, link::Device& device) {
    narrow.now = now;
    const bool arrived = device.receive(burst_) > 0;
    stack.input(now, burst_);
    stack.advance(now);
    stack.output(now, burst_);
    const bool leaves = !burst_.empty();
    burst_.drop_front(device.transmit(burst_.frames()));
    EXPECT_TRUE(burst_.empty());
    burst_.clear();
    return arrived || leaves;
  }

  link::Burst burst_;
  std::uint16_t port_ = 1000;
  bool v6_;
};

constexpr std::uint64_t kMegabyte = 1'000'000;

struct Kind {
  const char* name;
  bool gso;
  bool v6;
  bool sack;
};

class BlackHole : public testing::TestWithParam<Kind> {
 protected:
  Path::Shape shape() const {
    return {.limit = 1400, .gso = GetParam().gso, .v6 = GetParam().v6, .sack = GetParam().sack};
  }
};

// RFC 4821 §7.7, RFC 8899 §4.3: packets of more than 1400 bytes vanish and nobody says so.
TEST_P(BlackHole, a_megabyte_gets_through) {
  Path::Transfer transfer(kMegabyte);
  Path path(shape());
  path.begin(transfer);
  EXPECT_LT(path.run(transfer, 60s), 5s);
  EXPECT_EQ(transfer.to.received, kMegabyte);
  EXPECT_TRUE(transfer.to.intact);
  EXPECT_EQ(path.events(Event::kTcpPathBlackHoles), 1U);
}

// The search ends just below what the path carries.
TEST_P(BlackHole, the_largest_size_that_passes_is_found_and_later_connections_begin_with_it) {
  Path::Transfer first(3 * kMegabyte);
  Path::Transfer second(kMegabyte);
  Path path(shape());
  path.begin(first);
  path.run(first, 60s);
  EXPECT_EQ(first.to.received, 3 * kMegabyte);
  EXPECT_LE(path.narrow.largest, 1400U);
  EXPECT_GT(path.narrow.largest, 1400U - 9);

  const std::size_t vanished = path.narrow.vanished;
  path.begin(second);
  EXPECT_LT(path.run(second, 60s), 1s);
  EXPECT_EQ(path.narrow.vanished, vanished);
  EXPECT_EQ(path.events(Event::kTcpPathBlackHoles), 1U);
}

INSTANTIATE_TEST_SUITE_P(Each, BlackHole,
                         testing::Values(Kind{"plain", false, false, true}, Kind{"super_frames", true, false, true},
                                         Kind{"ipv6", false, true, true}, Kind{"without_sack", false, false, false}),
                         [](const auto& kind) { return std::string(kind.param.name); });

TEST(PathProbe, without_it_a_black_hole_ends_the_connection_s_progress) {
  Path::Transfer transfer(kMegabyte);
  Path path({.limit = 1400, .probing = PathProbing::kOff});
  path.begin(transfer);
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 0U);
  EXPECT_EQ(path.events(Event::kTcpPathProbesSent), 0U);
}

TEST(PathProbe, a_path_that_carries_what_it_should_is_never_probed) {
  Path::Transfer transfer(kMegabyte);
  Path path({.mtu = 9000});
  path.begin(transfer);
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, kMegabyte);
  EXPECT_EQ(path.narrow.largest, 9000U);
  EXPECT_EQ(path.events(Event::kTcpPathProbesSent), 0U);
}

// The minimum is tried when the base does not pass either.
TEST(PathProbe, a_path_narrower_than_the_base_is_found_too) {
  Path::Transfer transfer(kMegabyte);
  Path path({.limit = 1000});
  path.begin(transfer);
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, kMegabyte);
  EXPECT_LE(path.narrow.largest, 1000U);
  EXPECT_GT(path.narrow.largest, 900U);
}

TEST(PathProbe, jumbo_frames_fall_to_what_the_path_carries) {
  Path::Transfer transfer(8 * kMegabyte);
  Path path({.mtu = 9000, .limit = 1500});
  path.begin(transfer);
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 8 * kMegabyte);
  EXPECT_EQ(path.events(Event::kTcpPathBlackHoles), 1U);
  EXPECT_LE(path.narrow.largest, 1500U);
  EXPECT_GT(path.narrow.largest, 1500U - 9);
}

TEST(PathProbe, always_reaches_jumbo_size_by_a_probe_and_loses_nothing) {
  Path::Transfer transfer(2 * kMegabyte);
  Path path({.mtu = 9000, .probing = PathProbing::kAlways});
  path.begin(transfer);
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 2 * kMegabyte);
  EXPECT_EQ(path.narrow.largest, 9000U);
  EXPECT_EQ(path.events(Event::kTcpPathProbesSent), 1U);
  EXPECT_EQ(path.events(Event::kTcpRetransmitted), 0U);
}

TEST(PathProbe, what_always_has_found_the_next_connection_begins_with) {
  Path::Transfer first(2 * kMegabyte);
  Path::Transfer second(kMegabyte);
  Path path({.mtu = 9000, .probing = PathProbing::kAlways});
  path.begin(first);
  path.run(first, 60s);
  path.begin(second);
  path.run(second, 60s);
  EXPECT_EQ(second.to.received, kMegabyte);
  EXPECT_EQ(path.events(Event::kTcpPathProbesSent), 1U);
}

// RFC 4821 §7.4, RFC 8899 §3 (8): probes are lost, and the window does not fall for it.
TEST(PathProbe, a_lost_probe_is_no_congestion) {
  Path::Transfer transfer(4 * kMegabyte);
  Path path({.mtu = 9000, .limit = 4000, .probing = PathProbing::kAlways});
  path.begin(transfer);
  const base::Duration took = path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 4 * kMegabyte);
  EXPECT_LE(path.narrow.largest, 4000U);
  EXPECT_GT(path.narrow.largest, 3900U);
  EXPECT_GT(path.events(Event::kTcpPathProbesLost), 3U);
  EXPECT_EQ(path.narrow.vanished, path.events(Event::kTcpPathProbesLost));
  // The same path without anything to search takes as long, but for the holes that had to be filled.
  Path::Transfer plain(4 * kMegabyte);
  Path wide({.mtu = 1500});
  wide.begin(plain);
  EXPECT_LT(took, 2 * wide.run(plain, 60s));
}

// An interface, or a tunnel on the way, whose MTU is lowered in the middle.
TEST(PathProbe, a_path_that_becomes_narrower_under_a_transfer_is_noticed) {
  Path::Transfer transfer(20 * kMegabyte);
  Path path({});
  path.begin(transfer);
  path.run(transfer, 100ms);
  ASSERT_GT(transfer.to.received, 0U);
  ASSERT_LT(transfer.to.received, 10 * kMegabyte);
  path.narrow.limit = 1280;
  path.narrow.largest = 0;
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 20 * kMegabyte);
  EXPECT_TRUE(transfer.to.intact);
  EXPECT_LE(path.narrow.largest, 1280U);
}

// The path was only away: its size comes back with the first probe.
TEST(PathProbe, an_outage_is_taken_for_a_black_hole_only_until_the_first_probe_has_arrived) {
  Path::Transfer transfer(20 * kMegabyte);
  Path path({});
  path.begin(transfer);
  path.run(transfer, 100ms);
  path.narrow.limit = 0;
  path.run(transfer, 2s);
  path.narrow.limit = 65535;
  path.narrow.largest = 0;
  path.run(transfer, 60s);
  EXPECT_EQ(transfer.to.received, 20 * kMegabyte);
  EXPECT_EQ(path.narrow.largest, 1500U);
  EXPECT_EQ(path.events(Event::kTcpPathProbesSent), 1U);
  EXPECT_EQ(path.events(Event::kTcpPathProbesLost), 0U);
}

/// The least that an ICMP error must quote.
base::Bytes quote(const Segment& segment, std::size_t size = 28) { return base::Bytes(segment.packet).first(size); }

class TooBig : public testing::Test {
 protected:
  std::uint32_t mss() { return peer.app().connection->info().snd_mss; }
  void too_big(std::uint32_t mtu, const Segment& segment) {
    peer.send_icmp(3, wire::kIcmpv4FragmentationNeeded, mtu, quote(segment));
  }
  Peer peer;
};

// RFC 5927 §7.2: a router cannot have found too large what fits what it says.
TEST_F(TooBig, an_error_about_a_segment_that_fits_is_not_believed) {
  App& app = peer.establish();
  app.send(text(500));
  const Segment small = peer.expect({.size = 500});
  too_big(540, small);
  EXPECT_EQ(mss(), 1460U);
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 1U);
  peer.expect_nothing();
  peer.send({});
  app.send(text(1460));
  const Segment large = peer.expect({.size = 1460});
  too_big(1500, large);
  EXPECT_EQ(mss(), 1460U);
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 2U);
  too_big(1499, large);
  EXPECT_EQ(mss(), 1459U);
  peer.take_all();
}

TEST_F(TooBig, an_error_about_a_syn_is_not_believed) {
  peer.connect();
  const Segment syn = peer.expect({.flags = kTcpSyn});
  too_big(576, syn);
  EXPECT_EQ(mss(), 1460U);
  EXPECT_EQ(peer.drops(Drop::kIcmpIgnored), 1U);
}

// RFC 5927 §7.2: segments of that size do arrive, so the error may be forged. It counts when its segment does not.
TEST_F(TooBig, an_error_waits_for_a_timeout_when_larger_segments_have_arrived) {
  App& app = peer.establish();
  app.send(text(1460));
  peer.expect({.size = 1460});
  peer.advance(20ms);
  peer.send({});
  app.send(text(1460));
  const Segment sent = peer.expect({.size = 1460});
  peer.rcv_nxt = sent.seq;
  too_big(1000, sent);
  EXPECT_EQ(mss(), 1460U);
  peer.advance(150ms);
  peer.expect_nothing();
  EXPECT_EQ(mss(), 1460U);
  peer.advance(150ms);
  EXPECT_EQ(mss(), 960U);
  peer.expect({.seq = sent.seq, .size = 960});
  peer.send({.ack = sent.seq + 960});
  peer.expect({.seq = sent.seq + 960, .size = 500});
  peer.send({.ack = sent.seq + 1460});
}

TEST_F(TooBig, an_error_whose_segment_arrives_is_forgotten) {
  App& app = peer.establish();
  app.send(text(1460));
  peer.expect({.size = 1460});
  peer.advance(20ms);
  peer.send({});
  app.send(text(1460));
  too_big(1000, peer.expect({.size = 1460}));
  peer.send({});
  app.send(text(1460));
  const Segment next = peer.expect({.size = 1460});
  peer.advance(300ms);  // A timeout of something else.
  peer.expect({.seq = next.seq, .size = 1460});
  EXPECT_EQ(mss(), 1460U);
  peer.send({});
}

TEST_F(TooBig, nothing_goes_below_the_minimum) {
  App& app = peer.establish();
  app.send(text(1460));
  too_big(68, peer.expect({.size = 1460}));
  EXPECT_EQ(mss(), 536U);
  peer.take_all();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
