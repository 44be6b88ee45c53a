#pragma once
// The internet layer of one lane: which packets are ours, and how ours find their next hop.
//
// input() takes a received frame and either uses it up (ARP, NDP, echo), hands up a transport packet or an ICMP error,
// or gives the frame back to be passed. send() puts the link and internet headers in front of a transport segment and
// queues the frame; output() yields what is queued. Medium kIp (TUN) has no link layer: no neighbours, no link header.
//
// Accounting. Every received frame ends in exactly one counter:
//   Consumed        counted here: kFramesConsumed, or the Drop that ended it (ends_received_frame() holds for it).
//   Passed          the caller counts kFramesPassed.
//   Elsewhere       the caller counts kFramesConsumed; the lane it goes to counts it as a frame of its own.
//   Packet          whoever takes it counts kFramesConsumed or a Drop of its own; reject() counts for it.
//   TransportError  the caller counts kFramesConsumed, or kIcmpIgnored when the quoted flow is not (or no longer)
//   there.
// What goes wrong with a packet of ours (no route, no frame, no neighbour) is counted beside that, under the other
// Drops.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "stack/base/counters.h"
#include "stack/base/siphash.h"
#include "stack/base/time.h"
#include "stack/ip/config.h"
#include "stack/link/device.h"
#include "stack/wire/address.h"
#include "stack/wire/ethernet.h"

namespace windhover::stack::ip {

/// Transport protocols by their assigned numbers.
enum class Protocol : std::uint8_t { kIcmpV4 = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58 };

/// A transport packet for one of our addresses, of any protocol besides ICMP (one without a name here is for reject()).
/// Both addresses are unicast. `frame.bytes()` is exactly the transport header and payload, padding cut off.
/// offload().checksum says whether the transport checksum still has to be verified, and what may count as right:
/// kPartial, kEither and kVerified are only left in place when the device is to be believed; the offsets in offload()
/// mean nothing any more.
struct Packet {
  link::Frame frame;
  wire::Address source;
  wire::Address destination;
  Protocol protocol{};
  std::uint8_t traffic_class = 0;  ///< DSCP and ECN.
  /// The IP header and what follows it up to the transport header, in bytes: they still lie in the frame's headroom,
  /// and reject() quotes them.
  std::uint16_t network_size = 0;
  wire::MacAddress link_source{};  ///< Who put the frame on this link; zero on a medium without link addresses.
};

/// An ICMP error about something we sent. The quoted transport header's first eight bytes identify the flow; TCP must
/// check that `sequence` is in flight before it believes any of it (RFC 5927).
struct TransportError {
  enum class Kind : std::uint8_t {
    kUnreachable,  ///< Network or host: soft (RFC 1122 4.2.3.9).
    kRefused,      ///< Port or protocol unreachable, administratively prohibited: hard.
    kTooBig,       ///< `mtu` is the next hop's (RFC 1191, RFC 8201); 0 when the router did not say.
    kTimeExceeded,
    kParameterProblem,
  };
  Kind kind{};
  Protocol protocol{};
  wire::Endpoint local;
  wire::Endpoint remote;
  std::uint32_t sequence = 0;
  std::uint32_t mtu = 0;
};

/// A frame for others as well or for others only: another VLAN's, or sent to a group or broadcast address where only a
/// listener that we do not have could want it. Not counted.
struct Passed {
  link::Frame frame;
};

/// A packet put together from fragments whose flow is another lane's: a frame for that lane to take as if it had just
/// arrived, link header and all. Not counted.
struct Elsewhere {
  link::Frame frame;
};

/// Used up: answered, learned from, or dropped under a name. Counted.
struct Consumed {};

/// What may be done with an address of ours (dad.h).
enum class AddressState : std::uint8_t {
  kTentative,  ///< Nothing yet: others are being asked whether it is theirs.
  kUsable,
  kDuplicate,  ///< Nothing: it is another's.
  kWithdrawn,  ///< Nothing: taken away by withdraw().
};

using Input = std::variant<Consumed, Packet, TransportError, Passed, Elsewhere>;

/// Where a flow's packets go. Small and copyable: each connection keeps one. Made by Ip::route().
struct Route {
  wire::Address source;
  wire::Address next_hop;       ///< The remote itself when on link, else the gateway.
  std::uint32_t neighbour = 0;  ///< A hint into the neighbour table; checked at each use.
  /// With Config::reply_to_sender where the packets go, instead of to the next hop's: the link_source of the flow's
  /// last packet. Its owner keeps it up to date. Else without meaning.
  wire::MacAddress link{};
};

class Ip {
 public:
  /// `arena` is where replies are made; it, `counters` and the caps must outlive this. On an Ethernet device our
  /// addresses are announced at once (gratuitous ARP, unsolicited neighbour advertisement) where `config` lets them be:
  /// Config::answers_neighbours, not Config::reply_to_sender, not InterfaceAddress::quiet. `key` is secret: tables are
  /// ordered and chances drawn by it. Throws SetupError when
  /// `config` contradicts itself: an address that cannot be ours, a prefix too long, more of something than its bound.
  Ip(base::Instant now, const Config& config, const link::Caps& caps, link::FrameArena& arena, base::Counters& counters,
     const base::SipKey& key);
  ~Ip();
  Ip(const Ip&) = delete;
  Ip& operator=(const Ip&) = delete;

  /// Takes one received frame.
  Input input(base::Instant now, link::Frame frame);

  /// One of the configured addresses, whether it may be used now or not.
  bool is_ours(const wire::Address& address) const;
  /// Precondition: is_ours(address).
  AddressState address_state(const wire::Address& address) const;
  /// Takes an address of ours away: nothing comes or goes by it until restore(), which begins as at the start, with
  /// duplicate address detection and announcements. Connections stay, and are not told. Precondition: is_ours(address).
  void withdraw(base::Instant now, const wire::Address& address);
  /// Also for an address that was found to be another's: begins anew. Precondition: is_ours(address).
  void restore(base::Instant now, const wire::Address& address);
  /// The carrier has returned, maybe on another link: announces all addresses, confirms neighbours before they are
  /// trusted again, looks for routers.
  void link_up(base::Instant now);

  /// The route to `remote`, from `source` when that is given; nothing when there is none, when `source` is not local or
  /// of the other family, and for what no connection can reach: ourselves, unspecified, loopback, group and broadcast
  /// addresses. `heard_from` is the link_source of a packet that `remote` sent; with Config::reply_to_sender it is the
  /// route, and without one that a station can have there is none.
  std::optional<Route> route(const wire::Address& remote, const std::optional<wire::Address>& source = {},
                             const wire::MacAddress& heard_from = {}) const;

  /// The largest transport segment (header included) to `remote` over an unsegmented packet: path MTU less the IP
  /// header.
  std::uint16_t transport_mtu(const wire::Address& remote) const;
  /// Learns a smaller path MTU (already validated by the transport); forgotten after ten minutes. Only ever lowers what
  /// is known. IPv4: 0 is a router that did not say, and picks the next plateau of RFC 1191 7.1; below 576 counts as
  /// 576. IPv6: below 1280 is not believed (RFC 8201 4).
  void path_mtu(base::Instant now, const wire::Address& remote, std::uint32_t mtu);

  /// Packets of this size have been seen to arrive, and larger ones not to, or have not been tried: raises or lowers
  /// what is known, for ten minutes (RFC 8899). Precondition: not below the family's minimum.
  void path_mtu_found(base::Instant now, const wire::Address& remote, std::uint32_t mtu);
  /// Something was learned in the last ten minutes.
  bool knows_path_mtu(const wire::Address& remote) const;

  /// How far from the front a transport header must lie in a frame given to send(): room for device, link and IP
  /// headers.
  std::size_t headroom(const wire::Address& remote) const;

  /// Sends a transport segment: `frame` holds it from its first byte (pieces may follow). For partial checksums and
  /// segmentation the caller has set offload() with offsets relative to the transport header; send() shifts them. DF is
  /// set; `traffic_class` is DSCP and ECN. The packet is queued, or waits for its neighbour, or is dropped under a
  /// name; the frame's size is not checked against the path MTU. Preconditions: frame.headroom() >= headroom(remote);
  /// the IP packet is no larger than 65535 bytes.
  void send(base::Instant now, link::Frame frame, const wire::Address& remote, Protocol protocol, Route& route,
            std::uint8_t traffic_class = 0);

  /// True while progressed() is worth its call.
  bool wants_progress() const { return *unconfirmed_ != 0; }
  /// The remote of `route` has acknowledged something new: its next hop is there, and need not be asked whether it is
  /// (RFC 4861 7.3.1).
  void progressed(base::Instant now, const Route& route);

  /// Answers a packet that no socket wants and counts its end. UDP: port unreachable and kUdpNoSocket, or kUdpMalformed
  /// or kUdpBadChecksum and no answer. The rest: protocol unreachable (IPv4) or parameter
  /// problem (IPv6) and kUnknownProtocol. Answers are rate-limited. Precondition: `packet` came from input() and its
  /// frame is unchanged.
  void reject(base::Instant now, Packet packet);

  /// Appends queued frames to `burst`, oldest first, up to its room.
  void output(link::Burst& burst);
  /// Frames queued and not yet taken by output(): TCP builds more only while this stays below kBurstMax.
  std::size_t queued() const;

  /// Does what is due: neighbours that have not answered, path MTUs that have aged, fragments whose time is over.
  /// Precondition: now does not go back.
  void advance(base::Instant now);
  /// When advance() has something to do; kNever when nothing is armed. Queued frames do not count.
  base::Instant next_deadline() const;

  /// Drops what waits (neighbour queues, frames to transmit). For the end of a lane.
  void stop();

  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  const std::uint32_t* unconfirmed_;  ///< In parts_.
};

}  // namespace windhover::stack::ip
