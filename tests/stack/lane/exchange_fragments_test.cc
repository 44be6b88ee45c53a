// Connections of several lanes whose segments all arrive in fragments: those meet on the lane of their addresses, and
// the segments must reach the lanes of their flows.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "stack/lane/exchange.h"
#include "stack/lane/lane.h"
#include "stack/link/steering.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "stack/wire/ipv6_fragment.h"
#include "stack/wire/protocol.h"
#include "tests/stack/lane/fabric.h"
#include "tests/stack/lane/two_stacks.h"

namespace windhover::stack::lane::test {
namespace {

using link::Medium;
using Octets = std::vector<std::uint8_t>;

constexpr std::uint32_t kLanes = 4;
constexpr std::uint32_t kFlows = 6;
constexpr std::uint16_t kPort = 80;
constexpr std::uint64_t kStreamSize = 200'000;
constexpr std::size_t kFirstSize = 24;  // Shows a TCP header without options.
constexpr std::size_t kPieceSize = 496;

/// A device below which every IP packet crosses a router that ignores DF and has a narrow link behind it.
class Shredder final : public link::Device {
 public:
  explicit Shredder(link::Device& below) : below_(below) {}

  std::string_view name() const override { return "shredder"; }
  const link::Caps& caps() const override { return below_.caps(); }
  link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(link::Burst& burst) override { return below_.receive(burst); }
  bool flush() override { return below_.flush(); }
  void pass(link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(base::Duration longest, int wake_fd) override { below_.wait(longest, wake_fd); }
  const link::DeviceStats& stats() const override { return below_.stats(); }

  std::size_t transmit(std::span<link::Frame> frames) override {
    std::size_t taken = 0;
    for (link::Frame& frame : frames) {
      if (!cut(frame)) break;
      frame.reset();
      ++taken;
    }
    return taken;
  }

 private:
  /// False when the device below takes no more.
  bool cut(const link::Frame& frame) {
    const base::Bytes whole = frame.bytes();
    const std::size_t link_size = caps().medium == Medium::kIp ? 0 : wire::EthernetView::kUntaggedSize;
    const base::Bytes packet = whole.subspan(link_size);
    const auto v4 = wire::Ipv4View::parse(packet);
    const auto v6 = wire::Ipv6View::parse(packet);
    const bool tcp = v4 ? v4->protocol() == wire::kProtocolTcp : v6 && v6->next_header() == wire::kProtocolTcp;
    if (!tcp) return send({whole.begin(), whole.end()});  // ARP and NDP.
    const base::Bytes payload = packet.subspan(v4 ? wire::Ipv4Header::kSize : wire::Ipv6Header::kSize);
    ++identification_;
    std::vector<Octets> pieces;
    for (std::size_t at = 0; at < payload.size();) {
      const std::size_t size = std::min(at == 0 ? kFirstSize : kPieceSize, payload.size() - at);
      pieces.push_back(
          piece(whole.first(link_size), packet, at, payload.subspan(at, size), at + size < payload.size()));
      at += size;
    }
    if (identification_ % 2 == 0) std::ranges::reverse(pieces);
    return std::ranges::all_of(pieces, [this](const Octets& one) { return send(one); });
  }

  Octets piece(base::Bytes link_header, base::Bytes packet, std::size_t offset, base::Bytes payload, bool more) const {
    const bool v4 = packet[0] >> 4 == 4;
    Octets made(link_header.begin(), link_header.end());
    const std::size_t at = made.size();
    made.resize(at + (v4 ? 20 : 48));
    const base::MutableBytes header = base::MutableBytes(made).subspan(at);
    if (v4) {
      const auto view = wire::Ipv4View::parse(packet);
      wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(payload.size()),
                       .identification = identification_,
                       .dont_fragment = false,
                       .more_fragments = more,
                       .fragment_offset = static_cast<std::uint16_t>(offset),
                       .protocol = view->protocol(),
                       .source = view->source(),
                       .destination = view->destination()}
          .write(header);
    } else {
      std::copy_n(packet.begin(), 40, header.begin());
      base::store_be(&header[4], static_cast<std::uint16_t>(payload.size() + 8));
      header[6] = wire::kProtocolFragment;
      wire::Ipv6FragmentHeader{.next_header = packet[6],
                               .offset = static_cast<std::uint16_t>(offset),
                               .more = more,
                               .identification = identification_}
          .write(header.subspan(40));
    }
    made.insert(made.end(), payload.begin(), payload.end());
    return made;
  }

  bool send(const Octets& octets) {
    std::array<link::Frame, 1> frame{below_.arena().allocate()};
    if (!frame[0]) return false;
    std::ranges::copy(octets, frame[0].append(octets.size()).begin());
    return below_.transmit(frame) == 1;
  }

  link::Device& below_;
  std::uint16_t identification_ = 0;
};

class FragmentsLanes : public testing::TestWithParam<std::tuple<Medium, bool>> {
 protected:
  struct Acceptor final : tcp::Acceptor {
    tcp::Handler* accept(tcp::Connection&) override {
      streams.push_back(std::make_unique<Streamer>(kStreamSize, false));
      return streams.back().get();
    }
    std::vector<std::unique_ptr<Streamer>> streams;
  };
  struct NoBell final : Doorbell {
    void ring() override {}
  };
  struct Lane {
    Lane(base::Instant now, const Config& config, Fabric& fabric, Exchange& exchange)
        : stack(now, config, keys_of(5), fabric.server(config.ip.lane)),
          loop(stack, fabric.server(config.ip.lane), {}, &exchange, config.ip.lane) {}
    NoBell bell;
    Acceptor acceptor;
    Stack stack;
    Loop loop;
  };
};

TEST_P(FragmentsLanes, StreamsArriveWhole_OnTheLanesOfTheirFlows) {
  const auto [medium, v6] = GetParam();
  const wire::Address client_address = *wire::Address::parse(v6 ? "fd66::1" : "10.66.0.1");
  const wire::Address server_address = *wire::Address::parse(v6 ? "fd66::2" : "10.66.0.2");
  // As a card does: fragments by their addresses, the rest by its flow.
  const auto steer = [medium = medium](base::Bytes frame) {
    const std::uint32_t owner = link::owner_of(frame, medium, kLanes);
    return owner == link::kEveryLane ? 0 : owner;
  };
  base::Instant now = base::Instant{} + 1s;
  Fabric fabric(kLanes, medium, false, steer);
  Exchange exchange(kLanes, 256 * 1024);
  Shredder shredder(fabric.client());
  Stack client(now, config_of(client_address, 1), keys_of(1), shredder);
  Loop client_loop(client, shredder, {});
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    Config config = config_of(server_address, 2);
    config.ip.answers_neighbours = lane == 0;
    config.ip.lane = lane;
    config.ip.lane_count = kLanes;
    lanes.push_back(std::make_unique<Lane>(now, config, fabric, exchange));
    exchange.connect(lane, lanes.back()->bell);
    lanes.back()->stack.listen({server_address, kPort}, lanes.back()->acceptor);
  }
  std::vector<std::unique_ptr<Streamer>> asked;
  for (std::uint32_t flow = 0; flow < kFlows; ++flow) {
    asked.push_back(std::make_unique<Streamer>(kStreamSize, false));
    ASSERT_NE(client.connect(now, {server_address, kPort}, *asked.back()), nullptr);
  }
  const auto closed = [](const auto& streams) {
    return std::ranges::all_of(streams, [](const auto& stream) { return stream->closed.has_value(); });
  };
  for (const base::Instant end = now + 300s; now < end;) {
    bool moved = client_loop.turn(now);
    for (auto& lane : lanes) moved |= lane->loop.turn(now);
    now += moved ? 10us : 200us;
    if (closed(asked) && std::ranges::all_of(lanes, [&](auto& lane) { return closed(lane->acceptor.streams); })) break;
  }
  std::uint64_t reassembled = 0;
  std::size_t serving = 0;
  std::size_t accepted = 0;
  for (auto& lane : lanes) {
    const base::Counters& counters = lane->stack.counters();
    reassembled += counters.value(base::Event::kReassembled);
    serving += lane->acceptor.streams.empty() ? 0 : 1;
    accepted += lane->acceptor.streams.size();
    for (const auto& stream : lane->acceptor.streams) EXPECT_EQ(stream->received, kStreamSize);
    EXPECT_EQ(counters.value(base::Event::kFramesIn), counters.value(base::Event::kFramesConsumed) +
                                                          counters.value(base::Event::kFramesPassed) +
                                                          counters.received_dropped());
    EXPECT_EQ(counters.value(base::Drop::kTcpBadChecksum), 0U);
  }
  EXPECT_EQ(accepted, kFlows);
  EXPECT_GT(serving, 1U);
  EXPECT_GT(reassembled, kFlows * kStreamSize / 1460);
  for (const auto& stream : asked) {
    EXPECT_EQ(stream->received, kStreamSize);
    EXPECT_TRUE(stream->intact);
    EXPECT_EQ(stream->closed, tcp::CloseReason::kFinished);
  }
}

INSTANTIATE_TEST_SUITE_P(Each, FragmentsLanes,
                         testing::Combine(testing::Values(Medium::kIp, Medium::kEthernet), testing::Bool()),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param) == Medium::kIp ? "ip" : "ethernet") +
                                  (std::get<1>(each.param) ? "_v6" : "_v4");
                         });

}  // namespace
}  // namespace windhover::stack::lane::test
