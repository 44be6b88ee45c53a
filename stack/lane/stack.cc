#include "stack/lane/stack.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "stack/base/siphash.h"
#include "stack/ip/ip.h"
#include "stack/tcp/tcp.h"
#include "stack/udp/udp.h"

namespace windhover::stack::lane {
namespace {

enum class Purpose : std::uint64_t { kInternet, kPorts };

/// What a layer keys its tables and its choices with: of no use to learn another key from.
base::SipKey derived_key(const tcp::Keys& keys, Purpose purpose) {
  base::SipKey key{};
  for (std::uint64_t half = 0; half < 2; ++half) {
    const std::array<std::uint64_t, 1> words{static_cast<std::uint64_t>(purpose) * 2 + half};
    base::store_be(&key[half * 8], base::siphash(keys.flow_hash, words));
  }
  return key;
}

}  // namespace

struct Stack::Parts {
  Parts(base::Instant now, const Config& config, const tcp::Keys& keys, link::Device& device_in)
      : device(device_in),
        ip(now, config.ip, device.caps(), device.arena(), counters, derived_key(keys, Purpose::kInternet)),
        udp(config.udp, derived_key(keys, Purpose::kPorts), device.caps(), device.arena(), ip, counters),
        tcp(now, config.tcp, keys, device.caps(), device.arena(), ip, counters) {}
  /// Frames that wait below may refer to TCP's blocks, which go first.
  ~Parts() { ip.stop(); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  void take(base::Instant now, ip::Packet& packet) {
    if (packet.protocol == ip::Protocol::kTcp) [[likely]]
      return tcp.input(now, packet);
    if (packet.protocol == ip::Protocol::kUdp) return udp.input(now, std::move(packet));
    ip.reject(now, std::move(packet));
  }
  void take(base::Instant now, const ip::TransportError& error) {
    if (error.protocol == ip::Protocol::kTcp && tcp.error(now, error))
      return counters.count(base::Event::kFramesConsumed);
    if (error.protocol == ip::Protocol::kUdp && udp.error(error)) {
      return counters.count(base::Event::kFramesConsumed);
    }
    counters.drop(base::Drop::kIcmpIgnored);
  }
  void take(base::Instant, ip::Passed& passed) {
    counters.count(base::Event::kFramesPassed);
    device.pass(std::move(passed.frame));
  }
  void take(base::Instant, ip::Elsewhere& moved) {
    if (elsewhere.full()) return counters.drop(base::Drop::kFragmentNoRoom);
    counters.count(base::Event::kFramesConsumed);
    elsewhere.push(std::move(moved.frame));
  }
  void take(base::Instant, ip::Consumed) {}  // The internet layer has counted it.

  link::Device& device;
  base::Instant latest{};  // When output() was last called.
  base::Counters counters;
  ip::Ip ip;
  link::Burst elsewhere;  // After the layer that its frames belong to.
  udp::Udp udp;
  tcp::Tcp tcp;
};

Stack::Stack(base::Instant now, const Config& config, const tcp::Keys& keys, link::Device& device)
    : parts_(std::make_unique<Parts>(now, config, keys, device)) {}

Stack::~Stack() = default;

void Stack::listen(const tcp::Endpoint& local, tcp::Acceptor& acceptor) { parts_->tcp.listen(local, acceptor); }

void Stack::unlisten(const tcp::Endpoint& local) { parts_->tcp.unlisten(local); }

void Stack::set_close_observer(tcp::CloseObserver* observer) { parts_->tcp.set_close_observer(observer); }

tcp::Connection* Stack::connect(base::Instant now, const tcp::Endpoint& remote, tcp::Handler& handler) {
  return parts_->tcp.connect(now, remote, handler);
}

udp::Udp::Bound Stack::bind(const udp::Endpoint& local, udp::Receiver& receiver) {
  return parts_->udp.bind(local, receiver);
}

ip::AddressState Stack::address_state(const wire::Address& address) const { return parts_->ip.address_state(address); }

void Stack::withdraw(base::Instant now, const wire::Address& address) { parts_->ip.withdraw(now, address); }

void Stack::restore(base::Instant now, const wire::Address& address) { parts_->ip.restore(now, address); }

void Stack::link_up(base::Instant now) { parts_->ip.link_up(now); }

void Stack::input(base::Instant now, link::Burst& burst) {
  parts_->counters.count(base::Event::kFramesIn, burst.size());
  for (link::Frame& frame : burst.frames()) {
    ip::Input input = parts_->ip.input(now, std::move(frame));
    std::visit([&](auto& outcome) { parts_->take(now, outcome); }, input);
  }
  burst.clear();
}

link::Burst& Stack::elsewhere() { return parts_->elsewhere; }

void Stack::advance(base::Instant now) {
  parts_->ip.advance(now);
  parts_->tcp.advance(now);
}

void Stack::output(base::Instant now, link::Burst& burst) {
  const std::size_t before = burst.size();
  parts_->tcp.output(now);
  parts_->ip.output(burst);
  parts_->latest = now;
  parts_->counters.count(base::Event::kFramesOut, burst.size() - before);
}

base::Instant Stack::next_deadline() const {
  if (parts_->ip.queued() > 0) return parts_->latest;
  return std::min(parts_->ip.next_deadline(), parts_->tcp.next_deadline());
}

void Stack::stop(base::Instant now) {
  parts_->ip.stop();  // What waited; the resets that follow still go out.
  parts_->tcp.stop(now);
}

const base::Counters& Stack::counters() const { return parts_->counters; }

std::uint64_t Stack::closed(tcp::CloseReason reason) const { return parts_->tcp.closed(reason); }

std::size_t Stack::connection_count() const { return parts_->tcp.connection_count(); }

std::size_t Stack::half_open_count() const { return parts_->tcp.half_open_count(); }

std::size_t Stack::time_wait_count() const { return parts_->tcp.time_wait_count(); }

std::size_t Stack::memory_size() const {
  return parts_->ip.memory_size() + parts_->udp.memory_size() + parts_->tcp.memory_size();
}

}  // namespace windhover::stack::lane
