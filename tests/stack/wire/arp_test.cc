#include "stack/wire/arp.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

const auto kRequest = hex("0001080006040001 020000000001 0a420001 000000000000 0a420002");

TEST(ArpTest, request_shows_its_fields) {
  const Guarded message(kRequest);
  const auto view = ArpView::parse(message.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->operation(), ArpOperation::kRequest);
  EXPECT_EQ(view->sender_mac().to_string(), "02:00:00:00:00:01");
  EXPECT_EQ(view->sender_address().to_string(), "10.66.0.1");
  EXPECT_TRUE(view->target_mac().is_zero());
  EXPECT_EQ(view->target_address().to_string(), "10.66.0.2");
}

TEST(ArpTest, truncated_message_is_refused_at_every_byte) {
  for_each_truncation(kRequest, [](base::Bytes bytes) { EXPECT_FALSE(ArpView::parse(bytes)); });
}

TEST(ArpTest, padding_behind_the_message_is_allowed) {
  auto padded = kRequest;
  padded.resize(46);
  EXPECT_TRUE(ArpView::parse(padded));
}

TEST(ArpTest, other_spaces_lengths_and_operations_are_refused) {
  // Offset and value: hardware type, protocol type, the two lengths, operations 0, 3 and 0x0101.
  constexpr std::pair<std::size_t, std::uint8_t> kChanges[] = {{1, 6},  {2, 0x86}, {3, 6}, {4, 8},
                                                               {5, 16}, {7, 0},    {7, 3}, {6, 1}};
  for (const auto& [at, value] : kChanges) {
    auto message = kRequest;
    message[at] = value;
    EXPECT_FALSE(ArpView::parse(message)) << at;
  }
}

TEST(ArpTest, written_message_is_the_bytes_parsed) {
  const auto view = ArpView::parse(kRequest);
  ASSERT_TRUE(view);
  std::vector<std::uint8_t> written(ArpMessage::kSize);
  ArpMessage{view->operation(), view->sender_mac(), view->sender_address(), view->target_mac(), view->target_address()}
      .write(written);
  EXPECT_EQ(written, kRequest);
}

}  // namespace
}  // namespace windhover::stack::wire
