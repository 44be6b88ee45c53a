#include "tests/fuzz/sequence_flow.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "stack/base/check.h"
#include "stack/wire/checksum.h"
#include "stack/wire/icmpv4.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/ipv6.h"

namespace windhover::fuzz {
namespace {

using stack::tcp::Endpoint;
using stack::wire::Seq;
using stack::wire::TcpFlags;
using stack::wire::TcpHeader;
using stack::wire::TcpOptions;
using stack::wire::TcpView;

constexpr std::uint32_t kIncarnationGap = 1'000'000;
constexpr std::uint32_t kHalf = 0x80000000;
// A peer's stream begins so far before its first number, since that may be missed by a little; where numbers come round
// the pattern has a seam.
constexpr std::uint32_t kStreamBegin = 0x40000000;

template <typename T, std::size_t kSize>
T pick(const std::array<T, kSize>& values, std::uint8_t which) {
  return values[which % kSize];
}

constexpr std::array<std::uint8_t, 16> kFlags = {
    0x10, 0x18, 0x02, 0x11, 0x04, 0x14, 0x12, 0xc2,   // ACK PSH,ACK SYN FIN,ACK RST RST,ACK SYN,ACK ECN-setup
    0x50, 0x90, 0x01, 0x00, 0x30, 0x03, 0x19, 0x52};  // ECE CWR FIN none URG SYN,FIN FIN,PSH,ACK SYN,ACK,ECE
constexpr std::array<std::uint32_t, 16> kSeqOff = {
    0, 0, 0, 0, 1, 0xffffffff, 100, 0xffffff9c, 1460, 0xfffffa4c, 2920, 5000, 30000, 65535, kHalf - 1, kHalf};
constexpr std::array<std::uint32_t, 16> kAckOff = {
    0,          0,          0,          0,    1,     0xffffffff, 0xffffff9c, 0xfffffa4c,
    0xfffff498, 0xffffec78, 0xffff8ad0, 1000, kHalf, kHalf - 1,  2,          0xfffffffe};
constexpr std::array<std::uint16_t, 8> kWindows = {65535, 8192, 0, 1, 100, 536, 1460, 32768};
constexpr std::array<std::uint16_t, 8> kSizes = {0, 1, 2, 100, 251, 536, 1000, 1400};
constexpr std::array<std::uint16_t, 8> kSegmentSizes = {1460, 1460, 536, 88, 1, 0, 65535, 1220};
constexpr std::array<std::uint32_t, 8> kClockOff = {0, 0, 0, 1, 0xffffffff, 0xffff0000, kHalf, 5000};

// What the byte about options asks for.
constexpr std::uint8_t kWithTimestamps = 0x01;
constexpr std::uint8_t kWithSack = 0x02;  // On SYN: permitted.
constexpr std::uint8_t kWithScale = 0x04;
constexpr std::uint8_t kWithMss = 0x08;
constexpr unsigned kMutationsShift = 6;  // The rest: how many bytes of the header are overwritten.

constexpr std::size_t kAcknowledgedFrom = 4;  // Ports stay, so that the segment reaches its flow.

std::uint32_t checksum_of(const Endpoint& from, const Endpoint& to, stack::base::Bytes segment) {
  return (stack::wire::pseudo_header_sum(from.address, to.address, stack::wire::kProtocolTcp, segment.size()) +
          stack::wire::sum(segment))
      .finish();
}

}  // namespace

Octets packet(const Endpoint& from, const Endpoint& to, Octets segment) {
  stack::base::store_be(&segment[TcpHeader::kChecksumOffset], std::uint16_t{0});
  stack::base::store_be(&segment[TcpHeader::kChecksumOffset],
                        static_cast<std::uint16_t>(checksum_of(from, to, segment)));
  const auto size = static_cast<std::uint16_t>(segment.size());
  Octets whole(from.address.is_v4() ? stack::wire::Ipv4Header::kSize : stack::wire::Ipv6Header::kSize);
  if (from.address.is_v4()) {
    stack::wire::Ipv4Header{
        .payload_size = size, .protocol = stack::wire::kProtocolTcp, .source = from.address, .destination = to.address}
        .write(whole);
  } else {
    stack::wire::Ipv6Header{.payload_size = size,
                            .next_header = stack::wire::kProtocolTcp,
                            .source = from.address,
                            .destination = to.address}
        .write(whole);
  }
  whole.insert(whole.end(), segment.begin(), segment.end());
  return whole;
}

Octets Flow::build(Input& input, stack::base::Instant now) {
  const std::uint8_t first = input.byte();    // Flags and size.
  const std::uint8_t numbers = input.byte();  // Distances of SEQ and ACK from what is expected.
  const std::uint8_t asked = input.byte();    // Options and mutations.
  const std::uint8_t details = input.byte();  // Window, and whatever the options need.
  TcpHeader header{.source_port = peer_end_.port,
                   .destination_port = stack_end_.port,
                   .flags = TcpFlags{pick(kFlags, first & 15)},
                   .window = pick(kWindows, details & 7)};
  if (header.flags.syn() && app_ == nullptr && (details & 0x80) != 0) ++incarnation_;
  const std::uint32_t base = header.flags.syn() ? peer_isn_ + incarnation_ * kIncarnationGap : expected_;
  header.seq = Seq(base + pick(kSeqOff, numbers & 15));
  header.ack = Seq(sent_end_ + pick(kAckOff, numbers >> 4));
  if (header.flags.ack()) acknowledged_ = header.ack.value();
  TcpOptions options;
  if ((asked & kWithTimestamps) != 0) {
    const auto clock = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    options.timestamps = {static_cast<std::uint32_t>(clock) + pick(kClockOff, details >> 4), ts_echo_};
  }
  if ((asked & kWithMss) != 0) options.mss = pick(kSegmentSizes, details >> 3);
  if ((asked & kWithScale) != 0) options.window_scale = static_cast<std::uint8_t>(details >> 3 & 15);
  if ((asked & kWithSack) != 0) {
    options.sack_permitted = true;
    options.sack_count = static_cast<std::uint8_t>((asked >> 4) & 3);
    for (std::uint8_t at = 0; at < options.sack_count; ++at) {
      const std::uint32_t left = acknowledged_ + input.byte() * 365U;
      options.sack[at] = {Seq(left), Seq(left + input.byte() * 365U)};
    }
  }
  Octets segment(header.size(options));
  header.write(segment, options);
  for (unsigned count = asked >> kMutationsShift; count > 0; --count) {
    const std::size_t at = kAcknowledgedFrom + input.byte() % (segment.size() - kAcknowledgedFrom);
    segment[at] ^= input.byte();
  }
  // Wherever mutation has put the payload, it is the stream's.
  const std::size_t size = pick(kSizes, first >> 4);
  segment.resize(segment.size() + size);
  const auto view = TcpView::parse(segment);
  if (!view) return packet(peer_end_, stack_end_, std::move(segment));
  const std::uint32_t place = view->seq().value() + (view->flags().syn() ? 1 : 0) - peer_isn_ + kStreamBegin;
  const std::size_t begin = view->header_size();
  for (std::size_t at = begin; at < segment.size(); ++at) {
    segment[at] = pattern(place + static_cast<std::uint32_t>(at - begin));
  }
  return packet(peer_end_, stack_end_, std::move(segment));
}

std::optional<Octets> Flow::build_error(Input& input) const {
  constexpr std::array<std::uint16_t, 8> kMtus = {1400, 1280, 576, 552, 68, 0, 1500, 9000};
  const std::uint8_t what = input.byte();
  if (last_.empty() || !peer_end_.address.is_v4()) return std::nullopt;
  constexpr std::uint8_t kTooBig = 4;
  const auto code = static_cast<std::uint8_t>((what & 1) != 0 ? kTooBig : (what >> 1) % 16);
  const std::size_t quoted = std::min<std::size_t>(last_.size(), (what & 0x80) != 0 ? 28 : 548);
  Octets message(stack::wire::Icmpv4Header::kSize);
  message.insert(message.end(), last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(quoted));
  stack::wire::Icmpv4Header{.type = stack::wire::Icmpv4Type::kUnreachable,
                            .code = code,
                            .rest = code == kTooBig ? pick(kMtus, what >> 1) : std::uint32_t{0}}
      .write(message);
  Octets whole(stack::wire::Ipv4Header::kSize);
  stack::wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(message.size()),
                          .protocol = stack::wire::kProtocolIcmpv4,
                          .source = peer_end_.address,
                          .destination = stack_end_.address}
      .write(whole);
  whole.insert(whole.end(), message.begin(), message.end());
  return whole;
}

void Flow::attach(App* app) {
  app_ = app;
  window_edge_.reset();
  stream_begin_.reset();
}

void Flow::hear(stack::base::Bytes bytes, const TcpView& segment) {
  CHECK(segment.checksum_ok(stack_end_.address, peer_end_.address));
  const auto options = segment.parse_options();
  CHECK(options);
  last_.assign(bytes.begin(), bytes.end());
  if (options->timestamps) ts_echo_ = options->timestamps->value;
  if (app_ != nullptr && !app_->open()) attach(nullptr);
  const std::uint32_t end = segment.seq().value() + segment.sequence_length();
  if (segment.flags().rst()) return;
  if (segment.flags().ack()) expected_ = segment.ack().value();
  if (segment.flags().syn()) {
    sent_end_ = end;
    acknowledged_ = end;
    return;
  }
  if (static_cast<std::int32_t>(end - sent_end_) > 0) sent_end_ = end;
  if (app_ == nullptr || !app_->established()) return;
  check_window(segment);
  check_payload(segment);
}

void Flow::check_window(const TcpView& segment) {
  const std::uint32_t window = std::uint32_t{segment.window()} << app_->connection()->info().rcv_wscale;
  const std::uint32_t edge = segment.ack().value() + window;
  CHECK(!window_edge_ || static_cast<std::int32_t>(edge - *window_edge_) >= 0);
  window_edge_ = edge;
}

void Flow::check_payload(const TcpView& segment) {
  const stack::base::Bytes payload = segment.payload();
  if (payload.empty()) return;
  if (!stream_begin_) stream_begin_ = segment.seq().value();
  const std::uint32_t place = segment.seq().value() - *stream_begin_;
  CHECK(place + payload.size() <= app_->sent());
  for (std::size_t at = 0; at < payload.size(); ++at) CHECK(payload[at] == pattern(place + at));
}

}  // namespace windhover::fuzz
