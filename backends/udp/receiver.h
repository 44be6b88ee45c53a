#pragma once
// The receive side: datagrams, a burst with one system call, and the frames in them.
//
// A datagram is read where its frame will be handed up from, and nothing is copied. Only what the kernel has joined
// (UDP_GRO: several datagrams of one sender and one size) is taken apart by copying, which costs far less than to read
// them one by one.

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "backends/udp/config.h"
#include "backends/udp/counters.h"
#include "backends/udp/peers.h"
#include "backends/udp/socket_address.h"
#include "stack/link/device.h"

namespace windhover::backends::udp {

/// Thread: the lane's. Nothing allocates after construction.
class Receiver {
 public:
  /// What is referred to must outlive this. `mtu` of the inner packets.
  Receiver(const Config& config, std::uint16_t mtu, Peers& peers, Stations& stations, Reasons& reasons,
           stack::link::DeviceStats& stats);

  /// Appends frames up to the burst's room and returns how many. Sets `failure` when the socket is none any more.
  std::size_t receive(int fd, stack::link::Burst& burst, int& failure);

  /// Frames that were read and have had no room yet.
  bool has_more() const { return at_ < count_; }
  std::size_t memory_size() const { return arena_.memory_size(); }

 private:
  static constexpr std::size_t kBatch = stack::link::kBurstMax;

  /// One datagram's place: what recvmmsg() fills in.
  struct Slot {
    stack::link::Frame frame;  // All its room is its bytes, until a datagram is in it.
    iovec part;
    SocketAddress source;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> control;
  };

  void read(int fd, std::size_t room, int& failure);
  bool prepare(std::size_t index);
  void take(std::size_t index, stack::link::Burst& burst);
  void take_apart(std::size_t index, std::size_t size, stack::link::Burst& burst);
  void hand_up(stack::link::Frame frame, stack::link::Burst& burst);
  /// Counts what is not. The sender first: whoever is nobody's peer is told from a peer with a fault.
  bool is_for_us(std::size_t index, stack::base::Bytes datagram);
  /// Counts; false, for is_for_us().
  bool drop(Reason reason);
  /// Bytes of each datagram that the kernel has joined into one; 0: it is one.
  std::size_t joined_size(std::size_t index) const;

  const std::uint32_t vni_;
  const std::vector<Network> learn_from_;
  const std::uint16_t learnt_port_;
  const ReceiveChecksum checksum_;
  Peers& peers_;
  Stations& stations_;
  Reasons& reasons_;
  stack::link::DeviceStats& stats_;

  stack::link::FrameArena arena_;
  std::array<Slot, kBatch> slots_;
  std::array<mmsghdr, kBatch> messages_{};
  std::size_t count_ = 0;   // Datagrams that were read,
  std::size_t at_ = 0;      // the one that is next,
  std::size_t offset_ = 0;  // and how much of it is taken, when it is several.
  PeerIndex from_ = 0;      // Who sent what is_for_us() saw last.
  stack::base::Instant now_{};
};

}  // namespace windhover::backends::udp
