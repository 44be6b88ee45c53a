// Datagram sockets by themselves, over an Ip that is driven by hand (RFC 768, RFC 8200 8.1).

#include "stack/udp/udp.h"

#include "stack/base/setup_error.h"
#include "stack/wire/udp.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::udp {
namespace {

using namespace ip;
using Kind = TransportError::Kind;

constexpr std::uint16_t kPort = 7;
constexpr std::uint16_t kTheirs = 4321;

Config of(std::uint32_t sockets) { return {.sockets_max = sockets}; }

class UdpTest : public testing::Test, public Receiver {
 protected:
  void on_datagram(Socket& socket, const Datagram& datagram) override {
    received.emplace_back(datagram.payload.begin(), datagram.payload.end());
    last = datagram;
    last_socket = &socket;
    if (on_receive) on_receive(socket, datagram);
  }
  void on_error(Socket& socket, const Error& error) override {
    errors.push_back(error);
    last_socket = &socket;
  }

  Socket& bound(const Endpoint& local) {
    const Udp::Bound made = udp.bind(local, *this);
    EXPECT_EQ(made.refusal, Refusal::kNone);
    return *made.socket;
  }
  Refusal refused(const Endpoint& local) {
    const Udp::Bound made = udp.bind(local, *this);
    EXPECT_EQ(made.socket, nullptr);
    return made.refusal;
  }

  /// Feeds a datagram, `flip` of whose octets are changed on the way.
  void arrive(const Endpoint& from, const Endpoint& to, base::Bytes payload, std::optional<std::size_t> flip = {},
              Checksum checksum = Checksum::kNone) {
    Octets datagram = packets::udp(from.address, to.address, from.port, to.port, payload);
    if (flip) datagram[*flip] ^= 0xff;
    feed(from.address, to.address, datagram, checksum);
  }
  void feed(const Address& from, const Address& to, base::Bytes datagram, Checksum checksum = Checksum::kNone) {
    const Octets packet = from.is_v4() ? packets::ipv4({.source = from, .destination = to, .protocol = 17}, datagram)
                                       : packets::ipv6(from, to, 17, datagram);
    Input input = machine.packet(packet, checksum);
    ASSERT_TRUE(std::holds_alternative<Packet>(input));
    --machine.handed_up;
    udp.input(machine.now, std::get<Packet>(std::move(input)));
  }

  static link::Caps caps() {
    link::Caps made = on_tun();
    made.receive_partial_checksum = true;
    return made;
  }

  Machine machine{caps()};
  Udp udp{of(3), {}, machine.caps, machine.transmitted, machine.ip, machine.counters};
  std::vector<Octets> received;
  Datagram last;
  Socket* last_socket = nullptr;
  std::vector<Error> errors;
  std::function<void(Socket&, const Datagram&)> on_receive;
  const Octets hello{'h', 'e', 'l', 'l', 'o'};
};

TEST_F(UdpTest, datagram_reaches_its_socket_with_all_that_is_known_of_it) {
  for (const auto& [peer, ours] : {std::pair(kPeer4, kOurs4), std::pair(kPeer6, kOurs6)}) {
    Socket& socket = bound({ours, kPort});
    machine.at(machine.now.time_since_epoch() + 3s);
    arrive({peer, kTheirs}, {ours, kPort}, hello);
    ASSERT_FALSE(received.empty());
    EXPECT_EQ(received.back(), hello);
    EXPECT_EQ(last_socket, &socket);
    EXPECT_EQ(last.source, (Endpoint{peer, kTheirs}));
    EXPECT_EQ(last.destination, (Endpoint{ours, kPort}));
    EXPECT_EQ(last.arrived, machine.now);
  }
  EXPECT_EQ(machine.counters.value(Event::kUdpDatagramsIn), 2U);
  EXPECT_TRUE(machine.accounted());
}

TEST_F(UdpTest, empty_datagram_is_one) {
  bound({kOurs4, kPort});
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, {});
  EXPECT_EQ(received, std::vector<Octets>{{}});
}

TEST_F(UdpTest, unspecified_address_takes_every_address_of_both_families) {
  bound({{}, kPort});
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello);
  arrive({kPeer6, kTheirs}, {kOurs6, kPort}, hello);
  EXPECT_EQ(received.size(), 2U);
  EXPECT_EQ(last.destination, (Endpoint{kOurs6, kPort}));
}

TEST_F(UdpTest, closed_port_is_answered_with_port_unreachable_rfc1122_4_1_3_1) {
  bound({kOurs4, kPort});
  arrive({kPeer4, kTheirs}, {kOurs4, kPort + 1}, hello);
  arrive({kPeer6, kTheirs}, {kOurs6, kPort}, hello);  // The port of the other address.
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 2U);
  const std::vector<ip::Sent> told = machine.output();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].octets[20], 3);
  EXPECT_EQ(told[0].octets[21], 3);
  EXPECT_EQ(told[1].octets[40], 1);
  EXPECT_EQ(told[1].octets[41], 4);
  EXPECT_TRUE(received.empty());
  EXPECT_TRUE(machine.accounted());
}

TEST_F(UdpTest, bad_length_and_bad_checksum_are_dropped_in_silence) {
  bound({{}, kPort});
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello, 9);
  arrive({kPeer6, kTheirs}, {kOurs6, kPort}, hello, 9);
  EXPECT_EQ(machine.drops(Drop::kUdpBadChecksum), 2U);
  const Octets whole = packets::udp(kPeer4, kOurs4, kTheirs, kPort, hello);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    feed(kPeer4, kOurs4, base::Bytes(whole).first(size));
    EXPECT_EQ(machine.drops(Drop::kUdpMalformed), size + 1);
  }
  EXPECT_TRUE(received.empty());
  EXPECT_TRUE(machine.output().empty());
  EXPECT_TRUE(machine.accounted());
}

TEST_F(UdpTest, no_checksum_is_right_over_ipv4_and_wrong_over_ipv6_rfc8200_8_1) {
  bound({{}, kPort});
  for (const auto& [peer, ours] : {std::pair(kPeer4, kOurs4), std::pair(kPeer6, kOurs6)}) {
    Octets datagram = packets::udp(peer, ours, kTheirs, kPort, hello);
    datagram[6] = datagram[7] = 0;
    feed(peer, ours, datagram);
  }
  EXPECT_EQ(received.size(), 1U);
  EXPECT_EQ(machine.drops(Drop::kUdpBadChecksum), 1U);
}

TEST_F(UdpTest, checksum_that_the_device_vouches_for_is_not_looked_at) {
  bound({{}, kPort});
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello, 6, Checksum::kVerified);
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello, 6, Checksum::kPartial);
  EXPECT_EQ(received.size(), 2U);
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello, 6, Checksum::kEither);
  EXPECT_EQ(received.size(), 2U);
}

TEST_F(UdpTest, sent_datagram_is_whole_on_the_wire) {
  for (const auto& [peer, ours] : {std::pair(kPeer4, kOurs4), std::pair(kPeer6, kOurs6)}) {
    Socket& socket = bound({ours, kPort});
    EXPECT_EQ(socket.send(machine.now, {peer, kTheirs}, hello), Sent::kQueued);
    const ip::Sent sent = machine.only();
    EXPECT_EQ(packets::part(sent.octets, ours.is_v4() ? 20 : 40), packets::udp(ours, peer, kPort, kTheirs, hello));
    EXPECT_EQ(sent.offload.checksum, Checksum::kNone);
    socket.close();
  }
  EXPECT_EQ(machine.counters.value(Event::kUdpDatagramsOut), 2U);
}

TEST_F(UdpTest, device_that_completes_checksums_is_left_to_do_it) {
  Machine offloaded(on_virtual_tun());
  Udp other(of(1), {}, offloaded.caps, offloaded.transmitted, offloaded.ip, offloaded.counters);
  Socket& socket = *other.bind({kOurs6, kPort}, *this).socket;
  EXPECT_EQ(socket.send(offloaded.now, {kPeer6, kTheirs}, hello), Sent::kQueued);
  const ip::Sent sent = offloaded.only();
  EXPECT_EQ(sent.offload.checksum, Checksum::kPartial);
  EXPECT_EQ(sent.offload.csum_start, 40);
  EXPECT_EQ(sent.offload.csum_offset, 6);
  const auto view = wire::UdpView::parse(base::Bytes(sent.octets).subspan(40));
  EXPECT_TRUE(view->checksum_begun(kOurs6, kPeer6));
}

TEST_F(UdpTest, reply_goes_from_where_the_datagram_went_to) {
  Socket& socket = bound({{}, kPort});
  on_receive = [&](Socket& to, const Datagram& datagram) {
    EXPECT_EQ(to.reply(machine.now, datagram, datagram.payload), Sent::kQueued);
  };
  arrive({kPeer6, kTheirs}, {kOurs6, kPort}, hello);
  EXPECT_EQ(packets::part(machine.only().octets, 40), packets::udp(kOurs6, kPeer6, kPort, kTheirs, hello));
  EXPECT_EQ(socket.send(machine.now, {kPeer6, kTheirs}, hello, kOurs6), Sent::kQueued);
  EXPECT_EQ(socket.send(machine.now, {kPeer6, kTheirs}, hello, kOurs4), Sent::kNoRoute);
}

TEST_F(UdpTest, what_cannot_be_sent_is_told) {
  Socket& socket = bound({kOurs4, kPort});
  EXPECT_EQ(socket.send(machine.now, {kPeer6, kTheirs}, hello), Sent::kNoRoute);
  EXPECT_EQ(socket.send(machine.now, {kOurs4, kTheirs}, hello), Sent::kNoRoute);
  EXPECT_EQ(socket.send(machine.now, {address("224.0.0.1"), kTheirs}, hello), Sent::kNoRoute);
  EXPECT_EQ(socket.send(machine.now, {kPeer4, 0}, hello), Sent::kNoRoute);
  const std::size_t most = socket.payload_max(kPeer4);
  EXPECT_EQ(most, 1500U - 28U);
  EXPECT_EQ(socket.send(machine.now, {kPeer4, kTheirs}, Octets(most + 1)), Sent::kTooBig);
  EXPECT_TRUE(machine.output().empty());
  EXPECT_EQ(socket.send(machine.now, {kPeer4, kTheirs}, Octets(most)), Sent::kQueued);
  EXPECT_EQ(machine.only().octets.size(), 1500U);
  machine.ip.withdraw(machine.now, kOurs4);
  EXPECT_EQ(socket.send(machine.now, {kPeer4, kTheirs}, hello), Sent::kNoRoute);
}

TEST_F(UdpTest, frames_and_queue_that_run_out_are_told) {
  Machine large(on_tun(), ip::config(), 512);
  Udp other(of(1), {}, large.caps, large.transmitted, large.ip, large.counters);
  Socket& socket = *other.bind({kOurs4, kPort}, *this).socket;
  for (std::size_t sent = 0; sent < kQueuedMax; ++sent) {
    ASSERT_EQ(socket.send(large.now, {kPeer4, kTheirs}, hello), Sent::kQueued);
  }
  EXPECT_EQ(socket.send(large.now, {kPeer4, kTheirs}, hello), Sent::kQueueFull);
  EXPECT_EQ(large.output().size(), kQueuedMax);
  EXPECT_EQ(socket.send(large.now, {kPeer4, kTheirs}, hello), Sent::kQueued);

  Socket& here = bound({kOurs4, kPort});
  for (std::size_t sent = 0; sent < 64; ++sent) here.send(machine.now, {kPeer4, kTheirs}, hello);
  EXPECT_EQ(here.send(machine.now, {kPeer4, kTheirs}, hello), Sent::kNoFrame);
  EXPECT_EQ(machine.drops(Drop::kTransmitNoFrame), 0U);  // It was told instead.
  machine.output();
}

TEST_F(UdpTest, port_belongs_to_one_socket) {
  Socket& first = bound({kOurs4, kPort});
  EXPECT_EQ(refused({kOurs4, kPort}), Refusal::kTaken);
  EXPECT_EQ(refused({{}, kPort}), Refusal::kTaken);
  EXPECT_EQ(refused({kFar4, kPort}), Refusal::kNotOurs);
  bound({kOurs6, kPort});
  bound({{}, kPort + 1});
  EXPECT_EQ(refused({kOurs4, kPort + 1}), Refusal::kTaken);
  EXPECT_EQ(refused({kOurs4, kPort + 2}), Refusal::kNoSocket);
  EXPECT_EQ(udp.socket_count(), 3U);
  first.close();
  bound({kOurs4, kPort});
}

TEST_F(UdpTest, port_zero_chooses_a_free_dynamic_one_that_the_key_decides) {
  Socket& first = bound({kOurs4, 0});
  Socket& second = bound({{}, 0});
  EXPECT_GE(first.local().port, 49152);
  EXPECT_GE(second.local().port, 49152);
  EXPECT_NE(first.local().port, second.local().port);
  Udp keyed(of(1), {1}, machine.caps, machine.transmitted, machine.ip, machine.counters);
  EXPECT_NE(keyed.bind({kOurs4, 0}, *this).socket->local().port, first.local().port);
}

TEST_F(UdpTest, connected_socket_hears_its_peer_alone) {
  Socket& socket = bound({kOurs4, kPort});
  socket.connect({kPeer4, kTheirs});
  arrive({kPeer4, kTheirs + 1}, {kOurs4, kPort}, hello);
  EXPECT_TRUE(received.empty());
  EXPECT_EQ(machine.drops(Drop::kUdpNoSocket), 1U);
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello);
  EXPECT_EQ(received.size(), 1U);
  socket.disconnect();
  arrive({kPeer4, kTheirs + 1}, {kOurs4, kPort}, hello);
  EXPECT_EQ(received.size(), 2U);
}

TEST_F(UdpTest, error_reaches_the_socket_that_can_have_caused_it_and_changes_nothing) {
  Socket& socket = bound({kOurs4, kPort});
  const TransportError error{.kind = Kind::kTooBig,
                             .protocol = Protocol::kUdp,
                             .local = {kOurs4, kPort},
                             .remote = {kPeer4, kTheirs},
                             .mtu = 600};
  const std::size_t most = socket.payload_max(kPeer4);
  EXPECT_TRUE(udp.error(error));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, Kind::kTooBig);
  EXPECT_EQ(errors[0].remote, (Endpoint{kPeer4, kTheirs}));
  EXPECT_EQ(errors[0].mtu, 600U);
  EXPECT_EQ(socket.payload_max(kPeer4), most);
  TransportError elsewhere = error;
  elsewhere.local.port = kPort + 1;
  EXPECT_FALSE(udp.error(elsewhere));
  socket.connect({kPeer4, kTheirs + 1});
  EXPECT_FALSE(udp.error(error));
}

TEST_F(UdpTest, socket_may_be_closed_from_inside_its_event) {
  bound({kOurs4, kPort});
  on_receive = [&](Socket& socket, const Datagram&) {
    socket.close();
    EXPECT_EQ(udp.bind({kOurs4, kPort}, *this).refusal, Refusal::kNone);
  };
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello);
  on_receive = nullptr;
  arrive({kPeer4, kTheirs}, {kOurs4, kPort}, hello);
  EXPECT_EQ(received.size(), 2U);
  EXPECT_EQ(udp.socket_count(), 1U);
}

TEST_F(UdpTest, bounds_of_the_table_are_checked) {
  const auto make = [&](std::uint32_t sockets) {
    return Udp(of(sockets), {}, machine.caps, machine.transmitted, machine.ip, machine.counters).memory_size();
  };
  EXPECT_THROW(make(kSocketsMax + 1), base::SetupError);
  EXPECT_GT(make(kSocketsMax), make(0));
  Udp none(of(0), {}, machine.caps, machine.transmitted, machine.ip, machine.counters);
  EXPECT_EQ(none.bind({kOurs4, kPort}, *this).refusal, Refusal::kNoSocket);
}

TEST_F(UdpTest, shared_address_answers_by_the_link_address_that_asked) {
  ip::Config shared = ip::config();
  shared.reply_to_sender = true;
  Machine with_host(on_ethernet(), shared);
  Udp other(of(1), {}, with_host.caps, with_host.transmitted, with_host.ip, with_host.counters);
  Socket& socket = *other.bind({kOurs4, kPort}, *this).socket;
  on_receive = [&](Socket& to, const Datagram& datagram) {
    EXPECT_EQ(to.reply(with_host.now, datagram, datagram.payload), Sent::kQueued);
  };
  Input input = with_host.packet(packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 17},
                                               packets::udp(kPeer4, kOurs4, kTheirs, kPort, hello)));
  other.input(with_host.now, std::get<Packet>(std::move(input)));
  EXPECT_EQ(MacAddress::load(with_host.only().octets), kPeerMac);
  EXPECT_EQ(socket.send(with_host.now, {kPeer4, kTheirs}, hello), Sent::kNoRoute);
}

}  // namespace
}  // namespace windhover::stack::udp
