#pragma once
// The way out: headers in front of what the transport, ICMP and NDP send, the link address looked up, the frame queued.

#include <cstddef>
#include <cstdint>

#include "stack/base/counters.h"
#include "stack/base/time.h"
#include "stack/ip/interface.h"
#include "stack/ip/ip.h"
#include "stack/ip/neighbours.h"
#include "stack/ip/transmit_queue.h"
#include "stack/link/device.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// Whom an answer comes from, whom it goes to, and who had brought the question on this link.
struct Ends {
  const wire::Address& from;
  const wire::Address& to;
  const wire::MacAddress& heard_from;
};

class Output {
 public:
  Output(const Interface& interface, const link::Caps& caps, std::uint8_t ttl, link::FrameArena& arena,
         Neighbours& neighbours, base::Counters& counters);

  TransmitQueue& queue() { return queue_; }
  const TransmitQueue& queue() const { return queue_; }
  const link::Caps& caps() const { return caps_; }
  std::uint8_t ttl() const { return ttl_; }

  /// Where what follows the link header lies: an ARP packet, an IP packet.
  std::size_t link_headroom() const { return link_headroom_; }
  /// Where a transport header lies in a frame to send: behind the device's own room, the link and the IP header.
  std::size_t headroom(bool v4) const { return link_headroom_ + (v4 ? 20U : 40U); }

  /// The largest IP packet that fits a frame: where the MTU is larger, only pieces can fill it.
  std::size_t frame_room() const { return arena_.shape().frame_size - link_headroom_; }

  /// A frame with `size` linear bytes behind `headroom`; empty, and counted under kTransmitNoFrame, when the arena has
  /// none or its frames are too small.
  link::Frame make(std::size_t headroom, std::size_t size);

  /// As Ip::send().
  void send(base::Instant now, link::Frame frame, const wire::Address& remote, std::uint8_t protocol, Route& route,
            std::uint8_t traffic_class = 0);

  /// Finds the route first. For what no connection sends: kNoRoute when there is none.
  void answer(base::Instant now, link::Frame frame, const Ends& ends, std::uint8_t protocol);

  /// The same for a frame that begins with its IP header already.
  void answer_packet(base::Instant now, link::Frame packet, const Ends& ends);

  /// Puts an IPv6 header with hop limit 255 in front and sends to a neighbour, whose link address is found when `to` is
  /// not given (only then `now` matters): for NDP.
  void send_on_link(base::Instant now, link::Frame frame, const wire::Address& source, const wire::Address& destination,
                    std::uint8_t protocol, const std::optional<wire::MacAddress>& to);

  /// Puts an IPv6 header in front and sends to a group of this link. `protocol` may name an extension header that the
  /// frame begins with.
  void send_to_group(link::Frame frame, const wire::Address& source, const wire::Address& group, std::uint8_t protocol,
                     std::uint8_t hop_limit);

  /// Puts the link header in front of an ARP packet or an IP packet and queues it. Precondition: the medium is
  /// Ethernet.
  void emit(link::Frame frame, wire::EtherType type, const wire::MacAddress& to);
  /// The same for an IP packet, whose type its version tells.
  void emit_ip(link::Frame frame, const wire::MacAddress& to);

 private:
  /// What goes into an IP header.
  struct Header {
    const wire::Address& source;
    const wire::Address& destination;
    std::uint8_t protocol;
    std::uint8_t ttl;
    std::uint8_t traffic_class = 0;
  };

  /// Puts the headers in front and queues the frame, or lets it wait for the next hop.
  void send(base::Instant now, link::Frame& frame, const Header& header, Route& route);
  bool renew(const wire::Address& remote, Route& route);
  /// Puts the IP header in front, and the link header too when `to` is given.
  void put_headers(link::Frame& frame, const Header& header, const wire::MacAddress* to) const;

  const Interface& interface_;
  const link::Caps& caps_;
  link::FrameArena& arena_;
  Neighbours& neighbours_;
  base::Counters& counters_;
  TransmitQueue queue_;
  std::size_t link_headroom_;  ///< The device's own room and the link header.
  std::uint8_t ttl_;
};

}  // namespace windhover::stack::ip
