#include "stack/tcp/output.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "stack/tcp/ecn.h"
#include "stack/tcp/engine.h"
#include "stack/tcp/path_probe.h"
#include "stack/tcp/record.h"
#include "stack/tcp/recovery.h"
#include "stack/tcp/timers.h"
#include "stack/tcp/undo.h"
#include "stack/tcp/window_use.h"
#include "stack/wire/checksum.h"

namespace windhover::stack::tcp {
namespace {

using wire::kTcpAck;
using wire::kTcpCwr;
using wire::kTcpEce;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;
using wire::Seq;

constexpr wire::TcpFlags kNoFlags{};
/// Frames that one connection may build before the next has its turn.
constexpr std::uint32_t kTurnFrames = 16;
/// Payload runs shorter than this are copied even where the device gathers: a reference costs more than so few bytes.
constexpr std::size_t kGatherMin = 512;
/// Segments that a frame may hold on a path that loses frames, however small the window.
constexpr std::uint32_t kLossyFrameSegments = 4;
/// IPv4's total length and IPv6's payload length are 16 bits wide, so is a super-frame.
constexpr std::uint32_t kSuperFrameMax = 65535 - 40;

/// What a segment needs besides payload.
struct Head {
  Seq seq{};
  wire::TcpFlags flags;
  std::uint8_t ecn = kEcnNotCapable;
};

wire::TcpHeader header_of(Engine& engine, Tcb& tcb, const Head& head, wire::TcpOptions& options) {
  if (tcb.timestamps) {
    options.timestamps = wire::TcpTimestamps{timestamp(engine, tcb.ts_offset), tcb.ts_recent};
  }
  if (tcb.sack && tcb.activity != nullptr && tcb.activity->store.has_report()) {
    options.sack_count = static_cast<std::uint8_t>(tcb.activity->store.sack_blocks(tcb.rcv_nxt, options.sack));
  }
  const std::uint32_t window = announce_window(engine, tcb) >> tcb.rcv_wscale;
  const bool echo = tcb.ecn.echo && !head.flags.rst();
  return {.source_port = tcb.local.port,
          .destination_port = tcb.remote.port,
          .seq = head.seq,
          .ack = head.flags.ack() ? tcb.rcv_nxt : Seq{},
          .flags = echo ? head.flags | kTcpEce : head.flags,
          .window = static_cast<std::uint16_t>(std::min<std::uint32_t>(window, 0xffff))};
}

/// Copies or attaches queue bytes to the frame. Returns how many found room; `sum` gathers their checksum unless the
/// device makes it.
std::uint32_t add_payload(Engine& engine, Tcb& tcb, link::Frame& frame, Seq seq, std::uint32_t size, wire::Sum& sum) {
  std::uint32_t added = 0;
  const auto from = static_cast<std::uint32_t>(seq - tcb.snd_una_data());
  const bool offload = engine.caps.transmit_checksum;
  bool attached = false;
  tcb.activity->queue.read(engine.send_memory, from, size,
                           [&](const base::Slice& whole, std::size_t offset, std::size_t count) {
                             const base::Bytes bytes = whole.bytes().subspan(offset, count);
                             const bool fits = count <= frame.tailroom();
                             if (engine.caps.gather && (attached || !fits || count >= kGatherMin)) {
                               if (!frame.attach(whole.part(offset, count))) return false;
                               attached = true;
                               if (!offload) sum = wire::combine(sum, added, wire::sum(bytes));
                               added += static_cast<std::uint32_t>(count);
                               return true;
                             }
                             const std::size_t run = std::min(count, frame.tailroom());
                             if (offload) {
                               std::copy_n(bytes.data(), run, frame.append(run).data());
                             } else {
                               const wire::Sum part = wire::copy_and_sum(frame.append(run), bytes.first(run));
                               sum = wire::combine(sum, added, part);
                             }
                             added += static_cast<std::uint32_t>(run);
                             return run == count;
                           });
  return added;
}

/// Puts the TCP header in front of the payload, settles its checksum and hands the frame to the internet layer.
void launch(Engine& engine, link::Frame frame, const wire::TcpHeader& header, const wire::TcpOptions& options,
            wire::Sum payload_sum, const Endpoint& local, const Endpoint& remote, ip::Route& route,
            std::uint8_t ecn = kEcnNotCapable) {
  const base::MutableBytes bytes = frame.prepend(header.size(options));
  header.write(bytes, options);
  const auto length = static_cast<std::uint32_t>(frame.total_size());
  wire::Sum sum = wire::pseudo_header_sum(local.address, remote.address, wire::kProtocolTcp, length);
  if (engine.caps.transmit_checksum) {
    link::Offload& offload = frame.offload();
    offload.checksum = link::Checksum::kPartial;
    offload.csum_offset = wire::TcpHeader::kChecksumOffset;
    base::store_be(bytes.data() + wire::TcpHeader::kChecksumOffset, sum.fold());
  } else {
    sum = sum + wire::sum(bytes) + payload_sum;  // A header's length is even.
    base::store_be(bytes.data() + wire::TcpHeader::kChecksumOffset, sum.finish());
  }
  engine.counters.count(base::Event::kTcpSegmentsOut);
  engine.ip.send(engine.now, std::move(frame), remote.address, ip::Protocol::kTcp, route, ecn);
}

link::Frame new_frame(Engine& engine, const wire::Address& remote, std::size_t header_size) {
  link::Frame frame = engine.arena.allocate();
  if (!frame) {
    engine.counters.drop(base::Drop::kTransmitNoFrame);
    return frame;
  }
  frame.clear(engine.ip.headroom(remote) + header_size);
  return frame;
}

/// Everything that an acknowledgement on any segment settles.
void acknowledgement_sent(Tcb& tcb) {
  tcb.ack_now = false;
  tcb.ack_delayed = false;
  tcb.last_ack_sent = tcb.rcv_nxt;
  if (tcb.activity == nullptr) return;
  tcb.activity->received_since_ack = 0;
  tcb.activity->store.reported();
  disarm(tcb, Deadline::kDelayedAck);
}

/// Whether `size` bytes are enough segments for the device to be given as one frame.
bool pays_as_super_frame(const Engine& engine, std::uint32_t size, std::uint32_t segment) {
  return engine.caps.transmit_gso &&
         std::uint64_t{size} + segment > std::uint64_t{engine.caps.gso_segments_min} * segment;
}

/// What left: how much payload, and in which frame.
struct Sent {
  std::uint32_t payload = 0;
  link::FrameTicket frame;
};

/// Sends [seq, seq + size) of the queue with `flags`; returns how much went, nothing when no frame was free.
std::optional<Sent> send_data(Engine& engine, Tcb& tcb, const Head& head, std::uint32_t size) {
  wire::TcpOptions options;
  const wire::TcpHeader header = header_of(engine, tcb, head, options);
  const std::size_t header_size = header.size(options);
  link::Frame frame = new_frame(engine, tcb.remote.address, header_size);
  if (!frame) return std::nullopt;
  // SACK blocks on a data segment leave less room than segment_payload() says.
  const std::uint32_t payload_max = tcb.snd_mss - static_cast<std::uint32_t>(header_size - wire::TcpHeader::kSize);
  wire::Sum sum;
  const std::uint32_t wanted = pays_as_super_frame(engine, size, payload_max) ? size : std::min(size, payload_max);
  const std::uint32_t sent = add_payload(engine, tcb, frame, head.seq, wanted, sum);
  if (sent > payload_max) {
    link::Offload& offload = frame.offload();
    offload.gso = tcb.remote.address.is_v4() ? link::Gso::kTcp4 : link::Gso::kTcp6;
    offload.gso_size = static_cast<std::uint16_t>(payload_max);
    offload.header_size = static_cast<std::uint16_t>(header_size);
  }
  wire::TcpHeader final_header = header;
  const link::FrameTicket ticket = frame.ticket();
  if (sent < size) final_header.flags = header.flags & (kTcpAck | kTcpEce | kTcpCwr);  // The rest is the last byte's.
  launch(engine, std::move(frame), final_header, options, sum, tcb.local, tcb.remote, tcb.route, head.ecn);
  record_departure(engine, tcb, final_header, sent);
  acknowledgement_sent(tcb);
  tcb.last_sent = engine.now;
  tcb.bytes_sent += sent;
  ++tcb.segments_sent;
  return Sent{sent, ticket};
}

/// Sends one range of sequence numbers that was sent before, FIN included. Returns sequence numbers sent.
std::optional<Sent> send_again(Engine& engine, Tcb& tcb, Seq start, std::uint32_t size) {
  const Seq data_end = tcb.activity->data_end();
  const auto data = after(data_end, start) ? static_cast<std::uint32_t>(data_end - start) : 0;
  const std::uint32_t payload = std::min(size, data);
  const bool fin = size > payload;
  const auto flags = kTcpAck | (fin ? kTcpFin : kNoFlags) | (payload > 0 && payload == data ? kTcpPsh : kNoFlags);
  auto sent = send_data(engine, tcb, {start, flags}, payload);
  if (!sent) return std::nullopt;
  ++tcb.retransmitted;
  engine.counters.count(base::Event::kTcpRetransmitted);
  if (sent->payload == payload) sent->payload = size;
  return sent;
}

enum class Step : std::uint8_t { kSent, kNothing, kStarved };

/// A window that shrank still takes the oldest record (RFC 9293 §3.8.6), which serves as a probe.
bool lies_beyond_window(const Tcb& tcb, const FlightRecord& record) {
  const auto offset = static_cast<std::uint32_t>(record.start - tcb.snd_una);
  return offset != 0 && offset >= tcb.snd_wnd;
}

Step send_lost(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  const std::uint32_t pipe = activity.flight.pipe();
  const std::uint32_t cwnd = activity.congestion.cwnd();
  const std::uint32_t segment = tcb.segment_payload();
  if (pipe >= cwnd && pipe > 0) return Step::kNothing;
  const std::uint32_t room = std::max((cwnd - pipe) / segment, 1U) * segment;
  FlightRecord* record =
      activity.flight.first_lost(engine.flight_memory, std::min(room, frame_payload_max(engine, tcb)));
  if (lies_beyond_window(tcb, *record)) return Step::kNothing;
  if (engine.arena.is_out(record->frame)) {
    recovery_postpone(engine, tcb);
    return Step::kNothing;
  }
  const auto sent = send_again(engine, tcb, record->start, record->size);
  if (!sent) return Step::kStarved;
  if (sent->payload < record->size) record = activity.flight.first_lost(engine.flight_memory, sent->payload);
  activity.flight.resent(engine.flight_memory, *record, engine.now, sent->frame);
  recovery_on_resent(engine, tcb, record->start, sent->payload);
  return Step::kSent;
}

/// Sends what has not been sent before. With ECN it may be marked; a window that was reduced is reported on the first
/// such segment alone (RFC 3168 §6.1.2), which therefore is no super-frame.
std::optional<Sent> send_fresh(Engine& engine, Tcb& tcb, Head head, std::uint32_t size) {
  if (!tcb.ecn.on || size == 0) return send_data(engine, tcb, head, size);
  head.ecn = kEcnCapable;
  if (!tcb.ecn.cwr_due) return send_data(engine, tcb, head, size);
  const std::uint32_t one = std::min(size, tcb.segment_payload());
  if (one < size) head.flags = kTcpAck;
  head.flags |= kTcpCwr;
  const auto sent = send_data(engine, tcb, head, one);
  if (sent) tcb.ecn.cwr_due = false;
  return sent;
}

/// How much new data may go now, and whether the FIN goes with it. RFC 9293 §3.8.6.2.1 (silly window), cork, cwnd.
struct Permission {
  std::uint32_t payload = 0;
  bool all = false;  ///< That is all there is.
  bool fin = false;
};

Permission may_send(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  const std::uint32_t segment = tcb.segment_payload();
  const std::uint32_t data = static_cast<std::uint32_t>(activity.data_end() - tcb.snd_nxt);
  const std::int64_t window = static_cast<std::int64_t>(tcb.snd_wnd) - (tcb.snd_nxt - tcb.snd_una);
  const std::uint32_t pipe = activity.flight.pipe();
  const std::uint32_t cwnd = activity.congestion.cwnd();
  const std::uint32_t room = cwnd > pipe ? cwnd - pipe : 0;
  if (room < std::min(data, segment) && pipe > 0) {
    activity.cwnd_limited = true;
    return {};
  }
  std::uint32_t payload = std::min(data, engine.caps.transmit_gso ? frame_payload_max(engine, tcb) : segment);
  if (payload > room) payload = std::min(data, std::max(room, segment));
  payload = static_cast<std::uint32_t>(std::clamp<std::int64_t>(window, 0, payload));
  if (payload < data) {
    if (payload > segment) payload -= payload % segment;
    if (payload < segment && payload < tcb.max_snd_wnd / 2 && !activity.override_sws) return {};
  } else if (tcb.corked && !tcb.fin_queued) {
    payload -= payload % segment;
  }
  const bool all = payload == data;
  return {payload, all, all && activity.fin_in_sight() && (window > payload || activity.flight.empty())};
}

/// A segment larger than the path is known to carry; nothing when there is none to send now.
std::optional<Step> send_path_probe(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  const std::uint32_t mss = path_probe_mss(engine, tcb);
  if (mss == 0 || engine.flight_memory.empty()) return std::nullopt;
  const std::uint32_t payload = tcb.segment_payload() + (mss - tcb.snd_mss);
  if (activity.flight.pipe() + payload > activity.congestion.cwnd()) {
    activity.cwnd_limited = true;
    return Step::kNothing;
  }
  const Seq start = tcb.snd_nxt;
  const std::uint32_t mss_in_use = std::exchange(tcb.snd_mss, mss);
  const auto sent = send_fresh(engine, tcb, {start, kTcpAck}, payload);
  tcb.snd_mss = mss_in_use;
  if (!sent) return Step::kStarved;
  activity.flight.sent(engine.flight_memory, engine.now, start, sent->payload, sent->frame);
  tcb.snd_nxt = start + sent->payload;
  if (sent->payload == payload) path_probe_sent(engine, tcb, mss, start, payload);
  recovery_on_sent(engine, tcb, sent->payload);
  return Step::kSent;
}

Step send_new(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (!activity.has_unsent()) return Step::kNothing;
  if (tcb.path.searching) {
    if (const auto probe = send_path_probe(engine, tcb)) return *probe;
  }
  if (activity.flight.empty()) activity.congestion.resume(engine.now, engine.now - tcb.last_sent, tcb.rtt.rto());
  const Permission permission = may_send(engine, tcb);
  if (permission.payload == 0 && !permission.fin) {
    const bool shut = activity.flight.empty() && !tcb.corked;
    if (shut && !is_armed(tcb, Deadline::kRetransmit)) arm_persist(engine, tcb);
    return Step::kNothing;
  }
  if (engine.flight_memory.empty()) return Step::kStarved;
  activity.override_sws = false;
  const Seq start = tcb.snd_nxt;
  const bool last = permission.all && permission.payload > 0;
  const auto flags = kTcpAck | (last ? kTcpPsh : kNoFlags) | (permission.fin ? kTcpFin : kNoFlags);
  const auto sent = send_fresh(engine, tcb, {start, flags}, permission.payload);
  if (!sent) return Step::kStarved;
  const std::uint32_t size = sent->payload == permission.payload && permission.fin ? sent->payload + 1 : sent->payload;
  activity.flight.sent(engine.flight_memory, engine.now, start, size, sent->frame);
  tcb.snd_nxt = start + size;
  recovery_on_sent(engine, tcb, size);
  return Step::kSent;
}

/// Lost data before new data, except where F-RTO has it the other way round.
Step send_next(Engine& engine, Tcb& tcb) {
  if (tcb.activity->flight.lost() == 0) [[likely]]
    return send_new(engine, tcb);
  const Turn turn = undo_turn(tcb);
  if (turn == Turn::kNothing) return Step::kNothing;
  if (turn == Turn::kNew) {
    const Step step = send_new(engine, tcb);
    if (step != Step::kNothing) return step;
    undo_without_new_data(tcb.activity->undo);
  }
  return send_lost(engine, tcb);
}

}  // namespace

std::uint32_t frame_payload_max(const Engine& engine, const Tcb& tcb) {
  const std::uint32_t segment = tcb.segment_payload();
  if (!engine.caps.transmit_gso) return segment;
  std::uint32_t most =
      std::min(engine.caps.gso_size_max, kSuperFrameMax) - std::uint32_t{wire::TcpView::kHeaderSizeMax};
  if (!engine.caps.gather) most = std::min(most, engine.arena.shape().frame_size - 256);
  // On a path that loses frames, several a window keep acknowledgements coming and one loss small.
  if (tcb.activity->congestion.has_lost())
    most = std::min(most, std::max(tcb.activity->congestion.cwnd() / 4, kLossyFrameSegments * segment));
  return std::max(most / segment, 1U) * segment;
}

bool output(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (!is_synchronized(tcb.state)) {
    if (tcb.state == State::kSynReceived && tcb.ack_now) send_control(engine, tcb, tcb.snd_nxt, kTcpAck);
    return false;
  }
  Step step = Step::kNothing;
  std::uint32_t turn = 0;
  for (; turn < kTurnFrames; ++turn) {
    if (engine.ip.queued() >= link::kBurstMax) {
      if (turn > 0) note_window_use(engine, tcb, false);
      return true;
    }
    if (activity.recovery.probe_due) recovery_send_probe(engine, tcb);
    step = send_next(engine, tcb);
    if (step != Step::kSent) break;
  }
  if (step == Step::kStarved) engine.starved = true;
  if (turn > 0 || activity.cwnd_limited) note_window_use(engine, tcb, std::exchange(activity.cwnd_limited, false));
  if (tcb.ack_now && step != Step::kStarved) {
    send_control(engine, tcb, tcb.snd_nxt, kTcpAck);
  } else if (tcb.ack_delayed && !is_armed(tcb, Deadline::kDelayedAck)) {
    arm(engine, tcb, Deadline::kDelayedAck, engine.now + engine.config.delayed_ack);
  }
  return step != Step::kNothing;
}

void send_control(Engine& engine, Tcb& tcb, Seq seq, wire::TcpFlags flags) {
  wire::TcpOptions options;
  const wire::TcpHeader header = header_of(engine, tcb, {seq, flags}, options);
  link::Frame frame = new_frame(engine, tcb.remote.address, header.size(options));
  if (!frame) {
    engine.starved = true;
    return;
  }
  launch(engine, std::move(frame), header, options, {}, tcb.local, tcb.remote, tcb.route);
  record_departure(engine, tcb, header, 0);
  ++tcb.segments_sent;
  if (flags.ack()) acknowledgement_sent(tcb);
}

void send_syn(Engine& engine, Tcb& tcb) {
  const bool answer = tcb.state == State::kSynReceived;
  wire::TcpOptions options;
  options.mss = static_cast<std::uint16_t>(engine.path_mss(tcb.remote.address));
  // On a SYN-ACK only what the peer offered (RFC 7323 §2.2, RFC 2018 §2); on a SYN everything we speak.
  options.sack_permitted = answer ? tcb.sack : engine.config.sack;
  if (answer ? tcb.timestamps : engine.config.timestamps) {
    options.timestamps = wire::TcpTimestamps{timestamp(engine, tcb.ts_offset), tcb.ts_recent};
  }
  if (!answer || tcb.window_scaling) options.window_scale = tcb.rcv_wscale;
  const wire::TcpHeader header{.source_port = tcb.local.port,
                               .destination_port = tcb.remote.port,
                               .seq = tcb.iss,
                               .ack = answer ? tcb.rcv_nxt : Seq{},
                               .flags = (answer ? kTcpSyn | kTcpAck : kTcpSyn) | ecn_syn_flags(engine, tcb),
                               .window = first_window(engine.config)};
  if (answer) tcb.rcv_adv = tcb.rcv_nxt + header.window;
  link::Frame frame = new_frame(engine, tcb.remote.address, header.size(options));
  if (frame) {
    launch(engine, std::move(frame), header, options, {}, tcb.local, tcb.remote, tcb.route);
    record_departure(engine, tcb, header, 0);
    tcb.last_sent = engine.now;
    ++tcb.segments_sent;
  }
  tcb.activity->retransmit_mode = RetransmitMode::kHandshake;
  arm(engine, tcb, Deadline::kRetransmit, engine.now + tcb.rtt.rto());
}

void send_bare(Engine& engine, const BareSegment& segment) {
  auto route = engine.ip.route(segment.remote.address, segment.local.address, segment.heard_from);
  if (!route) return engine.counters.drop(base::Drop::kNoRoute);
  const wire::TcpHeader header{.source_port = segment.local.port,
                               .destination_port = segment.remote.port,
                               .seq = segment.seq,
                               .ack = segment.ack,
                               .flags = segment.flags,
                               .window = segment.window};
  link::Frame frame = new_frame(engine, segment.remote.address, header.size(segment.options));
  if (!frame) return;
  launch(engine, std::move(frame), header, segment.options, {}, segment.local, segment.remote, *route);
}

void send_reset(Engine& engine, const Segment& segment) {
  if (segment.flags.rst()) return;
  const bool ack = segment.flags.ack();
  engine.counters.count(base::Event::kTcpResetsSent);
  send_bare(engine, {.local = segment.local,
                     .remote = segment.remote,
                     .heard_from = segment.link_source,
                     .seq = ack ? segment.ack : Seq{},
                     .ack = ack ? Seq{} : segment.seq + segment.length(),
                     .flags = ack ? kTcpRst : kTcpRst | kTcpAck});
}

bool resend(Engine& engine, Tcb& tcb, FlightRecord& record) {
  if (lies_beyond_window(tcb, record)) return false;
  if (engine.arena.is_out(record.frame)) {
    engine.counters.count(base::Event::kTcpRetransmitPostponed);
    return false;
  }
  const auto sent = send_again(engine, tcb, record.start, record.size);
  if (!sent) return false;
  tcb.activity->flight.resent(engine.flight_memory, record, engine.now, sent->frame);
  return true;
}

bool send_probe_data(Engine& engine, Tcb& tcb) {
  Activity& activity = *tcb.activity;
  if (!before(tcb.snd_nxt, activity.data_end())) return false;
  const auto data = static_cast<std::uint32_t>(activity.data_end() - tcb.snd_nxt);
  const std::int64_t window = static_cast<std::int64_t>(tcb.snd_wnd) - (tcb.snd_nxt - tcb.snd_una);
  const std::uint32_t size = std::min(data, tcb.segment_payload());
  if (window < size || engine.flight_memory.empty()) return false;
  const auto sent = send_fresh(engine, tcb, {tcb.snd_nxt, kTcpAck | kTcpPsh}, size);
  if (!sent || sent->payload == 0) return false;
  activity.flight.sent(engine.flight_memory, engine.now, tcb.snd_nxt, sent->payload, sent->frame);
  tcb.snd_nxt = tcb.snd_nxt + sent->payload;
  return true;
}

std::uint32_t timestamp(const Engine& engine, std::uint32_t offset) {
  const auto clock = std::chrono::duration_cast<std::chrono::milliseconds>(engine.now.time_since_epoch()).count();
  return static_cast<std::uint32_t>(clock) + offset;
}

std::uint32_t announce_window(Engine& engine, Tcb& tcb) {
  const auto unread = static_cast<std::uint32_t>(tcb.rcv_nxt - tcb.rcv_read);
  const std::uint32_t capacity = receive_space(engine, tcb);
  const std::uint32_t free = capacity > unread ? capacity - unread : 0;
  const std::uint32_t unit = 1U << tcb.rcv_wscale;
  const std::uint32_t current = tcb.receive_window();
  const std::uint32_t ragged = current & (unit - 1);
  // Receiver's silly window avoidance (RFC 9293 §3.8.6.2.2): the edge moves by a segment, or half the buffer.
  if (free > current && free - current >= std::min<std::uint32_t>(capacity / 2, tcb.rcv_mss)) {
    const std::uint32_t rounded = std::min((free + unit - 1) & ~(unit - 1), 0xffffU << tcb.rcv_wscale);
    if (rounded > current) tcb.rcv_adv = tcb.rcv_nxt + rounded;
  } else if (ragged != 0 && free + unit >= current + (unit - ragged)) {
    // The field counts whole units: rounded down, the edge would move back on the wire. Rounded up it moves on by less
    // than a unit, and never by more in all: a reader that has stopped shows a unit less than it grants (RFC 7323
    // §2.4).
    tcb.rcv_adv += unit - ragged;
  }
  return tcb.receive_window();
}

}  // namespace windhover::stack::tcp
