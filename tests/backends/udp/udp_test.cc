#include "backends/udp/udp.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <random>

#include "tests/backends/udp/ends.h"

namespace windhover::backends::udp {
namespace {

namespace link = stack::link;
namespace wire = stack::wire;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

TEST(UdpReceiveTest, frame_lies_behind_the_header_with_its_packet_aligned) {
  const End peer;
  Subject subject(config_for({&peer}));
  peer.send(subject.opened.local, in_vxlan(frame("a packet")));
  subject.device.wait(5s, -1);
  link::Burst burst;
  ASSERT_EQ(subject.device.receive(burst), 1u);
  EXPECT_EQ(stack::base::as_text(burst[0].bytes()), frame("a packet"));
  EXPECT_EQ((reinterpret_cast<std::uintptr_t>(burst[0].bytes().data()) + 14) % 8, 0u);
  EXPECT_EQ(subject.device.stats().received_frames, 1u);
  EXPECT_EQ(subject.device.stats().received_bytes, frame("a packet").size());
}

TEST(UdpReceiveTest, super_frame_of_any_size_comes_whole) {
  const End peer;
  Subject subject(config_for({&peer}));
  const std::string large = frame(std::string(65507 - 8 - 14, 'x'));  // UDP over IPv4 has no room for more.
  peer.send(subject.opened.local, in_vxlan(large));
  EXPECT_EQ(subject.receive(1), Texts{large});
}

TEST(UdpReceiveTest, without_super_frames_what_is_larger_than_a_buffer_is_truncated) {
  const End peer;
  Config config = config_for({&peer});
  config.super_frames = false;
  config.mtu = 1450;
  Subject subject(config);
  const std::string full = frame(std::string(1450, 'x'));
  peer.send(subject.opened.local, in_vxlan(full));
  EXPECT_EQ(subject.receive(1), Texts{full});
  peer.send(subject.opened.local, in_vxlan(frame(std::string(1600, 'x'))));
  subject.expect_dropped(Reason::kTruncated, 1);
}

TEST(UdpReceiveTest, datagram_from_elsewhere_is_dropped_whatever_it_is) {
  const End peer("127.0.0.1");
  const End stranger("127.0.0.2");
  Subject subject(config_for({&peer}));
  stranger.send(subject.opened.local, in_vxlan(frame("spoofed")));
  stranger.send(subject.opened.local, "noise");
  subject.expect_dropped(Reason::kUnknownPeer, 2);
}

TEST(UdpReceiveTest, port_that_a_peer_speaks_from_does_not_matter) {
  const End peer;
  const End hashed;
  Subject subject(config_for({&peer}));
  hashed.send(subject.opened.local, in_vxlan(frame("hashed")));
  EXPECT_EQ(subject.receive(1), Texts{frame("hashed")});
}

TEST(UdpReceiveTest, every_datagram_cut_short_of_an_ethernet_header_is_malformed) {
  const End peer;
  Subject subject(config_for({&peer}));
  const std::string whole = in_vxlan(frame(""));
  for (std::size_t size = 0; size < whole.size(); ++size)
    peer.send(subject.opened.local, std::string_view(whole).substr(0, size));
  subject.expect_dropped(Reason::kMalformed, whole.size());
  peer.send(subject.opened.local, whole);
  EXPECT_EQ(subject.receive(1), Texts{frame("")});
}

TEST(UdpReceiveTest, header_without_an_identifier_is_malformed_and_reserved_bits_are_not) {
  const End peer;
  Subject subject(config_for({&peer}));
  std::string datagram = in_vxlan(frame("x"));
  datagram[0] = '\xf7';
  peer.send(subject.opened.local, datagram);
  subject.expect_dropped(Reason::kMalformed, 1);
  datagram[0] = datagram[3] = datagram[7] = '\xff';
  peer.send(subject.opened.local, datagram);
  EXPECT_EQ(subject.receive(1), Texts{frame("x")});
}

TEST(UdpReceiveTest, another_networks_frame_is_dropped) {
  const End peer;
  Subject subject(config_for({&peer}));
  peer.send(subject.opened.local, in_vxlan(frame("x"), kVni + 1));
  peer.send(subject.opened.local, in_vxlan(frame("x"), 0));
  subject.expect_dropped(Reason::kWrongVni, 2);
}

TEST(UdpReceiveTest, noise_of_any_size_is_counted_and_does_no_harm) {
  const End peer;
  Subject subject(config_for({&peer}));
  std::mt19937 random(1);
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    std::string noise(round % 4 == 0 ? 65507 : random() % 3000, '\0');
    for (char& each : noise) each = static_cast<char>(random());
    peer.send(subject.opened.local, noise);
    subject.receive_until_dropped(static_cast<std::uint64_t>(round) + 1);
  }
  const Reasons& reasons = subject.device.reasons();
  EXPECT_EQ(reasons.value(Reason::kMalformed) + reasons.value(Reason::kWrongVni), std::uint64_t{kRounds});
  EXPECT_GT(reasons.value(Reason::kWrongVni), 0u);
  peer.send(subject.opened.local, in_vxlan(frame("still here")));
  EXPECT_EQ(subject.receive(1), Texts{frame("still here")});
}

TEST(UdpReceiveTest, burst_with_little_room_leaves_the_rest_for_later) {
  const End peer;
  Subject subject(config_for({&peer}));
  for (int number = 0; number < 5; ++number) peer.send(subject.opened.local, in_vxlan(frame(std::to_string(number))));
  link::Burst burst;
  Subject other(config_for({&peer}));
  while (burst.room() > 2) burst.push(other.device.arena().allocate());
  subject.device.wait(5s, -1);
  EXPECT_EQ(subject.device.receive(burst), 2u);
  EXPECT_EQ(subject.device.receive(burst), 0u);
  burst.clear();
  EXPECT_EQ(subject.receive(3), (Texts{frame("2"), frame("3"), frame("4")}));
}

TEST(UdpReceiveTest, checksums_are_only_believed_partial_where_that_was_chosen) {
  const End peer;
  for (const auto& [choice, wanted] : {std::pair{ReceiveChecksum::kAuto, link::Checksum::kEither},
                                       {ReceiveChecksum::kAcceptPartial, link::Checksum::kEither},
                                       {ReceiveChecksum::kVerify, link::Checksum::kNone}}) {
    Config config = config_for({&peer});
    config.receive_checksum = choice;
    Subject subject(config);
    EXPECT_EQ(subject.device.caps().receive_partial_checksum, wanted == link::Checksum::kEither);
    peer.send(subject.opened.local, in_vxlan(frame("x")));
    subject.device.wait(5s, -1);
    link::Burst burst;
    ASSERT_EQ(subject.device.receive(burst), 1u);
    EXPECT_EQ(burst[0].offload().checksum, wanted);
  }
}

TEST(UdpReceiveTest, what_nobody_reads_in_time_is_an_overrun) {
  const End peer;
  Config config = config_for({&peer});
  config.receive_buffer = 4096;
  Subject subject(config);
  EXPECT_EQ(subject.device.overruns(), 0u);
  for (int count = 0; count < 100; ++count) peer.send(subject.opened.local, in_vxlan(frame(std::string(1000, 'x'))));
  EXPECT_GT(subject.device.overruns(), 0u);
}

TEST(UdpLearnTest, only_the_listed_networks_are_learnt_of_and_answered_at_the_configured_port) {
  const End vxlan("127.1.0.1");
  const End speaker("127.1.0.1");
  const End stranger("127.2.0.1");
  Config config = config_for({});
  config.learn_from = {{address("127.1.0.0"), 16}};
  config.learnt_port = vxlan.endpoint().port;
  Subject subject(config);
  subject.transmit({frame("to nobody")});
  EXPECT_EQ(subject.device.reasons().value(Reason::kNoPeer), 1u);

  stranger.send(subject.opened.local, in_vxlan(frame("x")));
  subject.expect_dropped(Reason::kUnknownPeer, 1);
  speaker.send(subject.opened.local, in_vxlan(frame("hello")));
  EXPECT_EQ(subject.receive(1), Texts{frame("hello")});
  subject.transmit({frame("answer")});
  EXPECT_EQ(vxlan.receive(), in_vxlan(frame("answer")));
  EXPECT_FALSE(speaker.receive(0));
}

TEST(UdpLearnTest, nobody_is_learnt_of_by_noise_and_no_more_than_there_is_room_for) {
  const End first("127.1.0.1");
  const End second("127.1.0.2");
  Config config = config_for({});
  config.learn_from = {{address("127.1.0.0"), 16}};
  config.learnt_max = 1;
  Subject subject(config);
  second.send(subject.opened.local, "noise");
  subject.expect_dropped(Reason::kMalformed, 1);
  first.send(subject.opened.local, in_vxlan(frame("first")));
  EXPECT_EQ(subject.receive(1), Texts{frame("first")});
  second.send(subject.opened.local, in_vxlan(frame("second")));
  EXPECT_EQ(subject.receive_until_dropped(2), Texts{});
  EXPECT_EQ(subject.device.reasons().value(Reason::kPeersFull), 1u);
}

TEST(UdpTransmitTest, answer_goes_to_the_peers_port_and_comes_from_ours) {
  const End peer;
  const End hashed;
  Subject subject(config_for({&peer}));
  hashed.send(subject.opened.local, in_vxlan(frame("x")));
  EXPECT_EQ(subject.receive(1).size(), 1u);
  subject.transmit({frame("answer", kThem, kUs)});
  EXPECT_EQ(peer.receive(), in_vxlan(frame("answer", kThem, kUs)));
  EXPECT_FALSE(hashed.receive(0));
  EXPECT_EQ(subject.device.stats().transmitted_frames, 1u);
  EXPECT_EQ(subject.device.stats().transmitted_bytes, frame("answer").size());
}

/// With and without the kernel's help, the same datagrams in the same order.
class UdpSegmentTest : public testing::TestWithParam<bool> {};

TEST_P(UdpSegmentTest, burst_of_equal_and_other_frames_arrives_one_by_one_in_order) {
  const End peer;
  Config config = config_for({&peer});
  config.segmentation = GetParam();
  Subject subject(config);
  Texts texts;
  for (int number = 0; number < 150; ++number) {
    const std::size_t size = number < 70 ? 100 : number < 100 ? 1450 : 50 + static_cast<std::size_t>(number % 3);
    texts.push_back(frame(std::string(size, static_cast<char>('a' + number % 26))));
  }
  subject.transmit(texts);
  for (const std::string& text : texts) ASSERT_EQ(peer.receive(), in_vxlan(text));
  EXPECT_FALSE(peer.receive(0));
  EXPECT_EQ(subject.device.stats().transmitted_frames, texts.size());
  EXPECT_EQ(subject.device.segments(), GetParam());
}

TEST_P(UdpSegmentTest, device_takes_apart_what_the_kernel_has_joined) {
  Config config{.listen = {address("127.0.0.1"), 0}, .vni = kVni, .segmentation = GetParam()};
  Listener listening(config);
  Config theirs = config;
  theirs.peers = {listening.local()};
  Subject sender(theirs);
  config.peers = {sender.opened.local};
  Opened opened = std::move(listening).open(config);
  Texts texts;
  for (int number = 0; number < 64; ++number) texts.push_back(frame(std::string(200, static_cast<char>('!' + number))));
  texts.push_back(frame("short"));
  texts.push_back(frame(std::string(1450, 'x')));
  sender.transmit(texts);
  Texts got;
  for (int tries = 0; tries < 100 && got.size() < texts.size(); ++tries) {
    // Room for fewer than the kernel joins.
    link::Burst burst;
    while (burst.room() > 7) burst.push(sender.device.arena().allocate());
    const std::size_t before = burst.size();
    if (opened.lanes[0]->receive(burst) == 0) opened.lanes[0]->wait(5s, -1);
    for (std::size_t at = before; at < burst.size(); ++at) {
      EXPECT_EQ((reinterpret_cast<std::uintptr_t>(burst[at].bytes().data()) + 14) % 8, 0u);
      got.emplace_back(stack::base::as_text(burst[at].bytes()));
    }
  }
  EXPECT_EQ(got, texts);
  EXPECT_EQ(opened.lanes[0]->stats().received_frames, texts.size());
}

INSTANTIATE_TEST_SUITE_P(WithAndWithout, UdpSegmentTest, testing::Bool());

TEST(UdpTransmitTest, group_addresses_and_unknown_stations_go_to_every_peer_and_known_ones_to_theirs) {
  const End one("127.0.0.1");
  const End two("127.0.0.2");
  constexpr wire::MacAddress kTheirs{{0x02, 0, 0, 0, 0, 0x22}};
  Subject subject(config_for({&one, &two}));
  const auto expect = [&](const End& end, const std::string& inner) { EXPECT_EQ(end.receive(), in_vxlan(inner)); };

  for (const wire::MacAddress& to : {wire::kBroadcast, wire::MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, kTheirs}) {
    subject.transmit({frame("all", to, kUs)});
    expect(one, frame("all", to, kUs));
    expect(two, frame("all", to, kUs));
  }
  two.send(subject.opened.local, in_vxlan(frame("hello", kUs, kTheirs)));
  EXPECT_EQ(subject.receive(1).size(), 1u);
  subject.transmit({frame("1", kTheirs, kUs), frame("2", wire::kBroadcast, kUs), frame("3", kTheirs, kUs)});
  for (const char* number : {"1", "2", "3"})
    expect(two, frame(number, *number == '2' ? wire::kBroadcast : kTheirs, kUs));
  expect(one, frame("2", wire::kBroadcast, kUs));
  EXPECT_FALSE(one.receive(0));

  one.send(subject.opened.local, in_vxlan(frame("moved", kUs, kTheirs)));
  EXPECT_EQ(subject.receive(1).size(), 1u);
  subject.transmit({frame("4", kTheirs, kUs)});
  expect(one, frame("4", kTheirs, kUs));
  EXPECT_FALSE(two.receive(0));
  EXPECT_EQ(subject.device.stats().transmitted_frames, 7u);
}

TEST(UdpTransmitTest, icmp_errors_about_a_closed_port_change_nothing) {
  auto gone = std::make_unique<End>();
  const std::uint16_t port = gone->endpoint().port;
  Subject subject(config_for({gone.get()}));
  gone.reset();
  for (int count = 0; count < 5; ++count) subject.transmit({frame("nobody is there")});
  link::Burst burst;
  EXPECT_EQ(subject.device.receive(burst), 0u);
  EXPECT_EQ(subject.device.failure(), 0);
  const End back("127.0.0.1", port);
  subject.transmit({frame("again")});
  EXPECT_EQ(back.receive(), in_vxlan(frame("again")));
}

TEST(UdpTest, both_families_can_be_peers_of_one_socket) {
  const End v4("127.0.0.1");
  const End v6("::1");
  Config config = config_for({&v4, &v6});
  config.listen.address = address("::");
  Subject subject(config);
  EXPECT_EQ(subject.opened.mtu, 1430);
  const std::uint16_t port = subject.opened.local.port;
  v4.send({address("127.0.0.1"), port}, in_vxlan(frame("four")));
  EXPECT_EQ(subject.receive(1), Texts{frame("four")});
  v6.send({address("::1"), port}, in_vxlan(frame("six")));
  EXPECT_EQ(subject.receive(1), Texts{frame("six")});
  subject.transmit({frame("all", wire::kBroadcast)});
  EXPECT_EQ(v4.receive(), in_vxlan(frame("all", wire::kBroadcast)));
  EXPECT_EQ(v6.receive(), in_vxlan(frame("all", wire::kBroadcast)));
}

TEST(UdpTest, wait_returns_for_a_datagram_for_the_eventfd_and_for_the_time) {
  const End peer;
  Subject subject(config_for({&peer}));
  const host::File bell(eventfd(0, EFD_CLOEXEC));
  subject.device.wait(1ms, bell.fd());
  peer.send(subject.opened.local, in_vxlan(frame("x")));
  subject.device.wait(1h, bell.fd());
  EXPECT_EQ(subject.receive(1).size(), 1u);
  ASSERT_EQ(eventfd_write(bell.fd(), 1), 0);
  subject.device.wait(1h, bell.fd());
}

TEST(UdpTest, passed_frames_are_counted_and_let_go) {
  const End peer;
  Subject subject(config_for({&peer}));
  const std::size_t free = subject.device.arena().free_count();
  auto made = subject.frames({frame("x")});
  subject.device.pass(std::move(made[0]));
  EXPECT_EQ(subject.device.stats().passed_frames, 1u);
  EXPECT_EQ(subject.device.arena().free_count(), free);
}

TEST(UdpTest, socket_that_is_none_any_more_is_a_failure_and_frames_are_let_go) {
  const End peer;
  const Config config = config_for({&peer});
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  Udp device(config, mtu_of(config), host::File(fd), {{peer.endpoint(), false}}, {});
  const std::size_t free = device.arena().free_count();
  link::Burst burst;
  EXPECT_EQ(device.receive(burst), 0u);
  EXPECT_EQ(device.failure(), 0);
  const host::File other(eventfd(0, EFD_CLOEXEC));
  ASSERT_EQ(dup2(other.fd(), fd), fd);
  link::Frame made = device.arena().allocate();
  std::ranges::copy(stack::base::as_bytes(frame("x")), made.append(15).begin());
  EXPECT_EQ(device.transmit({&made, 1}), 1u);
  EXPECT_EQ(device.receive(burst), 0u);
  EXPECT_EQ(device.failure(), ENOTSOCK);
  EXPECT_EQ(device.stats().transmit_dropped, 1u);
  EXPECT_EQ(device.arena().free_count(), free);
  device.wait(1ms, -1);
}

}  // namespace
}  // namespace windhover::backends::udp
