#include "stack/wire/icmpv6.h"

#include "stack/wire/ipv6.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// Made by an independent tool: an echo request, and Packet Too Big about a segment; both from fe80::1 to fe80::2.
const auto kEcho = hex("800082680077000370696e6721");
const auto kTooBig =
    hex("0200954200000500 6000000000140640fe800000000000000000000000000002fe800000000000000000000000000003"
        "0001000200000000000000005002200092d90000");
const Address kSource = *Address::parse("fe80::1");
const Address kDestination = *Address::parse("fe80::2");

TEST(Icmpv6Test, echo_request_shows_its_fields) {
  const Guarded message(kEcho);
  const auto view = Icmpv6View::parse(message.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->type(), Icmpv6Type::kEchoRequest);
  EXPECT_EQ(view->identifier(), 0x77);
  EXPECT_EQ(view->sequence(), 3);
  EXPECT_EQ(base::as_text(view->body()), "ping!");
  EXPECT_FALSE(view->is_error());
  EXPECT_TRUE(view->checksum_ok(kSource, kDestination));
}

TEST(Icmpv6Test, error_shows_the_mtu_and_the_packet_it_quotes) {
  const auto view = Icmpv6View::parse(kTooBig);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->type(), Icmpv6Type::kPacketTooBig);
  EXPECT_TRUE(view->is_error());
  EXPECT_EQ(view->mtu(), 1280u);
  EXPECT_TRUE(view->checksum_ok(kSource, kDestination));
  const auto quoted = Ipv6View::parse_quoted(view->body());
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->source(), kDestination);
}

// RFC 4443 §2.3: the pseudo-header is part of the sum.
TEST(Icmpv6Test, checksum_fails_for_another_destination) {
  EXPECT_FALSE(Icmpv6View::parse(kEcho)->checksum_ok(kSource, *Address::parse("fe80::3")));
}

TEST(Icmpv6Test, message_without_a_whole_header_is_refused_and_a_cut_body_fails_the_checksum) {
  for_each_truncation(kEcho, [](base::Bytes bytes) {
    const auto view = Icmpv6View::parse(bytes);
    ASSERT_EQ(view.has_value(), bytes.size() >= 8);
    if (view) {
      EXPECT_FALSE(view->checksum_ok(kSource, kDestination));
    }
  });
}

TEST(Icmpv6Test, written_header_completes_the_bytes_parsed) {
  for (const auto& message : {kEcho, kTooBig}) {
    const auto view = Icmpv6View::parse(message);
    ASSERT_TRUE(view);
    auto written = message;
    std::fill_n(written.begin(), Icmpv6Header::kSize, std::uint8_t{0xee});
    Icmpv6Header{view->type(), view->code(), view->rest()}.write(written, kSource, kDestination);
    EXPECT_EQ(written, message);
  }
}

}  // namespace
}  // namespace windhover::stack::wire
