#pragma once
// What a peer's SYN settles for the connection that it opens.

#include <cstdint>

#include "stack/wire/seq.h"

namespace windhover::stack::tcp {

class Tcb;
struct Engine;
struct Segment;

/// A peer's SYN as far as we agree with it. A value; what a SYN object keeps and what a SYN cookie carries.
struct PeerSyn {
  /// For `wscale`: the SYN had no such option, so neither side scales (RFC 7323 §2.2).
  static constexpr std::uint8_t kNoScaling = 15;

  wire::Seq irs{};
  std::uint32_t ts_recent = 0;  ///< Its TSval; meaningful with `timestamps`.
  std::uint16_t mss = 0;        ///< Of segments to the peer, before options; bounded by the path.
  std::uint8_t wscale = kNoScaling;
  bool sack = false;
  bool timestamps = false;
  bool ecn = false;

  bool scales() const { return wscale != kNoScaling; }
};

/// Reads a SYN or SYN-ACK. `asked_ecn`: every SYN of ours did. Precondition: the segment has the SYN flag.
PeerSyn read_syn(const Engine& engine, const Segment& segment, bool asked_ecn = false);

/// Settles the connection's receive sequence, segment size, options and congestion window; not the peer's window.
void apply_syn(Engine& engine, Tcb& tcb, const PeerSyn& syn);

/// The shift with which a window of `bytes` fits into sixteen bits.
std::uint8_t window_scale_for(std::uint32_t bytes);

}  // namespace windhover::stack::tcp
