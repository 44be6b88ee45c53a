#pragma once
// From a segment's endpoints to its connection: a keyed hash table without chains.

#include <cstdint>
#include <vector>

#include "stack/base/pool.h"
#include "stack/tcp/app.h"

namespace windhover::stack::tcp {

class Tcb;

/// Open addressing with linear probing; a removal shifts the run back, so there are no tombstones. At most half full:
/// sixteen bytes a connection. Does not own the connections. Thread: one lane. Memory is taken at construction.
class FlowTable {
 public:
  /// For the connections of `pool`, which must outlive this.
  explicit FlowTable(const base::Pool<Tcb>& pool);

  /// `hash` is flow_hash() of the endpoints.
  Tcb* find(std::uint64_t hash, const Endpoint& local, const Endpoint& remote) const;
  /// Precondition: not there yet.
  void insert(std::uint64_t hash, Tcb& tcb);
  /// Precondition: it is there.
  void erase(std::uint64_t hash, const Tcb& tcb);

  /// Some connection of the table, nullptr when it is empty; erasing what it yields until then visits each once in
  /// linear time.
  Tcb* any();

  std::size_t size() const { return size_; }
  std::size_t memory_size() const { return slots_.size() * sizeof(Slot); }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  struct Slot {
    std::uint32_t hash = 0;  // Its low half.
    std::uint32_t index = kNone;
  };
  std::size_t home(std::uint64_t hash) const { return hash & mask_; }

  const base::Pool<Tcb>& pool_;
  std::vector<Slot> slots_;
  std::size_t mask_;
  std::size_t size_ = 0;
  std::size_t any_ = 0;  // Where any() looked last.
};

}  // namespace windhover::stack::tcp
