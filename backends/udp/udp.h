#pragma once
// A device over an ordinary UDP socket: Ethernet frames in VXLAN (RFC 7348). It needs no privilege and no interface of
// its own, only a port.
//
// At the other end is Linux's own vxlan device, another windhover, or anything else that speaks VXLAN. Answers go to
// the port that a peer's VXLAN listens on, not to the one its datagrams come from; ours leave from the port that we
// listen on. Received datagrams are read a burst at a time into buffers of 64 KiB, because Linux puts whole TCP
// super-frames into one; frames to transmit leave a burst at a time, joined where they are alike (transmitter.h). Inner
// checksums are complete in everything that is sent.
//
// Several lanes are several sockets on one port (SO_REUSEPORT), and the flow inside the tunnel decides which of them
// hears a datagram (steering_program.h).
//
// Outer datagrams are never fragmented here (RFC 7348 section 4.3): one that the first link cannot carry is dropped
// under the name vxlan.too_large, and the remedy is a smaller MTU. ICMP messages about outer datagrams change nothing,
// neither the path's MTU nor the socket: anybody could send them. A link-local IPv6 address cannot be a peer.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/host/file.h"
#include "backends/udp/config.h"
#include "backends/udp/counters.h"
#include "backends/udp/peers.h"
#include "backends/udp/receiver.h"
#include "backends/udp/transmitter.h"
#include "stack/link/device.h"

namespace windhover::backends::udp {

/// A peer as the machine's routes show it.
struct KnownPeer {
  stack::wire::Endpoint endpoint;
  bool accept_partial = false;
};

/// One lane's socket.
///
/// transmit(): a full socket buffer makes it short; every other refusal of the kernel is a counted drop. wait() returns
/// when the socket is readable, a blocked one writable, or the eventfd is. pass() counts and lets go.
class Udp final : public stack::link::Device {
 public:
  /// For open(), which has bound `socket` as `config` says.
  Udp(const Config& config, std::uint16_t mtu, host::File socket, const std::vector<KnownPeer>& peers,
      const stack::base::SipKey& key);

  std::string_view name() const override { return name_; }
  const stack::link::Caps& caps() const override { return caps_; }
  stack::link::FrameArena& arena() override { return transmit_arena_; }
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  bool flush() override { return true; }
  void pass(stack::link::Frame frame) override;
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override { return stats_; }

  /// The errno with which the socket was lost; 0 while it works. No ICMP message and no missing route is such a loss.
  int failure() const { return failure_; }
  const Reasons& reasons() const { return reasons_; }
  /// Datagrams that the kernel dropped because nobody read them in time. Asks the kernel.
  std::uint64_t overruns() const;
  /// Equal frames leave together: configured, and the kernel has not refused it.
  bool segments() const { return transmitter_.segments(); }
  /// Bytes taken at construction.
  std::size_t memory_size() const { return receiver_.memory_size() + transmit_arena_.memory_size(); }

 private:
  std::string name_;
  host::File socket_;
  stack::link::Caps caps_;
  stack::link::FrameArena transmit_arena_;
  stack::link::DeviceStats stats_;
  Reasons reasons_;
  Peers peers_;
  Stations stations_;
  Receiver receiver_;
  Transmitter transmitter_;
  int failure_ = 0;
};

/// What open() made.
struct Opened {
  std::vector<std::unique_ptr<Udp>> lanes;  ///< As many as were asked for.
  stack::wire::Endpoint local;              ///< Where they listen; the port is the one that was taken.
  std::uint16_t mtu = 0;
  std::uint32_t receive_buffer = 0;  ///< Bytes that the kernel keeps for each lane, by its own reckoning.
  std::vector<std::string> notes;    ///< What is less than was asked for and why, each a sentence. Often empty.
};

/// The inner MTU that `config` means.
std::uint16_t mtu_of(const Config& config);

/// Sockets that are bound before it is known who the peers are: two devices of one process that take free ports, and
/// then learn each other's.
class Listener {
 public:
  /// Binds `lane_count` sockets. What Config says about peers is looked at in open(). Throws SetupError: the port is
  /// taken, the address is not this machine's. Precondition: lane_count > 0.
  explicit Listener(const Config& config, std::size_t lane_count = 1);

  const stack::wire::Endpoint& local() const { return local_; }
  /// Makes the devices. `config` may name other peers than the constructor's did, and must be the same in all else.
  /// Once. Throws SetupError: a peer of another family, a size out of range.
  Opened open(const Config& config) &&;

 private:
  std::vector<host::File> sockets_;
  stack::wire::Endpoint local_;
  std::uint32_t receive_buffer_ = 0;
  std::vector<std::string> notes_;
};

/// Listener and its open() in one.
Opened open(const Config& config, std::size_t lane_count = 1);

}  // namespace windhover::backends::udp
