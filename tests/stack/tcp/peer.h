#pragma once
// A hand-driven peer: our Stack on one end of a memory pair, literal segments on the other, virtual time between them.
//
// The test is the remote host. Sequence numbers are relative: its own count from its SYN (0), ours from our SYN (0).
// Everything the stack transmits is collected; expect() takes the oldest segment and compares what the test names, so
// nothing can come in between unseen. The application above TCP is a recording one (App, Host): an application like any
// other, no mock.
//
// Thread: one. A Peer checks at its end that every frame was accounted for and that nothing unexpected was sent.

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/memory/pair.h"
#include "stack/lane/stack.h"
#include "stack/link/device.h"
#include "stack/tcp/app.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/tcp.h"

namespace windhover::stack::tcp::test {

using base::Drop;
using base::Event;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;
using wire::kTcpUrg;
using namespace std::chrono_literals;

inline constexpr wire::TcpFlags kNoFlags{};
inline constexpr wire::TcpFlags kSynAck = kTcpSyn | kTcpAck;
inline constexpr wire::TcpFlags kFinAck = kTcpFin | kTcpAck;
inline constexpr wire::TcpFlags kPshAck = kTcpPsh | kTcpAck;
inline constexpr wire::TcpFlags kRstAck = kTcpRst | kTcpAck;

/// An application's side of one connection: writes down what happens and does what the test told it to do then.
class App : public Handler {
 public:
  void on_established(Connection& established) override;
  void on_data(Connection& from, base::Bytes bytes) override;
  void on_sendable(Connection& from) override;
  void on_peer_finished(Connection& from) override;
  void on_timer(Connection& from) override;
  void on_drained(Connection& from) override;
  void on_closed(Connection& from, CloseReason why) override;

  std::size_t send(std::string_view text) { return connection->send(base::as_bytes(text)); }

  Connection* connection = nullptr;  ///< Until on_closed().
  std::string received;
  int established = 0;
  int sendable = 0;
  int peer_finished = 0;
  int timers = 0;
  int drained = 0;
  std::optional<CloseReason> closed;

  std::function<void(Connection&)> when_established;
  std::function<void(Connection&, std::string_view)> when_data;
  std::function<void(Connection&)> when_sendable;
  std::function<void(Connection&)> when_peer_finished;
  std::function<void(Connection&)> when_timer;
  std::function<void(Connection&)> when_closed;
};

/// Makes an App for each connection, or declines.
class Host : public Acceptor {
 public:
  Handler* accept(Connection& connection) override;

  bool declines = false;
  std::function<void(App&)> prepare;  ///< Called on each new App before it learns of anything.
  std::vector<std::unique_ptr<App>> apps;
};

/// What the test sends.
struct Out {
  wire::TcpFlags flags = kTcpAck;
  std::optional<std::uint32_t> seq{};  ///< From our SYN; where the peer stands unless given.
  std::optional<std::uint32_t> ack{};  ///< From the stack's SYN; everything received so far unless given.
  std::uint16_t window = 0xffff;       ///< As on the wire.
  std::string payload{};
  wire::TcpOptions options{};  ///< The stack's timestamps are echoed where they were agreed on.
  bool plain = false;          ///< `options` go out as they are, even without timestamps.
};

/// What the test expects; fields not given are not compared.
struct In {
  std::optional<wire::TcpFlags> flags{};
  std::optional<std::uint32_t> seq{};
  std::optional<std::uint32_t> ack{};
  std::optional<std::uint32_t> window{};  ///< As on the wire.
  std::optional<std::string> payload{};
  std::optional<std::size_t> size{};   ///< Of the payload.
  std::optional<std::string> sacks{};  ///< "[left,right)..." of the peer's sequence numbers, relative.
};

/// A segment that the stack has sent.
struct Segment {
  wire::TcpFlags flags;
  std::uint32_t seq = 0;  ///< Relative.
  std::uint32_t ack = 0;  ///< Relative; 0 without ACK.
  std::uint16_t window = 0;
  std::string payload;
  wire::TcpOptions options;
  std::vector<std::uint8_t> option_bytes;
  link::Offload offload;
  std::uint32_t raw_seq = 0;
  std::uint32_t raw_ack = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  bool checksum_ok = false;          ///< Complete and right, or partial and right, as the device asked for.
  std::vector<std::uint8_t> packet;  ///< From the IP header on.
  wire::MacAddress to{};             ///< Its link destination, with Scenario::shared.
  base::Instant at{};
};

/// A device that costs what a scenario says; the rest is the other's.
class Priced final : public link::Device {
 public:
  Priced(link::Device& device, std::uint32_t gso_segments_min) : device_(device), caps_(device.caps()) {
    caps_.gso_segments_min = gso_segments_min;
  }
  std::string_view name() const override { return device_.name(); }
  const link::Caps& caps() const override { return caps_; }
  link::FrameArena& arena() override { return device_.arena(); }
  std::size_t receive(link::Burst& burst) override { return device_.receive(burst); }
  std::size_t transmit(std::span<link::Frame> frames) override { return device_.transmit(frames); }
  bool flush() override { return device_.flush(); }
  void pass(link::Frame frame) override { device_.pass(std::move(frame)); }
  void wait(base::Duration longest, int wake_fd) override { device_.wait(longest, wake_fd); }
  const link::DeviceStats& stats() const override { return device_.stats(); }

 private:
  link::Device& device_;
  link::Caps caps_;
};

/// How a Peer is built.
struct Scenario {
  backends::memory::Config wire;
  Config tcp;
  bool v6 = false;
  bool shared = false;  ///< On Ethernet, with an address that the stack shares with its host (ip reply_to_sender).
  std::uint32_t gso_segments_min = 2;  ///< Of the stack's device.
  bool timestamps = false;             ///< The peer offers them in its SYN.
  bool sack = false;
  std::optional<std::uint8_t> window_scale;
  std::optional<std::uint16_t> mss = 1460;
  std::uint16_t peer_window = 0xffff;  ///< Of the peer's SYN.

  Scenario();
};

/// `size` bytes that differ from their neighbours.
std::string text(std::size_t size);

/// One connection with the stack. Everything is public: the test is the remote host.
class Peer {
 public:
  explicit Peer(Scenario scenario_in = {});
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// The whole passive handshake: SYN, SYN-ACK, ACK. Returns the application's side.
  App& establish();
  /// The whole active handshake: connect(), SYN-ACK from the peer, ACK.
  App& connect_established();
  /// Only connect(); nothing is exchanged by the peer.
  App& connect();
  /// Establishes and goes on to that state (RFC 9293's spelling). In FIN-WAIT-1, CLOSING and LAST-ACK our FIN is out
  /// and not acknowledged.
  App& enter(std::string_view state);
  wire::TcpOptions syn_options() const;

  void send(const Out& out);
  /// The same for segments that arrive in one burst; each is placed by its `seq`.
  void send_together(const std::vector<Out>& segments);
  /// A raw IP packet.
  void send_packet(base::Bytes packet, link::Checksum checksum = link::Checksum::kNone);
  /// Octets of a segment of the current flow, checksum complete.
  std::vector<std::uint8_t> build(const Out& out) const;
  /// Puts an IP header in front of a segment.
  std::vector<std::uint8_t> wrap(base::Bytes segment, std::uint8_t protocol = 6) const;
  /// An ICMP error that quotes `quoted` with the given type, code and second word.
  void send_icmp(std::uint8_t type, std::uint8_t code, std::uint32_t rest, base::Bytes quoted);

  /// The oldest segment not looked at yet, compared with `in`.
  Segment expect(const In& in, const char* file = __builtin_FILE(), int line = __builtin_LINE());
  void expect_nothing(const char* file = __builtin_FILE(), int line = __builtin_LINE());
  /// What is waiting to be looked at; acknowledging it is the test's business.
  std::vector<Segment> take_all();

  /// Lets time pass, deadline by deadline.
  void advance(base::Duration duration);
  /// Lets the stack transmit what it has, without time passing. While `holding`, the device keeps it.
  void pump();
  /// What the device has kept leaves.
  void release();
  /// Another remote port: a new flow, whose sequence numbers begin again.
  void new_flow(std::uint16_t port);

  std::uint64_t drops(Drop drop) const { return stack->counters().value(drop); }
  std::uint64_t events(Event event) const { return stack->counters().value(event); }
  std::uint64_t closed(CloseReason reason) const { return stack->closed(reason); }
  App& app() { return host.apps.empty() ? client : *host.apps.back(); }

  Scenario scenario;
  backends::memory::Pair pair;
  bool holding = false;
  std::vector<link::Frame> held;
  Priced device;                                   ///< The stack's end.
  wire::MacAddress mac{{0x02, 0, 0, 0, 0, 0x01}};  ///< Where the peer's frames come from, with Scenario::shared.
  base::Instant now = base::Instant{} + 100s;
  Host host;
  App client;
  Endpoint local;   ///< The stack's.
  Endpoint remote;  ///< The peer's.
  std::unique_ptr<lane::Stack> stack;

  // The peer's own variables, raw.
  std::uint32_t iss = 0x80000000 - 1000;  ///< So that signed comparisons would go wrong soon.
  std::uint32_t snd_nxt = 0;              ///< Relative.
  std::uint32_t rcv_nxt = 0;              ///< Relative: the end of all that arrived in order.
  std::uint32_t irs = 0;                  ///< The stack's ISN, learnt from its SYN.
  bool timestamps = false;                ///< Agreed on.
  std::uint32_t ts_value = 1000;          ///< The peer's clock; counts milliseconds.
  std::uint32_t ts_echo = 0;

 private:
  void put_on_wire(base::Bytes packet, link::Checksum checksum);
  /// What is on the wire arrives in one burst.
  void arrive();
  void collect();
  Segment parse(const link::Frame& frame);

  std::deque<Segment> sent_;
  base::Instant ts_base_{};
};

}  // namespace windhover::stack::tcp::test
