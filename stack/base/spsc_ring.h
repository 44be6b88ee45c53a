#pragma once
// A bounded queue from one thread to one other, without locks.

#include <atomic>
#include <bit>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "stack/base/check.h"

namespace windhover::stack::base {

/// Threads: push() belongs to the producer, pop() to the consumer; the rest may be called by either. What the producer
/// wrote before a push is visible to the consumer after the pop. Memory is taken at construction. Each side keeps a
/// copy of the other's index and looks at the real one only when the copy says full or empty, so the two seldom share a
/// cache line.
template <typename T>
class SpscRing {
  static_assert(std::is_nothrow_default_constructible_v<T> && std::is_nothrow_move_assignable_v<T>);

 public:
  /// Precondition: capacity is a power of two.
  explicit SpscRing(std::size_t capacity) : slots_(capacity), mask_(capacity - 1) {
    CHECK(std::has_single_bit(capacity));
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  /// False, and `item` is untouched, when the ring is full (backpressure).
  bool push(T&& item) {
    const std::size_t tail = producer_.index.load(std::memory_order_relaxed);
    if (tail - producer_.other == slots_.size()) {
      producer_.other = consumer_.index.load(std::memory_order_acquire);
      if (tail - producer_.other == slots_.size()) return false;
    }
    slots_[tail & mask_] = std::move(item);
    producer_.index.store(tail + 1, std::memory_order_release);
    return true;
  }
  bool push(const T& item) { return push(T(item)); }

  /// Moves the oldest item into `item`; false, and `item` is untouched, when there is none.
  bool pop(T& item) {
    const std::size_t head = consumer_.index.load(std::memory_order_relaxed);
    if (head == consumer_.other) {
      consumer_.other = producer_.index.load(std::memory_order_acquire);
      if (head == consumer_.other) return false;
    }
    item = std::move(slots_[head & mask_]);
    consumer_.index.store(head + 1, std::memory_order_release);
    return true;
  }

  /// Items inside, exact only when the other side stands still.
  std::size_t size() const {
    const std::size_t head = consumer_.index.load(std::memory_order_acquire);
    return producer_.index.load(std::memory_order_acquire) - head;
  }
  bool empty() const { return size() == 0; }
  std::size_t capacity() const { return slots_.size(); }
  /// Bytes taken at construction.
  std::size_t memory_size() const { return slots_.capacity() * sizeof(T); }

 private:
  static constexpr std::size_t kCacheLine = 64;

  // Indices count for ever and wrap; the slot is the index modulo the capacity.
  struct alignas(kCacheLine) Side {
    std::atomic<std::size_t> index{0};
    std::size_t other = 0;  // The other side's index when this side last looked.
  };

  Side producer_;
  Side consumer_;
  std::vector<T> slots_;
  std::size_t mask_;
};

}  // namespace windhover::stack::base
