// Multicast listener discovery messages (RFC 3810 5).

#include "stack/wire/mld.h"

#include "stack/wire/icmpv6.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

using namespace std::chrono_literals;

Address address(std::string_view text) { return *Address::parse(text); }

const auto kGeneral = hex("8200 0000 2710 0000 00000000000000000000000000000000 02 7d 0000");
const auto kAboutGroup = hex("8200 0000 03e8 0000 ff0200000000000000000001ff000002 02 7d 0000");

TEST(MldTest, query_shows_its_fields) {
  const Guarded general(kGeneral);
  const auto query = MldQuery::parse(general.bytes());
  ASSERT_TRUE(query);
  EXPECT_EQ(query->response_max, 10s);
  EXPECT_TRUE(query->group.is_unspecified());
  EXPECT_EQ(MldQuery::parse(kAboutGroup)->group, address("ff02::1:ff00:2"));
}

TEST(MldTest, query_cut_is_refused_unless_it_is_version_1_then_rfc3810_8_1) {
  for_each_truncation(kGeneral,
                      [](base::Bytes bytes) { EXPECT_EQ(MldQuery::parse(bytes).has_value(), bytes.size() == 24); });
}

TEST(MldTest, query_about_no_group_or_of_another_type_is_refused) {
  auto message = kAboutGroup;
  message[8] = 0xfd;
  EXPECT_FALSE(MldQuery::parse(message));
  message = kGeneral;
  message[0] = 131;
  EXPECT_FALSE(MldQuery::parse(message));
}

TEST(MldTest, response_time_has_an_exponent_from_32768_on_rfc3810_5_1_3) {
  const auto time = [](std::uint16_t code, std::size_t size) {
    auto message = kGeneral;
    base::store_be(&message[4], code);
    return MldQuery::parse(base::Bytes(message).first(size))->response_max;
  };
  EXPECT_EQ(time(0x7fff, 28), 32'767ms);
  EXPECT_EQ(time(0x8000, 28), 32'768ms);
  EXPECT_EQ(time(0x8001, 28), 32'776ms);
  EXPECT_EQ(time(0xffff, 28), 8'387'584ms);
  EXPECT_EQ(time(0xffff, 24), 65'535ms);  // Version 1.
}

TEST(MldTest, report_is_written_record_by_record) {
  const Address groups[] = {address("ff02::1:ff00:2"), address("ff02::1:ff00:3")};
  const Address source = address("::");
  std::vector<std::uint8_t> written(MldReport::size(2), 0xee);
  MldReport::write(written, groups, MldRecord::kJoined, source, all_mld_routers());
  EXPECT_TRUE(Icmpv6View::parse(written)->checksum_ok(source, all_mld_routers()));
  base::store_be(&written[2], std::uint16_t{0});
  EXPECT_EQ(written, hex("8f00 0000 0000 0002"
                         "04000000 ff0200000000000000000001ff000002"
                         "04000000 ff0200000000000000000001ff000003"));
}

TEST(MldTest, router_alert_is_found_where_it_is_written) {
  auto packet = hex("60000000 0020 00 01 fe800000000000000000000000000001 ff020000000000000000000000000001");
  packet.resize(40 + 32);
  write_router_alert(base::MutableBytes(packet).subspan(40));
  EXPECT_EQ(std::vector<std::uint8_t>(packet.begin() + 40, packet.begin() + 48), hex("3a00 0502 0000 0100"));
  const Guarded whole(base::Bytes(packet).first(48));
  EXPECT_TRUE(has_mld_router_alert(whole.bytes()));
  for_each_truncation(base::Bytes(packet).first(48),
                      [](base::Bytes bytes) { EXPECT_FALSE(has_mld_router_alert(bytes)); });
  const auto with = [&](std::string_view options) {
    auto other = packet;
    const auto bytes = hex(options);
    std::copy(bytes.begin(), bytes.end(), other.begin() + 42);
    return has_mld_router_alert(other);
  };
  EXPECT_TRUE(with("0000 0502 0000"));
  EXPECT_FALSE(with("0502 0001 0100"));  // For RSVP.
  EXPECT_FALSE(with("0104 0000 0000"));  // Padding alone.
  EXPECT_FALSE(with("1e05 0000 0000"));  // Runs past the header.
  packet[6] = 60;                        // Destination options.
  EXPECT_FALSE(has_mld_router_alert(packet));
}

}  // namespace
}  // namespace windhover::stack::wire
