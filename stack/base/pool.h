#pragma once
// A slab of equal objects whose memory is taken at start, with handles that notice when their object is gone.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "stack/base/check.h"

namespace windhover::stack::base {

/// Names one object of one Pool, in eight bytes, without keeping it alive. Default: names nothing.
struct Handle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  ///< Odd for every handle that a pool gives.

  explicit operator bool() const { return generation != 0; }
  bool operator==(const Handle&) const = default;
};

/// Up to `capacity` objects of type T that never move.
///
/// Owner: the pool; allocate() lends an object until release(). Thread: one lane. Memory: all of it is reserved at
/// construction and pages are first touched when their slots are first used; the slot released last is used next.
/// A handle is stale once its object is released, until that one slot has been reused 2^31 times.
template <typename T>
class Pool {
 public:
  explicit Pool(std::uint32_t capacity)
      : slots_(static_cast<Slot*>(::operator new (memory_for(capacity), std::align_val_t{alignof(Slot)}))),
        capacity_(capacity) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for_each([this](T& object) { release(&object); });
    ::operator delete (slots_, std::align_val_t{alignof(Slot)});
  }

  /// A new T made from `args`, or nullptr when none is free.
  template <typename... Args>
  T* allocate(Args&&... args) {
    Slot* slot = nullptr;
    if (first_free_ != kNone) {
      slot = &slots_[first_free_];
      first_free_ = slot->next_free;
    } else if (touched_ < capacity_) {
      slot = ::new (&slots_[touched_++]) Slot;
    } else {
      return nullptr;
    }
    ++slot->generation;
    ++size_;
    return ::new (slot->storage) T(std::forward<Args>(args)...);
  }

  /// Destroys the object; its handles become stale. Precondition: it is allocated, from this pool.
  void release(T* object) {
    Slot& slot = slot_of(object);
    CHECK(slot.live());
    object->~T();
    ++slot.generation;
    slot.next_free = first_free_;
    first_free_ = static_cast<std::uint32_t>(&slot - slots_);
    --size_;
  }

  /// The object that `handle` names, or nullptr when it is gone. Any handle may be asked for, even one from elsewhere.
  T* get(Handle handle) const {
    if (handle.index >= touched_) return nullptr;
    Slot& slot = slots_[handle.index];
    return slot.generation == handle.generation && slot.live() ? slot.object() : nullptr;
  }

  /// Precondition: the object is allocated, from this pool.
  Handle handle_of(const T* object) const { return {index_of(object), slot_of(object).generation}; }

  /// Its place, from 0. Precondition: the object is allocated, from this pool.
  std::uint32_t index_of(const T* object) const { return static_cast<std::uint32_t>(&slot_of(object) - slots_); }
  /// The object at a place. Precondition: one is allocated there.
  T& at(std::uint32_t index) const { return *slots_[index].object(); }

  /// Calls visit(T&) for each object, in order of index. The callback may release the object it is given, and no other.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (std::uint32_t i = 0; i < touched_; ++i) {
      if (slots_[i].live()) visit(*slots_[i].object());
    }
  }

  /// Objects allocated now.
  std::uint32_t size() const { return size_; }
  std::uint32_t capacity() const { return capacity_; }
  /// Bytes reserved at construction.
  std::size_t memory_size() const { return memory_for(capacity_); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // The object comes first: its address is its slot's.
  struct Slot {
    alignas(T) std::byte storage[sizeof(T)];
    std::uint32_t generation = 0;  // Odd while the object lives.
    std::uint32_t next_free = kNone;

    bool live() const { return (generation & 1) != 0; }
    T* object() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  static constexpr std::size_t memory_for(std::uint32_t capacity) { return std::size_t{capacity} * sizeof(Slot); }

  Slot& slot_of(const T* object) const {
    const auto offset = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(object) -
                                                 reinterpret_cast<const std::byte*>(slots_));
    CHECK(offset < std::size_t{touched_} * sizeof(Slot));
    return slots_[offset / sizeof(Slot)];
  }

  Slot* slots_;
  std::uint32_t capacity_;
  std::uint32_t touched_ = 0;  // Slots used at least once; those behind have never been written.
  std::uint32_t size_ = 0;
  std::uint32_t first_free_ = kNone;
};

}  // namespace windhover::stack::base
