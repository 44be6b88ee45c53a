#include "stack/udp/udp.h"

#include <algorithm>
#include <string>

#include "stack/base/setup_error.h"
#include "stack/wire/checksum.h"
#include "stack/wire/protocol.h"
#include "stack/wire/udp.h"

namespace windhover::stack::udp {
namespace {

using base::Drop;
using base::Event;
using wire::Address;
using wire::UdpHeader;
using wire::UdpView;

/// RFC 6335 6: the dynamic ports.
constexpr std::uint32_t kDynamicPort = 49152;
constexpr std::uint32_t kDynamicPorts = 65536 - kDynamicPort;

bool checksum_is_right(const ip::Packet& packet, const UdpView& view) {
  const link::Checksum checksum = packet.frame.offload().checksum;
  if (!link::needs_verification(checksum)) return true;
  if (checksum == link::Checksum::kEither && view.checksum_begun(packet.source, packet.destination)) return true;
  return view.checksum_ok(packet.source, packet.destination);
}

}  // namespace

Sent Socket::send(base::Instant now, const Endpoint& remote, base::Bytes payload,
                  const std::optional<Address>& source) {
  CHECK(owner_ != nullptr);
  const std::optional<Address> from = local_.address.is_unspecified() ? source : std::optional(local_.address);
  auto route = owner_->ip_.route(remote.address, from);
  if (!route) return Sent::kNoRoute;
  return owner_->send(now, {route->source, local_.port}, remote, payload, *route);
}

Sent Socket::reply(base::Instant now, const Datagram& datagram, base::Bytes payload) {
  CHECK(owner_ != nullptr);
  auto route = owner_->ip_.route(datagram.source.address, datagram.destination.address, owner_->heard_from_);
  if (!route) return Sent::kNoRoute;
  return owner_->send(now, datagram.destination, datagram.source, payload, *route);
}

std::size_t Socket::payload_max(const Address& remote) const {
  CHECK(owner_ != nullptr);
  const std::size_t taken = owner_->ip_.headroom(remote) + UdpHeader::kSize;
  const std::size_t frame = std::max<std::size_t>(owner_->arena_.shape().frame_size, taken);
  return std::min<std::size_t>(owner_->ip_.transport_mtu(remote) - UdpHeader::kSize, frame - taken);
}

void Socket::close() {
  CHECK(owner_ != nullptr);
  owner_->close(*this);
}

Udp::Udp(const Config& config, const base::SipKey& port_key, const link::Caps& caps, link::FrameArena& arena,
         ip::Ip& ip, base::Counters& counters)
    : port_key_(port_key), caps_(caps), arena_(arena), ip_(ip), counters_(counters), sockets_max_(config.sockets_max) {
  if (sockets_max_ > kSocketsMax) {
    throw base::SetupError("sockets_max", 0, "Choose a value from 0 to " + std::to_string(kSocketsMax) + ".");
  }
  sockets_ = std::make_unique<Socket[]>(sockets_max_);
  order_.reserve(sockets_max_);
  free_.reserve(sockets_max_);
  for (std::uint32_t index = sockets_max_; index-- > 0;) free_.push_back(index);
}

std::size_t Udp::position(std::uint16_t port) const {
  const auto before = [this](std::uint32_t index, std::uint16_t key) { return sockets_[index].local_.port < key; };
  return static_cast<std::size_t>(std::lower_bound(order_.begin(), order_.end(), port, before) - order_.begin());
}

Socket* Udp::find(const Endpoint& local) const {
  for (std::size_t at = position(local.port); at < order_.size(); ++at) {
    Socket& socket = sockets_[order_[at]];
    if (socket.local_.port != local.port) break;
    if (socket.local_.address.is_unspecified() || socket.local_.address == local.address) return &socket;
  }
  return nullptr;
}

Refusal Udp::refusal_of(const Endpoint& local) const {
  const bool any = local.address.is_unspecified();
  for (std::size_t at = position(local.port); at < order_.size(); ++at) {
    const Endpoint& other = sockets_[order_[at]].local_;
    if (other.port != local.port) break;
    if (any || other.address.is_unspecified() || other.address == local.address) return Refusal::kTaken;
  }
  return Refusal::kNone;
}

/// RFC 6056 3.3.1: from a place that cannot be foreseen on, the first that is free. There are more ports than sockets.
std::optional<std::uint16_t> Udp::choose_port(const Address& address) {
  std::array<std::uint8_t, 8> bytes{};
  base::store_be(bytes.data(), ports_chosen_++);
  const auto first = static_cast<std::uint32_t>(base::siphash(port_key_, bytes) % kDynamicPorts);
  for (std::uint32_t tried = 0; tried < kDynamicPorts; ++tried) {
    const auto port = static_cast<std::uint16_t>(kDynamicPort + (first + tried) % kDynamicPorts);
    if (refusal_of({address, port}) == Refusal::kNone) return port;
  }
  return {};
}

Udp::Bound Udp::bind(const Endpoint& local, Receiver& receiver) {
  if (!local.address.is_unspecified() && !ip_.is_ours(local.address)) return {nullptr, Refusal::kNotOurs};
  Endpoint bound{local.address.is_unspecified() ? Address{} : local.address, local.port};
  if (bound.port == 0) {
    const auto port = choose_port(bound.address);
    if (!port) return {nullptr, Refusal::kNoPort};
    bound.port = *port;
  }
  if (const Refusal refusal = refusal_of(bound); refusal != Refusal::kNone) return {nullptr, refusal};
  if (free_.empty()) return {nullptr, Refusal::kNoSocket};
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Socket& socket = sockets_[index];
  socket.owner_ = this;
  socket.local_ = bound;
  socket.receiver_ = &receiver;
  order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(position(bound.port)), index);
  return {&socket, Refusal::kNone};
}

void Udp::close(Socket& socket) {
  const auto index = static_cast<std::uint32_t>(&socket - sockets_.get());
  order_.erase(std::find(order_.begin(), order_.end(), index));
  free_.push_back(index);
  socket = {};
}

void Udp::input(base::Instant now, ip::Packet packet) {
  const auto view = UdpView::parse(packet.frame.bytes());
  if (!view) return counters_.drop(Drop::kUdpMalformed);
  const Endpoint source{packet.source, view->source_port()};
  const Endpoint destination{packet.destination, view->destination_port()};
  Socket* const socket = find(destination);
  if (socket == nullptr || (socket->remote_ && *socket->remote_ != source)) return ip_.reject(now, std::move(packet));
  if (!checksum_is_right(packet, *view)) return counters_.drop(Drop::kUdpBadChecksum);
  counters_.count(Event::kFramesConsumed);
  counters_.count(Event::kUdpDatagramsIn);
  heard_from_ = packet.link_source;
  socket->receiver_->on_datagram(*socket, {view->payload(), source, destination, now, packet.traffic_class});
  heard_from_ = {};
}

bool Udp::error(const ip::TransportError& error) {
  Socket* const socket = find(error.local);
  if (socket == nullptr || (socket->remote_ && *socket->remote_ != error.remote)) return false;
  socket->receiver_->on_error(*socket, {error.kind, error.remote, error.mtu});
  return true;
}

Sent Udp::send(base::Instant now, const Endpoint& from, const Endpoint& to, base::Bytes payload, ip::Route& route) {
  if (to.port == 0) return Sent::kNoRoute;  // RFC 768: whoever has no port waits for no answer.
  const std::size_t headroom = ip_.headroom(to.address);
  const std::size_t size = UdpHeader::kSize + payload.size();
  if (size > ip_.transport_mtu(to.address) || headroom + size > arena_.shape().frame_size) return Sent::kTooBig;
  if (ip_.queued() >= kQueuedMax) return Sent::kQueueFull;
  link::Frame frame = arena_.allocate();
  if (!frame) return Sent::kNoFrame;
  frame.clear(headroom);
  const base::MutableBytes datagram = frame.append(size);
  std::copy(payload.begin(), payload.end(), datagram.begin() + UdpHeader::kSize);
  const UdpHeader header{from.port, to.port};
  if (caps_.transmit_checksum) {
    header.write_partial(datagram, from.address, to.address);
    frame.offload().checksum = link::Checksum::kPartial;
    frame.offload().csum_start = 0;
    frame.offload().csum_offset = UdpHeader::kChecksumOffset;
  } else {
    header.write(datagram, from.address, to.address);
  }
  counters_.count(Event::kUdpDatagramsOut);
  ip_.send(now, std::move(frame), to.address, ip::Protocol::kUdp, route);
  return Sent::kQueued;
}

std::size_t Udp::memory_size() const {
  return sizeof(*this) + std::size_t{sockets_max_} * (sizeof(Socket) + 2 * sizeof(std::uint32_t));
}

}  // namespace windhover::stack::udp
