#pragma once
// A bounded queue of byte records from one thread to one other, without locks.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::base {

/// Records of any size, each in one piece of memory, in the order in which they were committed.
///
/// Threads: one producer, one consumer; each function says whose it is. What the producer wrote before publish() is
/// visible to the consumer that sees the record, and a record is never seen in part. Indices move once per burst, by
/// publish() and release(): until then the other side neither sees the records nor the room.
///
/// Layout: a record begins on a cache line of its own, so that the two sides share a line only at the indices. One that
/// would reach beyond the end starts again at the front, and a mark tells the consumer to follow. Memory is taken at
/// construction; pages that no record has reached cost nothing.
class SpscBytes {
 public:
  /// Precondition: capacity, in bytes, is a power of two and at least 256.
  explicit SpscBytes(std::size_t capacity)
      : memory_(static_cast<std::uint8_t*>(::operator new (capacity, std::align_val_t{kCacheLine}))),
        mask_(capacity - 1) {
    CHECK(std::has_single_bit(capacity) && capacity >= 4 * kCacheLine && capacity < kSkip);
  }
  SpscBytes(const SpscBytes&) = delete;
  SpscBytes& operator=(const SpscBytes&) = delete;

  /// The largest record that always fits once the queue is empty: half the capacity, wherever the front lies.
  std::size_t record_size_max() const { return capacity() / 2 - kHeaderSize; }
  std::size_t capacity() const { return mask_ + 1; }

  /// Producer: room for a record of `size` bytes, uninitialised, to be filled before commit(); empty when there is none
  /// (backpressure) or the record is larger than record_size_max(). Precondition: size > 0.
  MutableBytes reserve(std::size_t size) {
    CHECK(size > 0);
    if (size > record_size_max()) return {};
    const std::size_t to_end = capacity() - (producer_.local & mask_);
    const std::size_t stride = stride_of(size);
    const std::size_t skipped = stride <= to_end ? 0 : to_end;
    if (!has_room(skipped + stride)) return {};
    if (skipped != 0) {
      store_header(producer_.local, kSkip);
      producer_.local += skipped;
    }
    store_header(producer_.local, static_cast<std::uint32_t>(size));
    return {at(producer_.local) + kHeaderSize, size};
  }
  /// Producer: the record that reserve() gave last joins the queue. Precondition: it was not committed yet.
  void commit() { producer_.local += stride_of(load_header(producer_.local)); }
  /// Producer: what was committed becomes visible.
  void publish() { producer_.index.store(producer_.local, std::memory_order_release); }

  /// Consumer: the oldest record, valid until release(); empty when there is none.
  Bytes front() {
    while (true) {
      if (consumer_.local == consumer_.other) {
        consumer_.other = producer_.index.load(std::memory_order_acquire);
        if (consumer_.local == consumer_.other) return {};
      }
      const std::uint32_t header = load_header(consumer_.local);
      if (header != kSkip) return {at(consumer_.local) + kHeaderSize, header};
      consumer_.local += capacity() - (consumer_.local & mask_);
    }
  }
  /// Consumer: goes on to the next record. Precondition: front() has just given one.
  void pop() { consumer_.local += stride_of(load_header(consumer_.local)); }
  /// Consumer: gives the room of what was popped back to the producer.
  void release() { consumer_.index.store(consumer_.local, std::memory_order_release); }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kHeaderSize = sizeof(std::uint32_t);
  static constexpr std::uint32_t kSkip = UINT32_MAX;  // In place of a size: the next record lies at the front.

  // Indices count for ever and wrap; the place is the index modulo the capacity.
  struct alignas(kCacheLine) Side {
    std::atomic<std::size_t> index{0};
    std::size_t local = 0;  // How far this side has come; the index follows once per burst.
    std::size_t other = 0;  // The other side's index when this side last looked.
  };
  struct Release {
    void operator()(std::uint8_t* memory) const { ::operator delete (memory, std::align_val_t{kCacheLine}); }
  };

  static std::size_t stride_of(std::size_t size) {
    return (kHeaderSize + size + kCacheLine - 1) / kCacheLine * kCacheLine;
  }
  std::uint8_t* at(std::size_t index) const { return memory_.get() + (index & mask_); }
  void store_header(std::size_t index, std::uint32_t header) const { std::memcpy(at(index), &header, kHeaderSize); }
  std::uint32_t load_header(std::size_t index) const {
    std::uint32_t header = 0;
    std::memcpy(&header, at(index), kHeaderSize);
    return header;
  }
  bool has_room(std::size_t size) {
    if (producer_.local + size - producer_.other <= capacity()) return true;
    producer_.other = consumer_.index.load(std::memory_order_acquire);
    return producer_.local + size - producer_.other <= capacity();
  }

  Side producer_;
  Side consumer_;
  std::unique_ptr<std::uint8_t[], Release> memory_;
  std::size_t mask_;
};

}  // namespace windhover::stack::base
