#pragma once
// The transmit side: frames into datagrams, a burst with one system call.
//
// Frames of one size to one peer that follow each other leave as one message with UDP_SEGMENT, the last of them perhaps
// shorter: the kernel takes one way through routing and output for all of them. Each is a whole VXLAN datagram. Group
// addresses and stations that nobody has been heard from go to every peer (head-end replication).

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "backends/udp/config.h"
#include "backends/udp/counters.h"
#include "backends/udp/peers.h"
#include "backends/udp/socket_address.h"
#include "stack/link/device.h"

namespace windhover::backends::udp {

/// Thread: the lane's. Nothing allocates after construction.
class Transmitter {
 public:
  /// `family` of the socket. What is referred to must outlive this.
  Transmitter(const Config& config, sa_family_t family, const Peers& peers, const Stations& stations, Reasons& reasons,
              stack::link::DeviceStats& stats);

  /// Takes frames from the front and returns how many. Sets `failure` when the socket is none any more. Precondition:
  /// frames have VxlanHeader::kSize bytes of headroom.
  std::size_t transmit(int fd, std::span<stack::link::Frame> frames, int& failure);

  /// The last transmit() was short because the socket's buffer is full.
  bool blocked() const { return blocked_; }
  /// UDP_SEGMENT is asked for, and has not been refused.
  bool segments() const { return segments_; }

 private:
  static constexpr std::size_t kBatch = stack::link::kBurstMax;

  /// One message: frames to one peer.
  struct Message {
    SocketAddress to;
    std::size_t frame_count = 0;
    std::size_t frame_size = 0;  // Of each but the last, header included.
    std::size_t size = 0;
    bool complete = false;  // No frame can follow.
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> control;
  };

  std::optional<PeerIndex> peer_of(const stack::link::Frame& frame) const;
  /// Makes messages of frames from the front that have one peer each; returns how many frames.
  std::size_t compose(std::span<stack::link::Frame> frames);
  bool join(PeerIndex peer, std::size_t size);
  void begin(PeerIndex peer, std::size_t index, std::size_t size);
  /// Sends the messages; returns how many of their frames are done with. Less than all: blocked, or to be composed
  /// anew.
  std::size_t send(int fd, std::span<stack::link::Frame> frames, int& failure);
  void account(const Message& message, std::span<stack::link::Frame> frames, bool sent);
  /// What the kernel's refusal of a message means; false: it is to be tried again later, or in another form.
  bool refused(const Message& message, int error, int& failure);
  /// To every peer; false: blocked before the first.
  bool replicate(int fd, stack::link::Frame& frame, int& failure);

  const stack::wire::VxlanHeader header_;
  const sa_family_t family_;
  const Peers& peers_;
  const Stations& stations_;
  Reasons& reasons_;
  stack::link::DeviceStats& stats_;
  bool segments_;
  bool blocked_ = false;

  std::array<Message, kBatch> messages_;
  std::array<mmsghdr, kBatch> headers_{};
  std::array<iovec, kBatch> parts_{};
  std::size_t message_count_ = 0;
  PeerIndex last_peer_ = 0;  // The newest message's.
};

}  // namespace windhover::backends::udp
