#include "stack/wire/vxlan.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

const auto kDatagram = hex("0800000000002a00 ffffffffffff 020000000001 0806 aabb");

TEST(VxlanTest, datagram_shows_its_network_and_its_frame) {
  const Guarded datagram(kDatagram);
  const auto view = VxlanView::parse(datagram.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->vni(), 42u);
  EXPECT_EQ(to_vector(view->frame()), hex("ffffffffffff 020000000001 0806 aabb"));
}

TEST(VxlanTest, datagram_without_a_whole_header_is_refused) {
  for_each_truncation(kDatagram, [](base::Bytes bytes) {
    const auto view = VxlanView::parse(bytes);
    ASSERT_EQ(view.has_value(), bytes.size() >= VxlanView::kHeaderSize);
    if (view) {
      EXPECT_EQ(view->frame().size(), bytes.size() - VxlanView::kHeaderSize);
    }
  });
}

// RFC 7348 section 5: the I flag "MUST be set to 1 for a valid VXLAN Network ID".
TEST(VxlanTest, header_without_an_identifier_is_refused) {
  auto datagram = kDatagram;
  for (const std::uint8_t flags : std::initializer_list<std::uint8_t>{0x00, 0x04, 0xf7}) {
    datagram[0] = flags;
    EXPECT_FALSE(VxlanView::parse(datagram)) << int{flags};
  }
}

// RFC 7348 section 5: what is reserved is "ignored on receipt".
TEST(VxlanTest, reserved_bits_change_nothing) {
  auto datagram = kDatagram;
  datagram[0] = 0xff;
  datagram[1] = datagram[2] = datagram[3] = datagram[7] = 0xff;
  const auto view = VxlanView::parse(datagram);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->vni(), 42u);
}

// RFC 7348 section 5: what is reserved "MUST be set to zero on transmission".
TEST(VxlanTest, written_header_is_the_bytes_parsed) {
  for (const std::uint32_t vni : {0U, 42U, kVniMax}) {
    std::vector<std::uint8_t> written(VxlanHeader::kSize, 0xee);
    VxlanHeader{vni}.write(written);
    const auto view = VxlanView::parse(written);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->vni(), vni);
    EXPECT_EQ(written[0], 0x08);
    EXPECT_EQ(written[1] | written[2] | written[3] | written[7], 0);
  }
}

}  // namespace
}  // namespace windhover::stack::wire
