#include "stack/tcp/segment.h"

#include "stack/tcp/ecn.h"

namespace windhover::stack::tcp {

namespace {

bool is_intact(const wire::TcpView& view, const ip::Packet& packet) {
  const link::Checksum checksum = packet.frame.offload().checksum;
  if (checksum == link::Checksum::kEither && view.checksum_begun(packet.source, packet.destination)) return true;
  return !link::needs_verification(checksum) || view.checksum_ok(packet.source, packet.destination);
}

}  // namespace

Verdict parse_segment(const ip::Packet& packet, Segment& segment) {
  const auto view = wire::TcpView::parse(packet.frame.bytes());
  if (!view) return base::Drop::kTcpMalformed;
  if (!is_intact(*view, packet)) return base::Drop::kTcpBadChecksum;
  if (const auto timestamps = view->aligned_timestamps()) {
    segment.options.timestamps = timestamps;
  } else if (const auto options = view->parse_options()) {
    segment.options = *options;
  } else {
    return base::Drop::kTcpMalformed;
  }
  segment.local = {packet.destination, view->destination_port()};
  segment.remote = {packet.source, view->source_port()};
  segment.seq = view->seq();
  segment.ack = view->ack();
  segment.window = view->window();
  segment.flags = view->flags();
  segment.congestion_experienced = (packet.traffic_class & kEcnMask) == kEcnCongestion;
  segment.payload = view->payload();
  segment.link_source = packet.link_source;
  return kAccepted;
}

}  // namespace windhover::stack::tcp
