#pragma once
// How large a packet may be on the way to a destination, where that is less than our device allows (RFC 1191, RFC
// 8201).

#include <cstdint>
#include <vector>

#include "stack/base/time.h"
#include "stack/wire/address.h"

namespace windhover::stack::ip {

/// Destinations remembered; the one that would be forgotten first makes room.
inline constexpr std::size_t kPathMtuMax = 256;
/// How long a path MTU is believed (RFC 1191 6.3, RFC 8201 4).
inline constexpr base::Duration kPathMtuLifetime = std::chrono::minutes(10);
/// No path is taken to be narrower (RFC 1122 3.3.3, RFC 8200 5).
inline constexpr std::uint16_t kMtuMinV4 = 576;
inline constexpr std::uint16_t kMtuMinV6 = 1280;

/// Memory is taken at construction.
class PathMtu {
 public:
  explicit PathMtu(std::uint16_t device_mtu);

  /// The largest IP packet to `remote`, in bytes.
  std::uint16_t find(const wire::Address& remote) const { return paths_.empty() ? device_mtu_ : search(remote); }

  /// As Ip::path_mtu().
  void lower(base::Instant now, const wire::Address& remote, std::uint32_t mtu);

  /// As Ip::path_mtu_found() and Ip::knows_path_mtu().
  void found(base::Instant now, const wire::Address& remote, std::uint32_t mtu);
  bool knows(const wire::Address& remote) const;

  /// Forgets what is too old.
  void advance(base::Instant now);
  base::Instant next_deadline() const { return next_; }

  std::size_t memory_size() const { return kPathMtuMax * sizeof(Path); }

 private:
  struct Path {
    wire::Address remote;
    std::uint16_t mtu;
    base::Instant forgotten_at;
  };

  std::vector<Path>::const_iterator position(const wire::Address& remote) const;
  std::uint16_t search(const wire::Address& remote) const;
  void set(base::Instant now, const wire::Address& remote, std::uint16_t mtu);
  void set_next();

  std::uint16_t device_mtu_;
  std::vector<Path> paths_;  // By address.
  base::Instant next_ = base::kNever;
};

}  // namespace windhover::stack::ip
