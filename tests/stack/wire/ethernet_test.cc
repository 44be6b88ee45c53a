#include "stack/wire/ethernet.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

const auto kTagged = hex("020000000002 020000000001 8100602a 0800 4500001400010000");
const auto kUntagged = hex("ffffffffffff 020000000001 86dd 60");

TEST(EthernetTest, untagged_frame_shows_its_fields) {
  const auto view = EthernetView::parse(kUntagged);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->destination(), kBroadcast);
  EXPECT_EQ(view->source().to_string(), "02:00:00:00:00:01");
  EXPECT_FALSE(view->tag());
  EXPECT_EQ(view->ether_type(), EtherType::kIpv6);
  EXPECT_EQ(view->header_size(), 14u);
  EXPECT_EQ(to_vector(view->payload()), hex("60"));
}

TEST(EthernetTest, tagged_frame_shows_the_type_behind_the_tag) {
  const auto view = EthernetView::parse(kTagged);
  ASSERT_TRUE(view);
  ASSERT_TRUE(view->tag());
  EXPECT_EQ(view->tag()->id(), 42);
  EXPECT_EQ(view->tag()->control, 0x602a);
  EXPECT_EQ(view->ether_type(), EtherType::kIpv4);
  EXPECT_EQ(view->header_size(), 18u);
  EXPECT_EQ(view->payload().size(), 8u);
}

TEST(EthernetTest, second_tag_is_left_as_the_type) {
  const auto frame = hex("020000000002 020000000001 8100002a 81000001 0800");
  const auto view = EthernetView::parse(frame);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->ether_type(), EtherType::kVlan);
}

TEST(EthernetTest, truncated_header_is_refused_at_every_byte) {
  for_each_truncation(kTagged,
                      [](base::Bytes bytes) { EXPECT_EQ(EthernetView::parse(bytes).has_value(), bytes.size() >= 18); });
  for_each_truncation(kUntagged,
                      [](base::Bytes bytes) { EXPECT_EQ(EthernetView::parse(bytes).has_value(), bytes.size() >= 14); });
}

TEST(EthernetTest, written_headers_are_the_bytes_parsed) {
  for (const auto& frame : {kTagged, kUntagged}) {
    const auto view = EthernetView::parse(frame);
    ASSERT_TRUE(view);
    const EthernetHeader header{view->destination(), view->source(), view->tag(), view->ether_type()};
    std::vector<std::uint8_t> written(header.size());
    header.write(written);
    EXPECT_EQ(written, to_vector(base::Bytes(frame).first(view->header_size())));
  }
}

TEST(MacAddressTest, text_round_trips_and_nonsense_is_refused) {
  const auto mac = MacAddress::parse("02:00:5E:10:aB:01");
  ASSERT_TRUE(mac);
  EXPECT_EQ(mac->to_string(), "02:00:5e:10:ab:01");
  for (const auto* text : {"", "02:00:5e:10:ab", "02:00:5e:10:ab:0", "02:00:5e:10:ab:011", "02-00-5e-10-ab-01",
                           "02:00:5e:10:ab:0g", "020:0:5e:10:ab:01"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(MacAddressTest, group_addresses_are_told_by_their_first_octet) {
  EXPECT_TRUE(kBroadcast.is_multicast());
  EXPECT_TRUE((MacAddress{{0x33, 0x33, 0, 0, 0, 1}}).is_multicast());
  EXPECT_FALSE((MacAddress{{0x02, 1, 1, 1, 1, 1}}).is_multicast());
  EXPECT_TRUE(MacAddress{}.is_zero());
}

}  // namespace
}  // namespace windhover::stack::wire
