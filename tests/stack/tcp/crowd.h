#pragma once
// Several connections of one peer to a stack that has few Activities.

#include <gtest/gtest.h>

#include <vector>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {

/// Where a Peer stands in one of several flows.
struct Flow {
  std::uint16_t port = 0;
  std::uint32_t snd_nxt = 0;
  std::uint32_t rcv_nxt = 0;
  std::uint32_t irs = 0;
  std::uint32_t ts_echo = 0;
  bool timestamps = false;
  App* app = nullptr;
};

/// At most so many connections are active at once.
inline Scenario with(std::uint32_t active_max) {
  Scenario scenario;
  scenario.tcp.active_max = active_max;
  scenario.sack = true;
  return scenario;
}

/// The peer stands in one of its connections at a time, the one that was opened or entered last.
class Crowd {
 public:
  explicit Crowd(const Scenario& scenario) : peer(scenario) {}

  /// One connection more, which the peer stands in then.
  App& open() {
    leave();
    peer.new_flow(static_cast<std::uint16_t>(next_port_++));
    flows_.push_back({.port = peer.remote.port});
    current_ = flows_.size() - 1;
    return *(flows_.back().app = &peer.establish());
  }
  /// Goes on with the flow that was opened as number `index`.
  App& enter(std::size_t index) {
    leave();
    current_ = index;
    const Flow& flow = flows_[index];
    peer.remote.port = flow.port;
    peer.snd_nxt = flow.snd_nxt;
    peer.rcv_nxt = flow.rcv_nxt;
    peer.irs = flow.irs;
    peer.ts_echo = flow.ts_echo;
    peer.timestamps = flow.timestamps;
    return *flow.app;
  }
  std::uint64_t slept() const { return peer.events(Event::kTcpSlept); }
  /// Whether a segment for this flow finds it asleep: it makes another sleep.
  bool wakes(std::size_t index) {
    const std::uint64_t before = slept();
    enter(index);
    peer.send({});
    return slept() != before;
  }

  Peer peer;

 private:
  void leave() {
    if (flows_.empty()) return;
    Flow& flow = flows_[current_];
    flow = {flow.port, peer.snd_nxt, peer.rcv_nxt, peer.irs, peer.ts_echo, peer.timestamps, flow.app};
  }

  std::vector<Flow> flows_;
  std::size_t current_ = 0;
  int next_port_ = 41000;
};

}  // namespace windhover::stack::tcp::test
