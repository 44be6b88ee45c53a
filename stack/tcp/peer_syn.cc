#include "stack/tcp/peer_syn.h"

#include <algorithm>

#include "stack/tcp/engine.h"

namespace windhover::stack::tcp {
namespace {

/// The least MSS that we believe: below it a peer would make us send mostly headers.
constexpr std::uint16_t kMssMin = 88;
constexpr std::uint16_t kMssDefault = 536;  // RFC 9293 MUST-15.
constexpr std::uint16_t kMssDefaultV6 = 1220;
/// Acknowledgements sent at once when a connection is young, so that the peer's window opens quickly.
constexpr std::uint8_t kQuickAcks = 16;

}  // namespace

std::uint8_t window_scale_for(std::uint32_t bytes) {
  std::uint8_t shift = 0;
  while (shift < wire::TcpOptions::kWindowScaleMax && (bytes >> shift) > 0xffff) ++shift;
  return shift;
}

PeerSyn read_syn(const Engine& engine, const Segment& segment, bool asked_ecn) {
  const wire::TcpOptions& options = segment.options;
  const std::uint16_t fallback = segment.remote.address.is_v4() ? kMssDefault : kMssDefaultV6;
  const std::uint32_t ours = engine.path_mss(segment.remote.address);
  PeerSyn syn{.irs = segment.seq};
  syn.mss =
      static_cast<std::uint16_t>(std::min<std::uint32_t>(std::max(options.mss.value_or(fallback), kMssMin), ours));
  syn.wscale = options.window_scale.value_or(PeerSyn::kNoScaling);
  syn.sack = engine.config.sack && options.sack_permitted;
  syn.timestamps = engine.config.timestamps && options.timestamps.has_value();
  if (syn.timestamps) syn.ts_recent = options.timestamps->value;
  syn.ecn = ecn_agreed(engine.config.ecn, segment.flags, asked_ecn);
  return syn;
}

void apply_syn(Engine& engine, Tcb& tcb, const PeerSyn& syn) {
  tcb.irs = syn.irs;
  tcb.rcv_nxt = syn.irs + 1U;
  tcb.rcv_read = tcb.rcv_nxt;
  tcb.last_ack_sent = tcb.rcv_nxt;
  tcb.snd_mss = syn.mss;
  tcb.ecn.on = syn.ecn;
  tcb.sack = syn.sack;
  tcb.timestamps = syn.timestamps;
  if (tcb.timestamps) {
    tcb.ts_recent = syn.ts_recent;
    tcb.ts_recent_at = engine.now;
  }
  tcb.window_scaling = syn.scales();
  tcb.snd_wscale = syn.scales() ? syn.wscale : std::uint8_t{0};
  tcb.rcv_wscale = syn.scales() ? window_scale_for(engine.config.receive_window) : std::uint8_t{0};
  tcb.activity->congestion.set_mss(tcb.segment_payload(), engine.config.initial_window);
  tcb.quick_acks = kQuickAcks;
  begin_tuning(engine, tcb);
}

}  // namespace windhover::stack::tcp
