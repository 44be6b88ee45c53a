#include "backends/xdp/plan.h"

#include <algorithm>
#include <bit>

#include "backends/xdp/transmitter.h"
#include "backends/xdp/umem.h"
#include "bpf/steer_abi.h"
#include "stack/base/setup_error.h"
#include "stack/wire/ethernet.h"

namespace windhover::backends::xdp {
namespace {

namespace link = stack::link;
using stack::base::SetupError;

constexpr std::uint32_t kKernelHeadroom = 256;  // XDP_PACKET_HEADROOM.
constexpr std::uint32_t kLinkHeaderMax = stack::wire::EthernetView::kTaggedSize;
constexpr std::uint32_t kPacketMax = 65535;

constexpr std::uint32_t kSmallChunk = 2048;
constexpr std::uint32_t kLargeChunk = 4096;  // A page: the kernel takes no larger ones.
constexpr std::uint32_t kRingSizeMin = 64;
constexpr std::uint32_t kRingSizeMax = 32768;
constexpr std::uint32_t kFramesMax = 1U << 20;

/// From how many segments a super-frame through the packet socket costs less than the segments through the ring.
/// Measured on veth with a peer that drops at once, thread CPU for a payload of n segments, ring against packet socket,
/// by turns, medians of nine: n = 1: 1.66 against 1.79 us when each payload is kicked by itself, 1.05 against 1.73 us
/// when 32 share a kick; n = 2: 2.74 against 1.97 us and 2.11 against 1.95 us; n = 6: 7.0 against 2.7 us. A peer whose
/// TCP takes each frame widens it: n = 2: 10.0 against 5.5 us.
constexpr std::uint32_t kBulkSegmentsMin = 2;

void check_sizes(const Config& config) {
  if (!std::has_single_bit(config.ring_size) || config.ring_size < kRingSizeMin || config.ring_size > kRingSizeMax) {
    throw SetupError("ring size " + std::to_string(config.ring_size), 0,
                     "Set backend.ringSize to a power of two from 64 to 32768.");
  }
  if (config.chunk_size && *config.chunk_size != kSmallChunk && *config.chunk_size != kLargeChunk) {
    throw SetupError("chunk size " + std::to_string(*config.chunk_size), 0,
                     "Set backend.chunkSize to 2048 or 4096, or leave it out.");
  }
  if (config.receive_frames < link::kBurstMax || config.receive_frames > kFramesMax) {
    throw SetupError("receive frames " + std::to_string(config.receive_frames), 0,
                     "Set backend.receiveFrames from 64 to 1048576; twice backend.ringSize is a good choice.");
  }
  // A ring that fills before the arena is empty is back-pressure; the other way round, a lane would have nothing to
  // wait for while the interface is down.
  const std::uint32_t least = config.ring_size + static_cast<std::uint32_t>(link::kBurstMax);
  if (config.transmit_frames < least || config.transmit_frames > kFramesMax) {
    throw SetupError("transmit frames " + std::to_string(config.transmit_frames), 0,
                     "Set backend.transmitFrames from " + std::to_string(least) +
                         " (backend.ringSize and a burst of 64) to 1048576.");
  }
}

void check_interface(const host::Interface& interface) {
  if (!interface.ethernet) {
    throw SetupError("AF_XDP on " + interface.name, 0,
                     "It is no Ethernet interface: choose another backend.interface, or the tun backend.");
  }
  if (!interface.up) {
    throw SetupError("AF_XDP on " + interface.name + ", which is down", 0,
                     "Set it up: ip link set " + interface.name + " up.");
  }
}

std::string set_queues(const host::Interface& interface, std::uint64_t count) {
  const std::string number = std::to_string(count);
  const std::string kinds = interface.combined_queues ? "combined " + number : "rx " + number + " tx " + number;
  return "ethtool -L " + interface.name + " " + kinds;
}

std::uint32_t choose_queue_count(const Config& config, const host::Interface& interface, std::size_t lane_count,
                                 std::vector<std::string>& notes) {
  const std::uint32_t there = interface.receive_queues;
  const std::uint32_t usable = std::min<std::uint32_t>(there, WH_QUEUES_MAX);
  const std::uint32_t count = config.queue_count.value_or(usable);
  if (count == 0 || count > usable) {
    const std::string call =
        std::to_string(count) + " queues of " + interface.name + ", which has " + std::to_string(there);
    std::string remedy = "Set backend.queues from 1 to " + std::to_string(usable) + ".";
    if (count > usable && count <= interface.queues_max && count <= WH_QUEUES_MAX)
      remedy = "Lower backend.queues, or give the interface more: " + set_queues(interface, count) + ".";
    throw SetupError(call, 0, remedy);
  }
  if (count < there) {
    notes.push_back("What arrives on " + std::to_string(there - count) + " of the " + std::to_string(there) +
                    " queues of " + interface.name + " stays the kernel's: " + set_queues(interface, count) +
                    ", or ethtool -X " + interface.name + " equal " + std::to_string(count) + ".");
  }
  if (lane_count > count) {
    std::string remedy = ".";
    if (interface.queues_max >= lane_count) remedy = ": " + set_queues(interface, lane_count) + ".";
    notes.push_back(std::to_string(lane_count) + " lanes share " + std::to_string(count) +
                    " queues: some receive what others hand them" + remedy);
  }
  return count;
}

std::uint32_t choose_chunk_size(const Config& config, std::uint32_t frame_size) {
  if (!config.chunk_size) return frame_size <= receive_room(kSmallChunk) ? kSmallChunk : kLargeChunk;
  if (frame_size > kChainMax * (*config.chunk_size - kMetadataSize)) {
    throw SetupError(
        "chunks of " + std::to_string(*config.chunk_size) + " bytes for frames of " + std::to_string(frame_size), 0,
        "A frame may have 18 chunks: leave backend.chunkSize out, or lower the interface's MTU.");
  }
  return *config.chunk_size;
}

}  // namespace

std::uint32_t receive_room(std::uint32_t chunk_size) { return chunk_size - kKernelHeadroom; }

Plan make_plan(const Config& config, const host::Interface& interface, std::size_t lane_count,
               std::vector<std::string>& notes) {
  check_sizes(config);
  check_interface(interface);
  Plan plan;
  plan.queue_count = choose_queue_count(config, interface, lane_count, notes);
  plan.mtu = static_cast<std::uint16_t>(std::min(interface.mtu, kPacketMax));
  const std::uint32_t frame_size = plan.mtu + kLinkHeaderMax;
  plan.chunk_size = choose_chunk_size(config, frame_size);
  plan.chains = frame_size > receive_room(plan.chunk_size);
  plan.accept_partial = config.receive_checksum == ReceiveChecksum::kAcceptPartial ||
                        (config.receive_checksum == ReceiveChecksum::kAuto && interface.is_virtual());
  return plan;
}

std::uint32_t gathered_size(const Plan& plan, Mode mode) {
  // Generic XDP comes behind segmentation offload: whatever the other side sends at once arrives at once.
  if (mode == Mode::kGeneric) return kPacketMax + kLinkHeaderMax;
  return plan.chains ? plan.mtu + kLinkHeaderMax : 0;
}

bool has_bulk(const Config& config, const host::Interface& interface, Mode mode) {
  return config.bulk == Bulk::kAuto && mode != Mode::kZeroCopy && interface.tso;
}

link::Caps make_caps(const Plan& plan, Mode mode, bool gso, bool chunk_limited) {
  link::Caps caps;
  caps.medium = link::Medium::kEthernet;
  caps.mtu = plan.mtu;
  if (chunk_limited) {
    const std::uint32_t largest = receive_room(plan.chunk_size) - kLinkHeaderMax;
    caps.mtu = static_cast<std::uint16_t>(std::min<std::uint32_t>(plan.mtu, largest));
  }
  caps.receive_partial_checksum = plan.accept_partial;
  caps.transmit_checksum = true;
  caps.transmit_gso = gso;
  caps.gso_segments_min = kBulkSegmentsMin;
  caps.gso_size_max = gso ? kPacketMax : 0;
  caps.gather = true;
  caps.zero_copy = mode == Mode::kZeroCopy;
  return caps;
}

}  // namespace windhover::backends::xdp
