// Multicast listener reports through Ip (RFC 3810).

#include "stack/ip/mld.h"

#include "stack/wire/ndp.h"
#include "tests/stack/ip/machine.h"

namespace windhover::stack::ip {
namespace {

const Address kQuerier = address("fe80::1");
const Address kReports = address("ff02::16");
const Address kOurGroup = address("ff02::1:ff00:2");
constexpr std::uint8_t kListening = 2;
constexpr std::uint8_t kLeft = 3;
constexpr std::uint8_t kJoined = 4;

Config reporting() {
  Config made = config();
  made.multicast_reports = true;
  made.announcements = 0;
  return made;
}

Octets alert() { return {58, 0, 5, 2, 0, 0, 1, 0}; }

Octets report(std::uint8_t record, std::initializer_list<Address> groups, const Address& source = address("::")) {
  Octets body;
  for (const Address& group : groups) {
    packets::put(body, {record, 0, 0, 0});
    packets::put(body, group.octets());
  }
  Octets payload = alert();
  packets::put(payload, packets::icmpv6(source, kReports, 143, 0, static_cast<std::uint32_t>(groups.size()), body));
  return packets::ethernet(wire::multicast_mac(kReports), kOurMac, 0x86dd,
                           packets::ipv6(source, kReports, 0, payload, 1));
}

struct Query {
  Address source = kQuerier;
  Address group{};
  std::uint16_t response_ms = 1000;
  std::uint8_t hop_limit = 1;
  bool with_alert = true;
};

void feed(Machine& machine, const Query& query) {
  const Address to = query.group.is_unspecified() ? kAllNodes : query.group;
  Octets body;
  packets::put(body, query.group.mapped());
  packets::put(body, {2, 125, 0, 0});
  const Octets message = packets::icmpv6(query.source, to, 130, 0, std::uint32_t{query.response_ms} << 16, body);
  Octets payload = query.with_alert ? alert() : Octets{};
  packets::put(payload, message);
  const Octets packet = packets::ipv6(query.source, to, query.with_alert ? 0 : 58, payload, query.hop_limit);
  machine.packet(packet, Checksum::kNone, wire::multicast_mac(to));
}

/// Past the reports of the start.
void settle(Machine& machine) {
  machine.at(2s);
  machine.at(5s);
  machine.output();
}

std::vector<Octets> at(Machine& machine, base::Duration when) {
  machine.at(when);
  std::vector<Octets> sent;
  for (const Sent& each : machine.output()) sent.push_back(each.octets);
  return sent;
}

/// When the next report goes out, looked for from `from` on.
base::Duration next_report(Machine& machine, base::Duration from, base::Duration longest) {
  for (base::Duration when = from; when <= from + longest; when += 1ms) {
    if (!at(machine, when).empty()) return when;
  }
  ADD_FAILURE() << "nothing was sent";
  return {};
}

TEST(MldTest, group_is_reported_at_the_start_and_once_more_rfc3810_6_1) {
  Machine machine(on_ethernet(), reporting());
  EXPECT_EQ(machine.only().octets, report(kJoined, {kOurGroup}));
  const base::Duration again = next_report(machine, 1ms, 1s);
  EXPECT_LE(again, 1001ms);
  EXPECT_TRUE(at(machine, 100s).empty());
}

TEST(MldTest, group_is_joined_before_the_first_question_rfc4862_5_4_2) {
  Config asking = reporting();
  asking.dad_transmits = 1;
  Machine machine(on_ethernet(), asking);
  const auto sent = machine.output();
  ASSERT_EQ(sent.size(), 2U);
  EXPECT_EQ(sent[0].octets, report(kJoined, {kOurGroup}));
  EXPECT_EQ(sent[1].octets[14 + 40], 135);
}

TEST(MldTest, groups_are_told_together_and_each_once) {
  Config many = reporting();
  many.addresses.push_back({address("fd77::2"), 64});  // Of the same group.
  many.addresses.push_back({address("fd66::3"), 64});
  many.addresses.push_back({address("fe80::2"), 64});
  Machine machine(on_ethernet(), many);
  EXPECT_EQ(machine.only().octets, report(kJoined, {kOurGroup, address("ff02::1:ff00:3")}, address("fe80::2")));
}

TEST(MldTest, general_query_is_answered_within_its_time_rfc3810_6_2) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  feed(machine, {.response_ms = 1000});
  EXPECT_EQ(machine.counters.value(Event::kFramesConsumed), 1U);
  base::Duration when = 5s;
  std::vector<Octets> answer;
  for (; answer.empty() && when <= 6s; when += 1ms) answer = at(machine, when);
  EXPECT_EQ(answer, std::vector<Octets>{report(kListening, {kOurGroup})});
  EXPECT_TRUE(at(machine, 60s).empty());
}

TEST(MldTest, query_about_a_group_is_answered_when_it_is_ours) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  feed(machine, {.group = kOurGroup, .response_ms = 0});
  EXPECT_EQ(at(machine, 5s), std::vector<Octets>{report(kListening, {kOurGroup})});
  feed(machine, {.source = kQuerier, .group = address("ff02::1"), .response_ms = 0});
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);  // Nobody reports all nodes (RFC 3810 6).
  EXPECT_TRUE(at(machine, 6s).empty());
}

TEST(MldTest, flood_of_queries_costs_one_report_in_the_gap) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  std::size_t reports = 0;
  for (base::Duration when = 5s; when < 6s; when += 1ms) {
    feed(machine, {.response_ms = 0});
    reports += at(machine, when).size();
  }
  EXPECT_LE(reports, 10U);
  EXPECT_GE(reports, 9U);
}

TEST(MldTest, query_that_is_not_from_this_link_is_invalid_rfc3810_6_2) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  std::uint64_t expected = 0;
  feed(machine, {.source = address("2001:db8::1")});
  EXPECT_EQ(machine.drops(Drop::kMldInvalid), ++expected);
  feed(machine, {.hop_limit = 2});
  EXPECT_EQ(machine.drops(Drop::kMldInvalid), ++expected);
  feed(machine, {.with_alert = false});
  EXPECT_EQ(machine.drops(Drop::kMldInvalid), ++expected);
  Octets payload = alert();
  packets::put(payload, packets::icmpv6(kQuerier, kAllNodes, 130, 0, 0, Octets(17)));  // Of no version's size.
  machine.packet(packets::ipv6(kQuerier, kAllNodes, 0, payload, 1), Checksum::kNone, kAllNodesMac);
  EXPECT_EQ(machine.drops(Drop::kMldInvalid), ++expected);
  EXPECT_TRUE(at(machine, 100s).empty());
  EXPECT_TRUE(machine.accounted());
}

TEST(MldTest, groups_are_told_again_where_no_query_comes) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  EXPECT_TRUE(at(machine, 124'999ms).empty());
  EXPECT_EQ(at(machine, 125s), std::vector<Octets>{report(kListening, {kOurGroup})});
  at(machine, 200s);
  feed(machine, {.response_ms = 0});
  EXPECT_EQ(at(machine, 200s).size(), 1U);
  EXPECT_TRUE(at(machine, 324'999ms).empty());
  EXPECT_EQ(at(machine, 325s).size(), 1U);
}

TEST(MldTest, withdrawn_address_leaves_its_group_and_restored_joins_it_again) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  machine.ip.withdraw(machine.now, kOurs6);
  EXPECT_EQ(at(machine, 5s), std::vector<Octets>{report(kLeft, {kOurGroup})});
  EXPECT_EQ(at(machine, 7s), std::vector<Octets>{report(kLeft, {kOurGroup})});
  feed(machine, {.response_ms = 0});
  EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
  EXPECT_TRUE(at(machine, 300s).empty());
  machine.ip.restore(machine.now, kOurs6);
  EXPECT_EQ(at(machine, 300s), std::vector<Octets>{report(kJoined, {kOurGroup})});
}

TEST(MldTest, link_that_returns_is_told_of_the_groups) {
  Machine machine(on_ethernet(), reporting());
  settle(machine);
  machine.ip.link_up(machine.now);
  EXPECT_EQ(machine.only().octets, report(kJoined, {kOurGroup}));
}

TEST(MldTest, nothing_is_reported_where_another_speaks) {
  Config second = reporting();
  second.answers_neighbours = false;
  Config shared = reporting();
  shared.reply_to_sender = true;
  Config quiet = reporting();
  quiet.addresses[1].quiet = true;
  for (const Config& each : {second, shared, quiet}) {
    Machine machine(on_ethernet(), each);
    EXPECT_TRUE(machine.output().empty());
    feed(machine, {.response_ms = 0});
    EXPECT_EQ(machine.drops(Drop::kIcmpIgnored), 1U);
    EXPECT_TRUE(at(machine, 300s).empty());
  }
}

}  // namespace
}  // namespace windhover::stack::ip
