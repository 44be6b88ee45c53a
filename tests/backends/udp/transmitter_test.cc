// What a link below can refuse, in a namespace of the test's own.

#include "tests/backends/host/own_namespace.h"
#include "tests/backends/udp/ends.h"

namespace windhover::backends::udp {
namespace {

using namespace std::chrono_literals;
using stack::base::as_text;
using stack::link::Frame;

class RefusalTest : public host::OwnNamespace {
 protected:
  void SetUp() override {
    OwnNamespace::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("ip link set lo up");
  }
};

TEST_F(RefusalTest, frame_that_the_link_cannot_carry_is_too_large_and_its_neighbours_are_not) {
  run("ip link set lo mtu 1400");
  const End peer;
  Subject subject(config_for({&peer}));
  const std::string fits = frame(std::string(1400 - 20 - 8 - 8 - 14, 'x'));
  subject.transmit({fits, fits, fits + "x", fits + "x", frame("small")});
  for (const std::string& text : {fits, fits, frame("small")}) EXPECT_EQ(peer.receive(), in_vxlan(text));
  EXPECT_FALSE(peer.receive(0));
  EXPECT_EQ(subject.device.reasons().value(Reason::kTooLarge), 2u);
  EXPECT_EQ(subject.device.stats().transmit_dropped, 2u);
  EXPECT_EQ(subject.device.stats().transmitted_frames, 3u);
  EXPECT_EQ(subject.device.failure(), 0);
}

TEST_F(RefusalTest, peer_without_a_route_is_refused_until_there_is_one) {
  Config config = config_for({});
  config.listen.address = address("0.0.0.0");
  config.peers = {{address("192.0.2.1"), 4789}};
  Subject subject(config);
  subject.transmit({frame("x"), frame("y")});
  EXPECT_EQ(subject.device.reasons().value(Reason::kRefused), 2u);
  EXPECT_EQ(subject.device.failure(), 0);
  run("ip address add 192.0.2.1/32 dev lo");
  const End peer("192.0.2.1", 4789);
  subject.transmit({frame("z")});
  EXPECT_EQ(peer.receive(), in_vxlan(frame("z")));
}

TEST_F(RefusalTest, full_socket_gives_frames_back_as_they_were_and_wait_says_when_to_go_on) {
  run("tc qdisc add dev lo root tbf rate 80mbit burst 100kb limit 100mb");
  const End peer;
  peer.keep(64 << 20);
  Config config = config_for({&peer});
  config.segmentation = false;
  Subject subject(config);
  std::size_t sent = 0;
  std::size_t blocked = 0;
  std::vector<std::string> got;
  for (int round = 0; round < 400 && blocked < 3; ++round) {
    std::vector<std::string> texts;
    for (int number = 0; number < 32; ++number)
      texts.push_back(frame(std::to_string(sent + texts.size()) + std::string(1400, '.')));
    auto made = subject.frames(texts);
    const std::size_t taken = subject.device.transmit(made);
    sent += taken;
    while (const auto datagram = peer.receive(0)) got.push_back(*datagram);
    if (taken == made.size()) continue;
    ++blocked;
    for (std::size_t at = taken; at < made.size(); ++at) EXPECT_EQ(as_text(made[at].bytes()), texts[at]);
    subject.device.wait(5s, -1);
    EXPECT_GT(subject.device.transmit(std::span<Frame>(made).subspan(taken, 1)), 0u);
    ++sent;
  }
  EXPECT_EQ(blocked, 3u);
  EXPECT_EQ(subject.device.stats().transmit_blocked, blocked);
  EXPECT_EQ(subject.device.stats().transmit_dropped, 0u);
  while (got.size() < sent) {
    const auto datagram = peer.receive();
    ASSERT_TRUE(datagram) << got.size() << " of " << sent;
    got.push_back(*datagram);
  }
  for (std::size_t at = 0; at < got.size(); ++at)
    ASSERT_EQ(got[at], in_vxlan(frame(std::to_string(at) + std::string(1400, '.'))));
}

}  // namespace
}  // namespace windhover::backends::udp
