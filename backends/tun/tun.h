#pragma once
// A Linux TUN or TAP device: what windhover runs on where there is no AF_XDP, with no preparation but root.
//
// Frames cross with a virtio-net header (IFF_VNET_HDR), so TCP super-frames and partial checksums travel whole in both
// directions: 50 KB are one write. Received frames lie in buffers of 64 KiB; transmitted ones are gathered by the
// kernel from the linear bytes and the pieces. One system call a frame is what this device costs, and nothing is
// allocated for it.
//
// Needs /dev/net/tun and CAP_NET_ADMIN, or a persistent device that its owner has made for this user:
//   ip tuntap add wh0 mode tun user USER [multi_queue]
// A device that open() created disappears with the last of its queues.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/tun/queue.h"
#include "stack/link/device.h"
#include "stack/wire/address.h"

namespace windhover::backends::tun {

/// An address for the host's side of the device and the on-link prefix around it.
struct HostAddress {
  stack::wire::Address address;
  std::uint8_t prefix_length = 24;  ///< 1..32 for IPv4, 1..128 for IPv6.
};

/// TUN carries IP packets (Medium::kIp), TAP Ethernet frames (Medium::kEthernet).
enum class Layer : std::uint8_t { kIp, kEthernet };

/// What to do about a device of that name that exists, or does not.
enum class Existing : std::uint8_t {
  kCreateOrAttach,  ///< Attach to it if it is there, else create it.
  kRefuse,          ///< Create it; a device of that name is an error.
  kRequire,         ///< Attach to it; its absence is an error.
};

struct Config {
  std::string name = "wh0";  ///< 1..15 bytes, none of them '/', ':' or a space.
  Layer layer = Layer::kIp;
  Existing existing = Existing::kCreateOrAttach;
  std::vector<HostAddress> host_addresses{};  ///< Added to the host's side; what it has already stays.
  std::uint16_t mtu = 1500;                   ///< Bytes, 576..65521; the host's side is given it too. IPv6 needs 1280.
  bool offload = true;       ///< Super-frames and partial checksums. Off: complete frames of one MTU each way.
  bool multi_queue = false;  ///< IFF_MULTI_QUEUE even for one queue; implied by more than one.
  std::uint32_t receive_frames = 128;    ///< Buffers of 64 KiB (of one MTU without offload) per queue.
  std::uint32_t transmit_frames = 4096;  ///< Buffers that hold one MTU each, per queue.
};

/// One queue of a device.
///
/// transmit(): EAGAIN makes it short; every other refusal of the kernel (the device is down, a frame it finds
/// malformed) is a counted drop. receive(): stops at the first empty read, or before it when the last bursts say that
/// the queue is likely empty. A read that fails for good (the device was deleted) ends in failure(); after that nothing
/// arrives or leaves. wait() returns when the queue is readable, a blocked queue writable, or the eventfd is. pass()
/// counts and lets go.
class Tun : public stack::link::Device {
 public:
  /// For open(), which has attached `queue` to the device that `config` names.
  Tun(const Config& config, Queue queue);

  std::string_view name() const override { return name_; }
  const stack::link::Caps& caps() const override { return caps_; }
  stack::link::FrameArena& arena() override { return transmit_arena_; }
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  bool flush() override { return true; }
  void pass(stack::link::Frame frame) override;
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override { return stats_; }

  /// The errno with which the kernel took the device away; 0 while it works.
  int failure() const { return failure_; }
  /// Bytes taken at construction.
  std::size_t memory_size() const { return receive_arena_.memory_size() + transmit_arena_.memory_size(); }

 private:
  enum class Read : std::uint8_t { kFrame, kNothing, kMalformed };
  enum class Written : std::uint8_t { kYes, kNotNow, kRefused };

  Read read_frame(stack::link::Frame& frame);
  Written write_frame(stack::link::Frame& frame);

  std::string name_;
  host::File file_;
  std::size_t vnet_size_;  ///< Bytes of virtio-net header in front of every packet: kVnetHeaderSize or 0.
  stack::link::Caps caps_;
  stack::link::FrameArena receive_arena_;
  stack::link::FrameArena transmit_arena_;
  stack::link::DeviceStats stats_;
  std::size_t likely_waiting_ = 1;  ///< Frames that receive() takes before it trusts the queue to be empty.
  bool blocked_ = false;
  int failure_ = 0;
};

/// What open() made.
struct Opened {
  std::vector<std::unique_ptr<Tun>> queues;  ///< As many as were asked for; the kernel spreads flows over them.
  std::vector<std::string> notes;            ///< What is less than was asked for and why, each a sentence. Often empty.
};

/// Creates or attaches to the device, gives the host's side its addresses, MTU and queue length and sets it up, by
/// rtnetlink. What is as it should be already is left alone, so that a persistent device can be used without any
/// privilege. Throws SetupError. Precondition: queue_count > 0.
Opened open(const Config& config, std::size_t queue_count = 1);

}  // namespace windhover::backends::tun
