#include "stack/tcp/segment.h"

namespace windhover::stack::tcp {

std::optional<Segment> parse_segment(const ip::Packet& packet, base::Counters& counters) {
  const auto view = wire::TcpView::parse(packet.frame.bytes());
  if (!view) {
    counters.drop(base::Drop::kTcpMalformed);
    return std::nullopt;
  }
  if (packet.frame.offload().checksum == link::Checksum::kNone &&
      !view->checksum_ok(packet.source, packet.destination)) {
    counters.drop(base::Drop::kTcpBadChecksum);
    return std::nullopt;
  }
  auto options = view->parse_options();
  if (!options) {
    counters.drop(base::Drop::kTcpMalformed);
    return std::nullopt;
  }
  return Segment{.local = {packet.destination, view->destination_port()},
                 .remote = {packet.source, view->source_port()},
                 .seq = view->seq(),
                 .ack = view->ack(),
                 .window = view->window(),
                 .flags = view->flags(),
                 .payload = view->payload(),
                 .options = *options};
}

}  // namespace windhover::stack::tcp
