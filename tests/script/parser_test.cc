#include "tests/script/parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <variant>

#include "tests/script/format.h"

namespace windhover::script {
namespace {

using namespace std::chrono_literals;

Script parsed(std::string_view text) {
  auto result = parse(text);
  if (const auto* error = std::get_if<Error>(&result)) {
    ADD_FAILURE() << error->to_string("script");
    return {};
  }
  return std::get<Script>(std::move(result));
}

std::string error_of(std::string_view text) {
  const auto result = parse(text);
  const auto* const error = std::get_if<Error>(&result);
  return error == nullptr ? "none" : error->to_string("f");
}

template <class T>
const T& step(const Script& script, std::size_t at) {
  return std::get<T>(script.steps.at(at).what);
}

TEST(Parser, reads_every_part_of_a_segment) {
  const Script script =
      parsed("< SEW. -5:95(100) ack 7 win 10 urg 3 ecn ce <mss 1460,nop,nop,sackOK,TS val 1 ecr 2,wscale 7> badsum\n");
  const Segment& segment = step<Inbound>(script, 0).segment;
  EXPECT_EQ(segment.flags, 0xd2);
  EXPECT_EQ(segment.seq, 0U - 5);
  EXPECT_EQ(segment.size, 100U);
  EXPECT_EQ(segment.ack, 7U);
  EXPECT_EQ(segment.window, 10);
  EXPECT_EQ(segment.urgent, 3);
  EXPECT_EQ(segment.ecn, Ecn::kCe);
  EXPECT_TRUE(segment.bad_checksum);
  EXPECT_EQ(to_text(segment),
            "SEW. -5:95(100) ack 7 win 10 urg 3 ecn ce <mss 1460,nop,nop,sackOK,TS val 1 ecr 2,wscale 7> badsum");
}

TEST(Parser, leaves_open_what_is_not_said) {
  const Script script = parsed("* > * * ack *\n");
  const Segment& segment = step<Outbound>(script, 0).segment;
  EXPECT_FALSE(segment.flags || segment.seq || segment.ack || segment.window || segment.options);
  EXPECT_EQ(script.steps[0].time.kind, Time::Kind::kAny);
}

TEST(Parser, reads_times) {
  const Script script = parsed("0.25 listen\n+0.1 listen\n+20ms listen\n1s listen\n+1.5~+2 > * *\nlisten\n+7us abort");
  EXPECT_EQ(script.steps[0].time.at, 250ms);
  EXPECT_EQ(script.steps[0].time.kind, Time::Kind::kAbsolute);
  EXPECT_EQ(script.steps[1].time.at, 100ms);
  EXPECT_EQ(script.steps[1].time.kind, Time::Kind::kRelative);
  EXPECT_EQ(script.steps[2].time.at, 20ms);
  EXPECT_EQ(script.steps[3].time.at, 1s);
  EXPECT_EQ(script.steps[4].time.at, 1500ms);
  EXPECT_EQ(script.steps[4].time.until, 2s);
  EXPECT_EQ(script.steps[5].time.kind, Time::Kind::kRelative);
  EXPECT_EQ(script.steps[5].time.at, 0s);
  EXPECT_EQ(script.steps[6].time.at, 7us);
}

TEST(Parser, spreads_a_payload_over_segments) {
  const Script script = parsed("+5ms < FP. 1:2501(2500) each 1000 ack 1\n");
  ASSERT_EQ(script.steps.size(), 3U);
  EXPECT_EQ(to_text(step<Inbound>(script, 0).segment), ". 1:1001(1000) ack 1");
  EXPECT_EQ(to_text(step<Inbound>(script, 1).segment), ". 1001:2001(1000) ack 1");
  EXPECT_EQ(to_text(step<Inbound>(script, 2).segment), "FP. 2001:2501(500) ack 1");
  EXPECT_EQ(script.steps[0].time.at, 5ms);
  EXPECT_EQ(script.steps[1].time.at, 0ms);
}

TEST(Parser, spreads_the_handshake) {
  const Script script = parsed("handshake rtt 10ms win 9 <mss 1000>");
  ASSERT_EQ(script.steps.size(), 5U);
  EXPECT_EQ(to_text(step<Inbound>(script, 1).segment), "S 0:0(0) win 9 <mss 1000>");
  EXPECT_EQ(to_text(step<Inbound>(script, 3).segment), ". 1:1(0) ack 1 win 9");
  EXPECT_EQ(script.steps[3].time.at, 10ms);
}

TEST(Parser, reads_bounds) {
  const Script script = parsed(
      "data 5\ninfo cwnd 10mss\ninfo rto 190ms..210ms\ncounter tcp.paws > 3\ntime_wait <= 2\n"
      "info mss 5..7");
  EXPECT_EQ(step<Check>(script, 0).bounds.low, 5U);
  EXPECT_EQ(step<Check>(script, 1).bounds.high, 100U);
  EXPECT_EQ(step<Check>(script, 1).bounds.unit, Bounds::Unit::kSegments);
  EXPECT_EQ(step<Check>(script, 2).bounds.low, 190'000'000U);
  EXPECT_EQ(step<Check>(script, 2).bounds.high, 210'000'000U);
  EXPECT_EQ(step<Check>(script, 3).bounds.low, 4U);
  EXPECT_EQ(step<Check>(script, 4).bounds.high, 2U);
  EXPECT_EQ(step<Check>(script, 5).bounds.low, 5U);
  EXPECT_EQ(step<Check>(script, 5).bounds.high, 7U);
}

TEST(Parser, ignores_comments_and_blank_lines) {
  EXPECT_EQ(parsed("# hello\n\n   \t\n  listen   # why\r\n").steps.size(), 1U);
  EXPECT_EQ(parsed("listen # why").steps[0].text, "listen");
}

TEST(Parser, says_where_and_what_was_expected) {
  EXPECT_EQ(error_of("listen\n  < S 0:0(1) win 1"),
            "f:2:12: found ')', expected size 0, the distance of the two numbers");
  EXPECT_EQ(error_of("< . 1:1(0)"), "f:1:11: the line ends, expected ack N, since the flags say ACK");
  EXPECT_EQ(error_of("< X 1:1(0)"),
            "f:1:3: found 'X', expected flags: letters of SFRPUEW and . for ACK, - for none, or * for any");
  EXPECT_EQ(error_of("< S 0:0(0) <mss 70000>"), "f:1:17: found '70000>', expected an MSS or *, at most 65535");
  EXPECT_EQ(error_of("dance"),
            "f:1:1: found 'dance', expected <, >, 'no output', a verb or a check (see "
            "tests/script/README.md)");
  EXPECT_EQ(error_of("listen\nconfig mtu 1500"), "f:2:8: found 'mtu', expected a step: config lines come first");
  EXPECT_EQ(error_of("* listen"),
            "f:1:3: found 'listen', expected '>': only a segment that comes out can have a range "
            "of times");
  EXPECT_EQ(error_of("\n\n"), "f:1:1: the script has no steps, expected at least one");
}

TEST(Parser, refuses_what_cannot_be_sent) {
  EXPECT_NE(error_of("< * 1:1(0)"), "none");
  EXPECT_NE(error_of("< S * win 1"), "none");
  EXPECT_NE(error_of("< S 0:0(0) <mss *>"), "none");
  EXPECT_NE(error_of("< S 0:0(0) <...>"), "none");
  EXPECT_NE(error_of("< S 0:0(0) <raw 0>"), "none");
  EXPECT_NE(error_of("< S 0:0(0) <mss 1,mss 1,mss 1,mss 1,mss 1,mss 1,mss 1,mss 1,mss 1,mss 1,mss 1>"), "none");
  EXPECT_NE(error_of("< . 1:70001(70000) ack 1"), "none");
  EXPECT_NE(error_of("> . 1:1(0) ack 1 junk"), "none");
}

TEST(Parser, is_bounded) {
  EXPECT_NE(error_of("< . 1:20001(20000) each 1 ack 1"), "none");
  EXPECT_NE(error_of("99999999999 listen"), "none");
  EXPECT_NE(error_of("+61000000000s listen"), "none");
  EXPECT_NE(error_of("write 99999999999999999999"), "none");
  EXPECT_NE(error_of(std::string(kTextMax + 1, '\n')), "none");
  EXPECT_NE(error_of(std::string(500, 'x')), "none");
}

TEST(Parser, survives_every_prefix) {
  const std::string text =
      "config rto_min 1s\n0 listen\n+0.5~+1.5s > SEW. 0:0(0) ack 1 win 2 urg 1 ecn ect0 <mss *,sackOK,TS val 1 ecr 2,"
      "nop,wscale 3,raw fd04aabb,...>\n< . 1:3001(3000) each 1460 ack 1 <nop,nop,sack 1:2 -3:4> badsum junk\n"
      "< icmp too_big 1400 quoting 1\nno output until +5ms\nwrite 10 takes 5\npeer isn +-5\npeer clock 7\nflow 2\n"
      "handshake rtt 1ms win 5 <>\ninfo cwnd 1.5mss..3mss\nclosed peer_reset\nnot established\n";
  EXPECT_FALSE(parsed(text).steps.empty());
  for (std::size_t size = 0; size < text.size(); ++size) (void)parse(std::string(text, 0, size));
}

}  // namespace
}  // namespace windhover::script
