#pragma once
// What the tests of loss recovery share: a path of 20 ms, and a peer that loses what the test says.

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {

inline constexpr std::uint32_t kSize = 1460;  // Of a full segment.

/// Where the segment with that index, from 0, begins.
inline constexpr std::uint32_t at(std::uint32_t index) { return 1 + index * kSize; }

/// A path of 20 ms, and a peer that lost something.
class Recovering : public testing::Test {
 protected:
  explicit Recovering(const Scenario& scenario = with_sack(true)) : peer(scenario) {
    peer.send({.flags = kTcpSyn, .options = peer.syn_options(), .plain = true});
    peer.expect({.flags = kSynAck});
    peer.advance(20ms);
    peer.send({});
  }
  static Scenario with_sack(bool sack) {
    Scenario scenario;
    scenario.sack = sack;
    scenario.window_scale = 4;
    scenario.tcp.congestion_control = CongestionControl::kNewReno;
    return scenario;
  }
  App& app() { return peer.app(); }
  /// Queues `count` full segments; returns how many left at once.
  std::size_t send(std::uint32_t count) {
    app().connection->send(base::copy_to_heap(base::as_bytes(text(std::size_t{count} * kSize))));
    return peer.take_all().size();
  }
  /// An acknowledgement up to the segment with index `upto`, reporting whole segments [first, last) as held.
  void sack(std::uint32_t upto, std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> blocks) {
    wire::TcpOptions options;
    for (const auto& [first, last] : blocks) {
      options.sack[options.sack_count++] = {raw(at(first)), raw(at(last))};
    }
    peer.send({.ack = at(upto), .options = options});
  }
  /// Reports whole segments [first, last) as having come twice (RFC 2883), with everything before `upto` held.
  void dsack(std::uint32_t upto, std::uint32_t first, std::uint32_t last) { sack(upto, {{first, last}}); }
  /// The indices of the segments that have left since this was last asked.
  std::vector<std::uint32_t> indices() {
    std::vector<std::uint32_t> result;
    for (const Segment& segment : peer.take_all()) result.push_back((segment.seq - 1) / kSize);
    return result;
  }
  wire::Seq raw(std::uint32_t relative) const { return wire::Seq(peer.irs + relative); }

  Peer peer;
};

}  // namespace windhover::stack::tcp::test
