#include "stack/wire/ndp.h"

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// Made by an independent tool: fe80::1 asks for fd66::2, and fd66::2 answers it.
const auto kSolicitation = hex("87007bb100000000 fd660000000000000000000000000002 0101020000000001");
const auto kAdvertisement = hex("8800 1a4e60000000 fd660000000000000000000000000002 0201020000000002");

Address address(std::string_view text) { return *Address::parse(text); }

const Address kTarget = address("fd66::2");
const NdpEnvelope kSolicitationEnvelope{address("fe80::1"), address("ff02::1:ff00:2"), kNdpHopLimit};
const NdpEnvelope kAdvertisementEnvelope{kTarget, address("fe80::1"), kNdpHopLimit};

/// The message with one byte changed.
std::vector<std::uint8_t> changed(std::vector<std::uint8_t> message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
}

TEST(NdpTest, solicitation_shows_its_fields) {
  const Guarded message(kSolicitation);
  const auto solicitation = NeighbourSolicitation::parse(message.bytes(), kSolicitationEnvelope);
  ASSERT_TRUE(solicitation);
  EXPECT_EQ(solicitation->target, kTarget);
  ASSERT_TRUE(solicitation->source_mac);
  EXPECT_EQ(solicitation->source_mac->to_string(), "02:00:00:00:00:01");
}

TEST(NdpTest, advertisement_shows_its_fields) {
  const Guarded message(kAdvertisement);
  const auto advertisement = NeighbourAdvertisement::parse(message.bytes(), kAdvertisementEnvelope);
  ASSERT_TRUE(advertisement);
  EXPECT_EQ(advertisement->target, kTarget);
  EXPECT_FALSE(advertisement->router);
  EXPECT_TRUE(advertisement->solicited);
  EXPECT_TRUE(advertisement->override_cached);
  ASSERT_TRUE(advertisement->target_mac);
  EXPECT_EQ(advertisement->target_mac->to_string(), "02:00:00:00:00:02");
}

TEST(NdpTest, written_messages_are_the_bytes_parsed) {
  const auto solicitation = NeighbourSolicitation::parse(kSolicitation, kSolicitationEnvelope);
  ASSERT_TRUE(solicitation);
  std::vector<std::uint8_t> written(solicitation->size());
  solicitation->write(written, kSolicitationEnvelope.source, kSolicitationEnvelope.destination);
  EXPECT_EQ(written, kSolicitation);

  const auto advertisement = NeighbourAdvertisement::parse(kAdvertisement, kAdvertisementEnvelope);
  ASSERT_TRUE(advertisement);
  written.assign(advertisement->size(), 0);
  advertisement->write(written, kAdvertisementEnvelope.source, kAdvertisementEnvelope.destination);
  EXPECT_EQ(written, kAdvertisement);
}

TEST(NdpTest, messages_without_options_are_whole) {
  const NeighbourSolicitation solicitation{kTarget, {}};
  std::vector<std::uint8_t> written(solicitation.size());
  solicitation.write(written, kSolicitationEnvelope.source, kSolicitationEnvelope.destination);
  EXPECT_EQ(written.size(), 24u);
  const auto parsed = NeighbourSolicitation::parse(written, kSolicitationEnvelope);
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->source_mac);
}

// RFC 4861 §7.1.1 and §7.1.2: "ICMP length is 24 or more octets", "All included options have a length that is greater
// than 0".
TEST(NdpTest, message_truncated_at_any_byte_is_refused_unless_an_option_ends_there) {
  for_each_truncation(kSolicitation, [](base::Bytes bytes) {
    EXPECT_EQ(NeighbourSolicitation::parse(bytes, kSolicitationEnvelope).has_value(), bytes.size() == 24);
  });
  for_each_truncation(kAdvertisement, [](base::Bytes bytes) {
    EXPECT_EQ(NeighbourAdvertisement::parse(bytes, kAdvertisementEnvelope).has_value(), bytes.size() == 24);
  });
}

// "The IP Hop Limit field has a value of 255, i.e., the packet could not possibly have been forwarded by a router."
TEST(NdpTest, forwarded_message_is_refused) {
  auto envelope = kSolicitationEnvelope;
  envelope.hop_limit = 254;
  EXPECT_FALSE(NeighbourSolicitation::parse(kSolicitation, envelope));
  envelope = kAdvertisementEnvelope;
  envelope.hop_limit = 254;
  EXPECT_FALSE(NeighbourAdvertisement::parse(kAdvertisement, envelope));
}

// "ICMP Code is 0", "Target Address is not a multicast address", options longer than zero.
TEST(NdpTest, impossible_fields_are_refused) {
  // Offset and value: type, code, target ff66::2, option length 0, option length 16.
  constexpr std::pair<std::size_t, std::uint8_t> kChanges[] = {{0, 134}, {1, 1}, {8, 0xff}, {25, 0}, {25, 2}};
  for (const auto& [at, value] : kChanges) {
    EXPECT_FALSE(NeighbourSolicitation::parse(changed(kSolicitation, at, value), kSolicitationEnvelope)) << at;
    EXPECT_FALSE(NeighbourAdvertisement::parse(changed(kAdvertisement, at, value), kAdvertisementEnvelope)) << at;
  }
}

TEST(NdpTest, unknown_options_are_passed_over) {
  auto message = changed(kSolicitation, 24, 14);
  const auto known = base::Bytes(kSolicitation).subspan(24);
  message.insert(message.end(), known.begin(), known.end());
  const auto parsed = NeighbourSolicitation::parse(message, kSolicitationEnvelope);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->source_mac);
}

// §7.1.1: "If the IP source address is the unspecified address, the IP destination address is a solicited-node
// multicast address" and "there is no source link-layer address option in the message."
TEST(NdpTest, solicitation_from_the_unspecified_address_must_be_duplicate_address_detection) {
  const auto plain = to_vector(base::Bytes(kSolicitation).first(24));
  NdpEnvelope envelope{Address{}, address("ff02::1:ff00:2"), kNdpHopLimit};
  EXPECT_TRUE(NeighbourSolicitation::parse(plain, envelope));
  EXPECT_FALSE(NeighbourSolicitation::parse(kSolicitation, envelope));
  envelope.destination = kTarget;
  EXPECT_FALSE(NeighbourSolicitation::parse(plain, envelope));
  envelope.destination = all_nodes();
  EXPECT_FALSE(NeighbourSolicitation::parse(plain, envelope));
}

// §7.1.2: "If the IP Destination Address is a multicast address the Solicited flag is zero."
TEST(NdpTest, solicited_advertisement_to_a_group_is_refused) {
  auto envelope = kAdvertisementEnvelope;
  envelope.destination = all_nodes();
  EXPECT_FALSE(NeighbourAdvertisement::parse(kAdvertisement, envelope));
  EXPECT_TRUE(NeighbourAdvertisement::parse(changed(kAdvertisement, 4, 0x20), envelope));
}

TEST(NdpTest, group_addresses_follow_from_the_target) {
  EXPECT_EQ(solicited_node(address("fd66::12:3456")).to_string(), "ff02::1:ff12:3456");
  EXPECT_EQ(multicast_mac(address("ff02::1:ff12:3456")).to_string(), "33:33:ff:12:34:56");
  EXPECT_EQ(all_nodes().to_string(), "ff02::1");
}

}  // namespace
}  // namespace windhover::stack::wire
