// RFC 6633: source quench is gone.

#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

TEST(Rfc6633, nobody_is_quenched_however_much_comes) {
  Machine machine(on_tun(), config(), 4);
  const Octets echo = packets::ipv4({.source = kPeer4, .destination = kOurs4, .protocol = 1},
                                    packets::icmpv4(8, 0, 0x00010001, Octets(56, 7)));
  for (int count = 0; count < 100; ++count) machine.packet(echo);
  EXPECT_GT(machine.drops(Drop::kTransmitNoFrame), 0U);
  const std::vector<Sent> sent = machine.output();
  EXPECT_EQ(sent.size(), 4U);
  for (const Sent& one : sent) EXPECT_EQ(one.octets[20], 0) << "only echo replies";
}

}  // namespace
}  // namespace windhover::stack::ip
