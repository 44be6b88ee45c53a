#include "stack/wire/icmpv4.h"

#include "stack/wire/ipv4.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// Made by an independent tool: an echo request, and "fragmentation needed" about a SYN of ours.
const auto kEcho = hex("0800f7b40077000370696e6721");
const auto kTooBig =
    hex("03040c2500000578 4500002800010000400666490a4200020a420001"
        "1f909c40000000050000000050022000bf860000");

TEST(Icmpv4Test, echo_request_shows_its_fields) {
  const Guarded message(kEcho);
  const auto view = Icmpv4View::parse(message.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->type(), Icmpv4Type::kEchoRequest);
  EXPECT_EQ(view->code(), 0);
  EXPECT_EQ(view->identifier(), 0x77);
  EXPECT_EQ(view->sequence(), 3);
  EXPECT_EQ(base::as_text(view->body()), "ping!");
  EXPECT_FALSE(view->is_error());
  EXPECT_TRUE(view->checksum_ok());
}

TEST(Icmpv4Test, error_shows_the_mtu_and_the_packet_it_quotes) {
  const auto view = Icmpv4View::parse(kTooBig);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->type(), Icmpv4Type::kUnreachable);
  EXPECT_EQ(view->code(), kIcmpv4FragmentationNeeded);
  EXPECT_TRUE(view->is_error());
  EXPECT_EQ(view->next_hop_mtu(), 1400);
  EXPECT_TRUE(view->checksum_ok());
  const auto quoted = Ipv4View::parse_quoted(view->body());
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->source().to_string(), "10.66.0.2");
}

TEST(Icmpv4Test, message_without_a_whole_header_is_refused_and_a_cut_body_fails_the_checksum) {
  for_each_truncation(kEcho, [](base::Bytes bytes) {
    const auto view = Icmpv4View::parse(bytes);
    ASSERT_EQ(view.has_value(), bytes.size() >= 8);
    if (view) {
      EXPECT_FALSE(view->checksum_ok());
    }
  });
}

TEST(Icmpv4Test, written_header_completes_the_bytes_parsed) {
  for (const auto& message : {kEcho, kTooBig}) {
    const auto view = Icmpv4View::parse(message);
    ASSERT_TRUE(view);
    auto written = message;
    std::fill_n(written.begin(), Icmpv4Header::kSize, std::uint8_t{0xee});
    Icmpv4Header{view->type(), view->code(), view->rest()}.write(written);
    EXPECT_EQ(written, message);
  }
}

}  // namespace
}  // namespace windhover::stack::wire
