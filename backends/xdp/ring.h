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

/// The bit of the flags that asks for a system call: XDP_RING_NEED_WAKEUP.
inline constexpr std::uint32_t kNeedWakeup = 1U << 0;

/// Thread: the lane that owns the socket; the kernel is the other side.
template <typename T>
class ProducerRing {
 public:
  ProducerRing() = default;
  /// Goes on where the indices in memory stand.
  explicit ProducerRing(const RingMemory& memory)
      : memory_(memory), pushed_(*memory.producer), published_(*memory.producer), consumer_(*memory.consumer) {
    CHECK(std::has_single_bit(memory.size));
    CHECK(published_ - consumer_ <= memory.size);
  }

  /// Slots that can be written, looking at the consumer's index only when fewer than `wanted` seem free.
  std::uint32_t room(std::uint32_t wanted) {
    if (free_slots() < wanted) consumer_ += newly_consumed();
    return free_slots();
  }
  /// Writes the next slot; the other side sees it after publish(). Precondition: room(1) has said so since.
  void push(const T& item) {
    CHECK(free_slots() != 0);
    static_cast<T*>(memory_.descriptors)[pushed_++ & (memory_.size - 1)] = item;
  }
  /// Takes back the last `count` pushed and not published.
  void retract(std::uint32_t count) {
    CHECK(count <= pushed_ - published_);
    pushed_ -= count;
  }
  /// Makes what was pushed visible.
  void publish() {
    published_ = pushed_;
    // Sequentially consistent, so that the flags which needs_wakeup() reads next are no older than this.
    std::atomic_ref(*memory_.producer).store(published_, std::memory_order_seq_cst);
  }
  /// Pushed and published, not yet consumed by the other side.
  std::uint32_t outstanding() const { return published_ - consumer_ - newly_consumed(); }
  /// The other side wants a system call before it looks (XDP_RING_NEED_WAKEUP).
  bool needs_wakeup() const {
    return (std::atomic_ref(*memory_.flags).load(std::memory_order_seq_cst) & kNeedWakeup) != 0;
  }
  std::uint32_t size() const { return memory_.size; }

 private:
  std::uint32_t free_slots() const { return memory_.size - (pushed_ - consumer_); }
  /// By how much the consumer has moved since its index was copied.
  std::uint32_t newly_consumed() const {
    const std::uint32_t claimed = std::atomic_ref(*memory_.consumer).load(std::memory_order_acquire) - consumer_;
    return std::min(claimed, published_ - consumer_);
  }

  RingMemory memory_;
  std::uint32_t pushed_ = 0;
  std::uint32_t published_ = 0;
  std::uint32_t consumer_ = 0;  // Copy. Invariant: consumer_ <= published_ <= pushed_ <= consumer_ + size.
};

template <typename T>
class ConsumerRing {
 public:
  ConsumerRing() = default;
  /// Goes on where the indices in memory stand.
  explicit ConsumerRing(const RingMemory& memory)
      : memory_(memory), consumer_(*memory.consumer), producer_(*memory.consumer) {
    CHECK(std::has_single_bit(memory.size));
  }

  /// Items that can be read, looking at the producer's index only when fewer than `wanted` seem there.
  std::uint32_t available(std::uint32_t wanted) {
    if (producer_ - consumer_ < wanted) {
      const std::uint32_t claimed = std::atomic_ref(*memory_.producer).load(std::memory_order_acquire) - consumer_;
      producer_ = consumer_ + std::min(claimed, memory_.size);
    }
    return producer_ - consumer_;
  }
  /// The item `offset` places behind the front. Precondition: offset < available().
  const T& peek(std::uint32_t offset) const {
    CHECK(offset < producer_ - consumer_);
    return static_cast<const T*>(memory_.descriptors)[(consumer_ + offset) & (memory_.size - 1)];
  }
  /// Gives the front `count` slots back to the producer. Precondition: count <= available().
  void release(std::uint32_t count) {
    CHECK(count <= producer_ - consumer_);
    consumer_ += count;
    std::atomic_ref(*memory_.consumer).store(consumer_, std::memory_order_release);
  }
  std::uint32_t size() const { return memory_.size; }

 private:
  RingMemory memory_;
  std::uint32_t consumer_ = 0;
  std::uint32_t producer_ = 0;  // Copy. Invariant: consumer_ <= producer_ <= consumer_ + size.
};

}  // namespace windhover::backends::xdp
