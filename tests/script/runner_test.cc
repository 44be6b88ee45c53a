#include "tests/script/runner.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/script/parser.h"

namespace windhover::script {
namespace {

/// The report of a script that fails; empty when it passes.
std::string play(const std::string& text) {
  const auto parsed = parse(text);
  if (const auto* error = std::get_if<Error>(&parsed)) return error->to_string("f");
  const Outcome outcome = run(std::get<Script>(parsed), "f");
  EXPECT_EQ(outcome.passed, outcome.report.empty());
  return outcome.report;
}

/// The report without its last events.
std::string verdict(const std::string& text) {
  const std::string report = play(text);
  return report.substr(0, report.find("last events"));
}

const std::string kSyn = "listen\n< S 0:0(0) win 65535 <mss 1460>\n";
const std::string kOpen = kSyn + "> S. 0:0(0) ack 1 <mss 1460>\n< . 1:1(0) ack 1\n";

TEST(Runner, passes_what_is_as_the_script_says) {
  EXPECT_EQ(play(kOpen + "established\n< P. 1:11(10) ack 1\ndata 10\n> . 1:1(0) ack 11\n"), "");
}

TEST(Runner, marks_the_fields_that_differ) {
  EXPECT_EQ(verdict(kSyn + "> S. 0:0(0) ack 2 <mss 1400>\n"),
            "f:3: > S. 0:0(0) ack 2 <mss 1400>\n"
            "it differs in ack, options\n"
            "  expected  > S. 0:0(0) ack 2           <mss 1400> \n"
            "  actual    > S. 0:0(0) ack 1 win 65535 <mss 1460> \n"
            "                        ^^^^^           ^^^^^^^^^^ \n");
}

TEST(Runner, tells_what_happened_before) {
  const std::string report = play(kSyn + "> S. 0:0(0) ack 2 <...>\n");
  EXPECT_TRUE(
      report.ends_with("last events:\n"
                       "  0.000000  listen\n"
                       "  0.000000  < S 0:0(0) win 65535 <mss 1460>\n"
                       "  0.000000  > S. 0:0(0) ack 1 win 65535 <mss 1460>\n"))
      << report;
}

TEST(Runner, fails_on_an_unexpected_segment) {
  EXPECT_TRUE(verdict(kSyn + "no output\n").starts_with("f:3: no output\nthe stack sent what the script does not"));
  EXPECT_TRUE(verdict(kSyn + "+1ms < . 1:1(0) ack 1\n").starts_with("f:3:"));
  EXPECT_TRUE(verdict(kSyn).starts_with("f:2: at the end of the script\nthe stack sent what"));
}

TEST(Runner, fails_on_a_missing_segment) {
  EXPECT_TRUE(verdict("listen\n> S. 0:0(0) ack 1\n").starts_with("f:2: > S. 0:0(0) ack 1\nthe stack sent nothing"));
}

TEST(Runner, holds_segments_to_their_time) {
  const std::string again = kSyn + "0 > S. 0:0(0) ack 1 <...>\n";
  EXPECT_EQ(play(again + "+1 > S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_EQ(play(again + "+0.9~+1.1 > S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_EQ(play(again + "* > S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_EQ(play("config tolerance 60ms\n" + again + "+950ms > S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_NE(verdict(again + "+990ms > S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_TRUE(verdict(again + "+1.01 > S. 0:0(0) ack 1 <...>\n").find("it left at 1.000000, expected at 1.010000") !=
              std::string::npos);
  EXPECT_NE(verdict(again + "no output until 1.1\n"), "");
}

TEST(Runner, fails_on_checks_that_do_not_hold) {
  EXPECT_TRUE(verdict(kOpen + "not established\n").find("was told that it is established") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "data 1\n").find("it is 0") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "state CLOSE-WAIT\n").find("it is in ESTABLISHED") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "closed finished\n").find("it is open") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "info mss 1\n").find("it is 1460") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "info nonsense 1\n").find("no field of that name") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "counter tcp.paws 1\n").find("it is 0") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "counter nonsense 1\n").find("no counter") != std::string::npos);
  EXPECT_TRUE(verdict(kOpen + "< R 1:1(0)\nopen\n").find("it was closed: peer_reset") != std::string::npos);
}

TEST(Runner, notices_bytes_that_are_not_the_stream) {
  EXPECT_TRUE(verdict(kOpen + "< P. 1:11(10) ack 1 junk\n").find("read a wrong byte at 0") != std::string::npos);
}

TEST(Runner, refuses_what_it_cannot_do) {
  EXPECT_TRUE(verdict("write 10\n").find("there is no connection") != std::string::npos);
  EXPECT_TRUE(verdict("config nonsense 1\nlisten\n").starts_with("f:1: config nonsense:"));
  EXPECT_TRUE(verdict("config mtu wide\nlisten\n").starts_with("f:1: config mtu: found 'wide'"));
  EXPECT_TRUE(verdict("+1 listen\n0.5 listen\n").find("is due at 0.500000") != std::string::npos);
}

TEST(Runner, keeps_connections_apart) {
  EXPECT_NE(verdict(kSyn + "flow 2\n> S. 0:0(0) ack 1 <...>\n"), "");
  EXPECT_EQ(
      play(kOpen + "flow 2\n< S 0:0(0) win 9\n> S. 0:0(0) ack 1 <mss 1460>\nnot established\nflow 0\nestablished\n"),
      "");
}

}  // namespace
}  // namespace windhover::script
