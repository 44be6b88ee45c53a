#pragma once
// The frame of a table of small objects: found by a hash, and queued in an order that the owner decides.

#include <bit>
#include <cstdint>
#include <vector>

#include "stack/base/check.h"

namespace windhover::stack::tcp {

inline constexpr std::uint32_t kNoObject = 0xffffffff;

/// What each object carries for its table: sixteen bytes.
struct ObjectLinks {
  std::uint32_t hash = 0;           ///< The low half of the hash it is found by.
  std::uint32_t chain = kNoObject;  ///< The next of the same bucket, or of the free list.
  std::uint32_t previous = kNoObject;
  std::uint32_t next = kNoObject;
};

/// Objects in one order, the oldest first. A value: its objects lie in an ObjectTable.
struct ObjectQueue {
  std::uint32_t oldest = kNoObject;
  std::uint32_t newest = kNoObject;

  bool empty() const { return oldest == kNoObject; }
};

/// Up to `capacity` objects, each with a member `ObjectLinks links`. Object has a default constructor and is copyable.
/// Thread: one lane. Memory is taken at construction; an object stays where it is until release(). Every operation
/// costs the same for any number of objects, chains apart, whose length a keyed hash keeps short.
template <typename Object>
class ObjectTable {
 public:
  explicit ObjectTable(std::uint32_t capacity)
      : objects_(capacity), buckets_(std::bit_ceil(std::size_t{capacity}), kNoObject) {
    CHECK(capacity > 0 && capacity < kNoObject);
    for (std::uint32_t at = 0; at + 1 < capacity; ++at) objects_[at].links.chain = at + 1;
  }

  bool full() const { return free_ == kNoObject; }
  std::size_t size() const { return size_; }
  std::size_t memory_size() const { return objects_.size() * sizeof(Object) + buckets_.size() * sizeof(std::uint32_t); }

  /// A fresh object that find() yields from now on, in no queue yet. Precondition: !full().
  Object& allocate(std::uint64_t hash) {
    CHECK(!full());
    const std::uint32_t index = free_;
    Object& object = objects_[index];
    free_ = object.links.chain;
    object = Object{};
    object.links.hash = static_cast<std::uint32_t>(hash);
    std::uint32_t& bucket = bucket_of(object.links.hash);
    object.links.chain = bucket;
    bucket = index;
    ++size_;
    return object;
  }

  /// Precondition: allocated, and in no queue.
  void release(Object& object) {
    const std::uint32_t index = index_of(object);
    std::uint32_t* link = &bucket_of(object.links.hash);
    while (*link != index) link = &objects_[*link].links.chain;
    *link = object.links.chain;
    object.links.chain = free_;
    free_ = index;
    --size_;
  }

  /// The object with this hash for which matches(const Object&) holds; nullptr when there is none.
  template <typename Matches>
  Object* find(std::uint64_t hash, Matches&& matches) {
    if (size_ == 0) return nullptr;
    const auto low = static_cast<std::uint32_t>(hash);
    for (std::uint32_t at = bucket_of(low); at != kNoObject; at = objects_[at].links.chain) {
      if (objects_[at].links.hash == low && matches(objects_[at])) return &objects_[at];
    }
    return nullptr;
  }

  /// Precondition: the queue is not empty.
  Object& oldest(const ObjectQueue& queue) { return objects_[queue.oldest]; }
  const Object& oldest(const ObjectQueue& queue) const { return objects_[queue.oldest]; }
  /// The next younger one of the same queue; nullptr behind the youngest.
  Object* younger(const Object& object) {
    return object.links.next == kNoObject ? nullptr : &objects_[object.links.next];
  }
  /// Precondition: in no queue.
  void append(ObjectQueue& queue, Object& object) {
    const std::uint32_t index = index_of(object);
    object.links.previous = queue.newest;
    object.links.next = kNoObject;
    (queue.empty() ? queue.oldest : objects_[queue.newest].links.next) = index;
    queue.newest = index;
  }
  /// Precondition: in that queue.
  void unlink(ObjectQueue& queue, const Object& object) {
    const ObjectLinks& links = object.links;
    (links.previous == kNoObject ? queue.oldest : objects_[links.previous].links.next) = links.next;
    (links.next == kNoObject ? queue.newest : objects_[links.next].links.previous) = links.previous;
  }

 private:
  std::uint32_t& bucket_of(std::uint32_t hash) { return buckets_[hash & (buckets_.size() - 1)]; }
  std::uint32_t index_of(const Object& object) const { return static_cast<std::uint32_t>(&object - objects_.data()); }

  std::vector<Object> objects_;
  std::vector<std::uint32_t> buckets_;
  std::uint32_t free_ = 0;
  std::size_t size_ = 0;
};

}  // namespace windhover::stack::tcp
