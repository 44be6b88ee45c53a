// Any sequence of segments, times and moves of applications: what holds of TCP holds after each of them, and at the end
// everything has closed and every buffer is back.
//
// Two kinds of connections share one stack. The peers of *wild* ones are played by hand: near to right and wrong in
// every way, but their bytes are those of one stream, so that whatever arrives can be told to be in its place. The
// *honest* one is with a second stack, over a line on which the input loses, repeats, holds and reorders; somebody who
// does not see it forges resets and SYNs into it. It must bring every byte, once and in order, and end by itself alone.
//
// Input: steps of [kind and flow][time][what the kind needs]; sequence_flow.cc says what a segment is made of.

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "backends/memory/pair.h"
#include "stack/base/check.h"
#include "stack/lane/stack.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"
#include "tests/fuzz/sequence_app.h"
#include "tests/fuzz/sequence_flow.h"

namespace windhover::fuzz {
namespace {

using stack::base::Bytes;
using stack::base::Duration;
using stack::base::Event;
using stack::base::Instant;
using stack::lane::Stack;
using stack::link::Burst;
using stack::link::Device;
using stack::link::Frame;
using stack::tcp::CloseReason;
using stack::tcp::Connection;
using stack::tcp::Endpoint;
using stack::wire::Address;
using stack::wire::Seq;
using stack::wire::TcpHeader;
using stack::wire::TcpView;
using std::chrono::milliseconds;

constexpr std::size_t kStepsMax = 400;
constexpr std::size_t kFlowsMax = 8;
constexpr std::size_t kReplaysMax = 8;
constexpr std::size_t kLineMax = 128;
constexpr std::uint16_t kHonestPort = 7;
constexpr std::uint16_t kWildPort = 80;
constexpr std::uint32_t kNearWrap = 0xffffe000;

// No move of ours makes more frames than this, nor keeps the stack busy for longer at one time.
constexpr std::size_t kFramesPerStepMax = 2048;
constexpr int kTurnsMax = 256;
// Within this everything has ended, whoever is silent: 15 doublings of the first timeout, and TIME-WAIT.
constexpr Duration kEndMax = std::chrono::hours(2);

Address address(const char* text) { return *Address::parse(text); }
const Address kStackV4 = address("10.66.0.2");
const Address kStackV6 = address("fd66::2");
const Address kWildV4 = address("10.66.0.1");
const Address kWildV6 = address("fd66::1");
const Address kHonestV4 = address("10.66.0.3");

stack::lane::Config config(const std::vector<Address>& addresses) {
  stack::lane::Config made;
  for (const Address& one : addresses) made.ip.addresses.push_back({one, std::uint8_t(one.is_v4() ? 24 : 64)});
  made.ip.dad_transmits = 0;
  made.ip.neighbours_max = 4;
  made.ip.reassembly_packets_max = 4;
  made.ip.reassembly_memory = 512 * 1024;
  made.tcp.connections_max = 6;
  made.tcp.backlog = 3;
  made.tcp.half_open_max = 4;
  made.tcp.time_wait_max = 2;
  made.tcp.connections_per_source_max = 4;
  made.tcp.receive_window_initial = 8 * 1024;
  made.tcp.receive_window = 64 * 1024;
  made.tcp.send_buffer_initial = 8 * 1024;
  made.tcp.send_buffer = 32 * 1024;
  made.tcp.send_blocks = 64;
  made.tcp.send_entries = 64;
  made.tcp.reassembly_blocks = 96;
  made.tcp.recorder_tapes = 3;
  made.tcp.ecn = stack::tcp::EcnMode::kAsk;
  made.tcp.keep_alive_idle = std::chrono::seconds(100);
  made.tcp.fin_wait_2 = std::chrono::seconds(10);
  made.tcp.retransmissions_max = 6;
  return made;
}

backends::memory::Config wire() { return {.ring_frames = 128, .transmit_frames = 96, .receive_frames = 16}; }

struct Acceptor final : stack::tcp::Acceptor {
  explicit Acceptor(std::function<stack::tcp::Handler*(Connection&)> take_in) : take(std::move(take_in)) {}
  stack::tcp::Handler* accept(Connection& connection) override { return take(connection); }
  std::function<stack::tcp::Handler*(Connection&)> take;
};

struct Packet {
  Endpoint source;
  Endpoint destination;
  TcpView segment;
};

/// A packet that a stack has sent.
std::optional<Packet> read(Bytes bytes) {
  const bool v4 = !bytes.empty() && bytes[0] >> 4 == 4;
  const std::size_t head = v4 ? 20 : 40;
  if (bytes.size() < head || bytes[v4 ? 9 : 6] != stack::wire::kProtocolTcp) return std::nullopt;
  const auto segment = TcpView::parse(bytes.subspan(head));
  if (!segment) return std::nullopt;
  const Bytes ends = bytes.subspan(v4 ? 12 : 8, v4 ? 8 : 32);
  const auto source = v4 ? Address::v4(ends.first(4)) : Address::v6(ends.first(16));
  const auto destination = v4 ? Address::v4(ends.subspan(4)) : Address::v6(ends.subspan(16));
  return Packet{{source, segment->source_port()}, {destination, segment->destination_port()}, *segment};
}

/// The honest connection's line in one direction.
struct Line {
  std::deque<Octets> packets;
  bool lossy = false;  ///< Something was lost, or came late.
  bool reset = false;  ///< A reset was sent.

  void send(Bytes bytes) {
    if (packets.size() == kLineMax) {
      lossy = true;
      return;
    }
    packets.emplace_back(bytes.begin(), bytes.end());
  }
};

class World {
 public:
  World();
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void step(Input& input);
  void finish();

 private:
  void pass_time(Duration time, bool at_once);
  void settle();
  bool speak(Stack& from, Device& device, Device& outside);
  void take(Bytes bytes, bool from_ours);
  void give(Stack& to, Device& outside, Bytes bytes);
  bool carry();
  void move_line(std::uint8_t how);
  void forge(Input& input);
  void open_wild(std::uint8_t which);
  void wild_verb(Flow& flow, Input& input);
  void inspect();

  Flow& flow(std::uint8_t which) { return flows_[which % flows_.size()]; }
  App* new_app(bool from_start) { return &apps_.emplace_back(from_start); }

  Instant now_{std::chrono::seconds(1000)};
  backends::memory::Pair our_pair_{wire()};
  backends::memory::Pair honest_pair_{wire()};
  std::deque<App> apps_;
  App* server_ = nullptr;  // The honest connection's two sides.
  App* client_ = nullptr;
  std::vector<Flow> flows_;
  Acceptor wild_acceptor_;
  Acceptor honest_acceptor_;
  Stack ours_;
  Stack honest_;
  Line to_client_;
  Line to_server_;
  std::deque<Octets> replays_;
  bool held_ = false;
  std::uint32_t client_end_ = 0;  // Where what the honest client has sent ends.
  std::size_t frames_ = 0;        // That ours has made in this step.
  std::size_t memory_;
};

World::World()
    : wild_acceptor_([this](Connection& connection) -> stack::tcp::Handler* {
        App* const app = new_app(false);
        app->begin(&connection);
        const stack::tcp::Info info = connection.info();
        for (Flow& one : flows_) {
          if (one.is_between(info.local, info.remote)) one.attach(app);
        }
        return app;
      }),
      honest_acceptor_([this](Connection&) -> stack::tcp::Handler* {
        return server_ == nullptr ? server_ = new_app(true) : nullptr;
      }),
      ours_(now_, config({kStackV4, kStackV6}), {}, our_pair_.first()),
      honest_(now_, config({kHonestV4}), {}, honest_pair_.first()),
      memory_(ours_.memory_size()) {
  for (std::uint16_t port = 40000; port < 40003; ++port) {
    flows_.emplace_back(Endpoint{kStackV4, kWildPort}, Endpoint{kWildV4, port}, kNearWrap + port);
  }
  flows_.emplace_back(Endpoint{kStackV6, kWildPort}, Endpoint{kWildV6, 40000}, 1000);
  ours_.listen({{}, kWildPort}, wild_acceptor_);
  ours_.listen({{}, kHonestPort}, honest_acceptor_);
  client_ = new_app(true);
  client_->begin(honest_.connect(now_, {kStackV4, kHonestPort}, *client_));
  settle();
}

World::~World() {
  honest_.stop(now_);
  ours_.stop(now_);
  settle();
}

void World::give(Stack& to, Device& outside, Bytes bytes) {
  Frame frame = outside.arena().allocate();
  CHECK(frame);
  std::ranges::copy(bytes, frame.append(bytes.size()).begin());
  Burst burst;
  burst.push(std::move(frame));
  to.input(now_, burst);
}

/// What ours has sent goes to the line or to a flow; what the honest client has sent goes to the line.
void World::take(Bytes bytes, bool from_ours) {
  const auto packet = read(bytes);
  if (!from_ours) {
    if (packet) {
      const std::uint32_t end = packet->segment.seq().value() + packet->segment.sequence_length();
      if (packet->segment.flags().syn() || static_cast<std::int32_t>(end - client_end_) > 0) client_end_ = end;
      to_server_.reset |= packet->segment.flags().rst();
    }
    return to_server_.send(bytes);
  }
  ++frames_;
  if (!packet) return;
  if (packet->destination.address == kHonestV4) {
    to_client_.reset |= packet->segment.flags().rst();
    return to_client_.send(bytes);
  }
  for (Flow& one : flows_) {
    if (one.is_between(packet->source, packet->destination)) one.hear(bytes, packet->segment);
  }
}

bool World::speak(Stack& from, Device& device, Device& outside) {
  Burst burst;
  from.output(now_, burst);
  if (burst.empty()) return false;
  CHECK(device.transmit(burst.frames()) == burst.size());
  burst.clear();
  outside.receive(burst);
  for (const Frame& frame : burst.frames()) take(frame.bytes(), &from == &ours_);
  return true;
}

bool World::carry() {
  if (held_) return false;
  bool moved = false;
  for (; !to_client_.packets.empty(); to_client_.packets.pop_front(), moved = true) {
    give(honest_, honest_pair_.second(), to_client_.packets.front());
  }
  for (; !to_server_.packets.empty(); to_server_.packets.pop_front(), moved = true) {
    give(ours_, our_pair_.second(), to_server_.packets.front());
  }
  return moved;
}

/// Until nothing moves at this instant.
void World::settle() {
  for (int turn = 0;; ++turn) {
    CHECK(turn < kTurnsMax);
    ours_.advance(now_);
    honest_.advance(now_);
    bool moved = false;
    while (speak(ours_, our_pair_.first(), our_pair_.second())) moved = true;
    while (speak(honest_, honest_pair_.first(), honest_pair_.second())) moved = true;
    moved |= carry();
    if (!moved) break;
  }
  CHECK(ours_.next_deadline() > now_ && honest_.next_deadline() > now_);
}

void World::pass_time(Duration time, bool at_once) {
  const Instant end = now_ + time;
  constexpr int kWakesMax = 20'000;
  for (int wakes = 0; !at_once && wakes < kWakesMax; ++wakes) {
    const Instant next = std::min(ours_.next_deadline(), honest_.next_deadline());
    if (next >= end) break;
    now_ = std::max(now_, next);
    frames_ = 0;
    settle();
  }
  now_ = end;
  settle();
}

void World::move_line(std::uint8_t how) {
  Line& line = (how & 8) != 0 ? to_client_ : to_server_;
  switch (how & 7) {
    case 0:
      held_ = true;
      return;
    case 1:
      held_ = false;
      return;
    default:
      break;
  }
  line.lossy = true;
  if (line.packets.empty()) return;
  switch (how & 7) {
    case 2:
      return line.packets.pop_front();
    case 3:
      return line.packets.pop_back();
    case 4:
      return line.packets.push_back(line.packets.front());
    case 5:
      return std::swap(line.packets.front(), line.packets.back());
    case 6:
      std::ranges::reverse(line.packets);
      return;
    default:
      return line.packets.clear();
  }
}

/// Somebody knows the endpoints, and guesses a number in the window or a wrong one; but not the one that is next.
void World::forge(Input& input) {
  const std::uint8_t what = input.byte();
  const std::uint32_t distance = 1 + input.byte() * 317U;
  if (server_ == nullptr || !server_->established() || !client_->open()) return;
  const auto info = client_->connection()->info();
  TcpHeader header{.source_port = info.local.port,
                   .destination_port = kHonestPort,
                   .seq = Seq(client_end_ + distance),
                   .ack = Seq(input.byte() * 0x01010101U),
                   .flags = (what & 1) != 0 ? stack::wire::kTcpRst : stack::wire::kTcpSyn,
                   .window = 1000};
  if ((what & 2) != 0) header.flags |= stack::wire::kTcpAck;
  Octets segment(header.size({}));
  header.write(segment, {});
  give(ours_, our_pair_.second(), packet({kHonestV4, info.local.port}, {kStackV4, kHonestPort}, std::move(segment)));
}

void World::open_wild(std::uint8_t which) {
  if (flows_.size() == kFlowsMax) return;
  const Endpoint remote{which % 2 == 0 ? kWildV4 : kWildV6, static_cast<std::uint16_t>(5000 + which % 16)};
  App* const app = new_app(false);
  Connection* const connection = ours_.connect(now_, remote, *app);
  if (connection == nullptr) return;
  app->begin(connection);
  flows_.emplace_back(connection->info().local, remote, kNearWrap + which * 100U);
  flows_.back().attach(app);
}

void World::wild_verb(Flow& flow, Input& input) {
  const auto verb = static_cast<Verb>(input.byte() % kVerbCount);
  const std::uint32_t amount = input.byte() * 97U;
  if (flow.app() != nullptr) flow.app()->act(verb, amount);
}

void World::step(Input& input) {
  constexpr std::array<std::uint32_t, 16> kTimes = {0,   0,   0,   1,    5,    20,    39,    41,
                                                    100, 201, 450, 1000, 3000, 10000, 61000, 300000};
  const std::uint8_t first = input.byte();
  const std::uint8_t time = input.byte();
  Flow& wild = flow(first >> 4);
  frames_ = 0;
  switch (first & 15) {
    default: {  // Of all that may happen a segment is the likeliest.
      Octets made = wild.build(input, now_);
      give(ours_, our_pair_.second(), made);
      replays_.push_back(std::move(made));
      if (replays_.size() > kReplaysMax) replays_.pop_front();
      break;
    }
    case 0:
      wild_verb(wild, input);
      break;
    case 1: {
      const std::uint8_t which = input.byte();
      if (!replays_.empty()) give(ours_, our_pair_.second(), replays_[which % replays_.size()]);
      break;
    }
    case 2:
      open_wild(first >> 4);
      break;
    case 3:
      if (const auto error = wild.build_error(input)) give(ours_, our_pair_.second(), *error);
      break;
    case 4:
    case 5: {
      App* const side = (first & 15) == 4 ? server_ : client_;
      const auto verb = static_cast<Verb>(input.byte() % kVerbCount);
      const std::uint32_t amount = input.byte() * 97U;
      const bool gentle = verb != Verb::kAbort && verb != Verb::kClose && verb != Verb::kUserTimeout;
      if (side != nullptr && gentle) side->act(verb, amount);
      break;
    }
    case 6:
      move_line(input.byte());
      break;
    case 7:
      forge(input);
      break;
  }
  settle();
  CHECK(frames_ <= kFramesPerStepMax);
  inspect();
  pass_time(milliseconds(kTimes[time & 15]), (time & 16) != 0);
  inspect();
}

void World::inspect() {
  for (App& app : apps_) app.inspect();
  const auto& counters = ours_.counters();
  CHECK(counters.value(Event::kFramesIn) ==
        counters.value(Event::kFramesConsumed) + counters.value(Event::kFramesPassed) + counters.received_dropped());
  CHECK(ours_.memory_size() == memory_);
  const auto& arena = our_pair_.first().arena();
  CHECK(arena.free_count() == arena.shape().frame_count);
  if (server_ == nullptr) return;
  CHECK(server_->received() <= client_->sent() && client_->received() <= server_->sent());
  CHECK(!server_->peer_finished() || server_->received() == client_->sent());
  CHECK(!client_->peer_finished() || client_->received() == server_->sent());
  if (server_->closed()) CHECK(server_->reason() != CloseReason::kPeerReset || to_server_.reset);
  if (client_->closed()) CHECK(client_->reason() != CloseReason::kPeerReset || to_client_.reset);
}

void World::finish() {
  held_ = false;
  for (App& app : apps_) {
    const bool honest = &app == server_ || &app == client_;
    if (honest) {
      app.act(Verb::kResume, 0);
      app.act(Verb::kUncork, 0);
      app.act(Verb::kShutdown, 0);
    } else {
      app.act(Verb::kClose, 5000);
    }
  }
  ours_.unlisten({{}, kWildPort});
  frames_ = 0;
  settle();
  pass_time(kEndMax, false);
  inspect();
  CHECK(ours_.connection_count() == 0 && ours_.half_open_count() == 0 && ours_.time_wait_count() == 0);
  CHECK(honest_.connection_count() == 0 && honest_.time_wait_count() == 0);
  for (const App& app : apps_) CHECK(!app.open());
}

}  // namespace
}  // namespace windhover::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  windhover::fuzz::World world;
  windhover::fuzz::Input input({data, size});
  for (std::size_t steps = 0; steps < windhover::fuzz::kStepsMax && !input.empty(); ++steps) world.step(input);
  world.finish();
  return 0;
}
