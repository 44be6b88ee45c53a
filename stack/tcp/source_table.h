#pragma once
// How many connections each source has: the cap that keeps one of them from taking every slot.

#include <cstdint>
#include <vector>

#include "stack/base/siphash.h"
#include "stack/wire/address.h"

namespace windhover::stack::tcp {

/// Counts connections by source: an IPv4 address, or the /64 of an IPv6 address, for a host has all of that to itself.
/// Open addressing with linear probing under a keyed hash; a removal shifts the run back. A cap of zero limits nothing
/// and takes no memory. Thread: one lane. Memory is taken at construction.
class SourceTable {
 public:
  /// `connections_max` bounds the connections, and so the sources, that are counted at once.
  SourceTable(const base::SipKey& key, std::uint32_t cap, std::uint32_t connections_max);

  /// Whether `source` may have one connection more.
  bool admits(const wire::Address& source) const;
  /// Precondition: admits(), and fewer than connections_max are counted.
  void add(const wire::Address& source);
  /// Precondition: added.
  void remove(const wire::Address& source);

  /// Connections of `source`; zero where nothing is limited.
  std::uint32_t count(const wire::Address& source) const;
  std::size_t memory_size() const { return slots_.size() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint64_t source = 0;
    std::uint32_t count = 0;  // Zero: free.
  };
  std::size_t home(std::uint64_t source) const;
  /// Where the source is, or would be put.
  std::size_t place(std::uint64_t source) const;

  base::SipKey key_;
  std::uint32_t cap_;
  std::vector<Slot> slots_;
};

}  // namespace windhover::stack::tcp
