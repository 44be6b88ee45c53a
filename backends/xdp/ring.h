#pragma once
// The two halves of an AF_XDP ring as we see them: we produce into fill and TX, and consume from completion and RX.
//
// They work over plain memory, so that they are tested with integers. Indices count for ever and wrap at 2^32; the slot
// is the index modulo the size. Each half keeps a copy of the other side's index and looks at the real one only when
// the copy says full or empty. What the kernel writes is believed no further than the ring is large: an index that
// claims more than that counts as the most that there can be.

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "stack/base/check.h"

namespace windhover::backends::xdp {

/// Where a ring lies. Memory is borrowed.
struct RingMemory {
  std::uint32_t* producer = nullptr;
  std::uint32_t* consumer = nullptr;
  std::uint32_t* flags = nullptr;
  void* descriptors = nullptr;
  std::uint32_t size = 0;  ///< Descriptors; a power of two.
};

/// Thread: the lane that owns the socket; the kernel is the other side.
template <typename T>
class ProducerRing {
 public:
  ProducerRing() = default;
  explicit ProducerRing(const RingMemory& memory);

  /// Slots that can be written, looking at the consumer's index only when fewer than `wanted` seem free.
  std::uint32_t room(std::uint32_t wanted);
  /// Writes the next slot; the other side sees it after publish(). Precondition: room(1) has said so since.
  void push(const T& item);
  /// Takes back the last `count` pushed and not published.
  void retract(std::uint32_t count);
  /// Makes what was pushed visible.
  void publish();
  /// Pushed and published, not yet consumed by the other side.
  std::uint32_t outstanding() const;
  /// The other side wants a system call before it looks (XDP_RING_NEED_WAKEUP).
  bool needs_wakeup() const;
  std::uint32_t size() const { return memory_.size; }
};

template <typename T>
class ConsumerRing {
 public:
  ConsumerRing() = default;
  explicit ConsumerRing(const RingMemory& memory);

  /// Items that can be read, looking at the producer's index only when fewer than `wanted` seem there.
  std::uint32_t available(std::uint32_t wanted);
  /// The item `offset` places behind the front. Precondition: offset < available().
  const T& peek(std::uint32_t offset) const;
  /// Gives the front `count` slots back to the producer.
  void release(std::uint32_t count);
  std::uint32_t size() const { return memory_.size; }
};

}  // namespace windhover::backends::xdp
