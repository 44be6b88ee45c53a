#pragma once
// The receive side of a lane: RX rings emptied into bursts, fill rings kept full.
//
// A packet of one chunk is handed up where it lies. A packet of several (a jumbo frame; in generic mode a super-frame)
// is a chain of descriptors: its parts are copied into one larger buffer, and the chunks go back at once. A chain may
// begin in one receive() and end in a later one. One that outgrows its buffer, or finds none, is dropped and counted
// when that happens, and the rest of it is swallowed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backends/xdp/chunk_pool.h"
#include "backends/xdp/socket.h"
#include "stack/link/device.h"

namespace windhover::backends::xdp {

/// Thread: the lane's. Nothing allocates after construction.
class Receiver {
 public:
  /// `gathered_size`: bytes of the largest packet that may come as a chain; 0 when none can. `checksum` marks every
  /// frame. What is referred to must outlive this.
  Receiver(std::span<Socket> sockets, ChunkPool& chunks, std::uint32_t gathered_size, stack::link::Checksum checksum,
           stack::link::DeviceStats& stats);

  /// Fills every fill ring to the brim, as far as chunks reach. Once, before frames are let in.
  void fill();

  /// Appends frames up to the burst's room and returns how many.
  std::size_t receive(stack::link::Burst& burst);

  /// Bytes taken beside the UMEM's.
  std::size_t memory_size() const;

 private:
  struct Queue {
    Socket* socket = nullptr;
    std::uint32_t owed = 0;         // Descriptors received since the fill ring was last full.
    bool in_chain = false;          // The next descriptor continues a packet.
    stack::link::Frame gathered{};  // What there is of it; empty when it is being dropped.
  };

  void take(Queue& queue, stack::link::Burst& burst);
  void take_part(Queue& queue, stack::link::Frame part, bool continued, stack::link::Burst& burst);
  void hand_up(stack::link::Frame frame, stack::link::Burst& burst);
  void refill();
  void refill(Queue& queue, std::size_t most);

  ChunkPool& chunks_;
  std::optional<stack::link::FrameArena> gathering_;  // Before the queues, whose frames lie in it.
  std::vector<Queue> queues_;
  std::size_t turn_ = 0;  // The queue that is asked first.
  std::uint32_t refill_batch_ = 0;
  stack::link::Checksum checksum_;
  stack::link::DeviceStats& stats_;
};

}  // namespace windhover::backends::xdp
