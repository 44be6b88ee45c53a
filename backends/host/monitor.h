#pragma once
// Changes of one network interface while we run, as the kernel tells them (rtnetlink's multicast groups).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/host/assigned_address.h"
#include "backends/host/interface.h"
#include "backends/host/netlink.h"

struct nlmsghdr;

namespace windhover::backends::host {

struct Change {
  enum class Kind : std::uint8_t {
    kDown,       ///< Administratively, and its carrier with it.
    kUp,         ///< Administratively; the carrier comes by itself.
    kNoCarrier,  ///< While it is up: the cable, or what is at its other end.
    kCarrier,
    kMtu,             ///< `mtu` is the new one.
    kAddressAdded,    ///< `address` can be used: an IPv6 one comes when duplicate address detection has ended well.
    kAddressRemoved,  ///< `address` cannot be used any more.
    kGone,            ///< The interface was deleted or left the network namespace. Nothing comes after this.
  };
  Kind kind;
  std::uint32_t mtu = 0;
  AssignedAddress address;

  bool operator==(const Change&) const = default;
};

/// Tells what differs from a snapshot, and from then on what changes: each change once, in order, and what is undone
/// before it is read perhaps never. When changes come faster than they are read and the kernel drops some, the whole
/// interface is asked again. In the network namespace of the thread that made it. Needs no privilege. Thread: any one
/// at a time; it takes memory, so not a lane while it is busy.
class Monitor {
 public:
  /// `known` is what query_interface() said. Throws SetupError.
  explicit Monitor(const Interface& known);

  /// Readable when there may be something to read. The first read() is worth its call without that: it tells what
  /// changed between the snapshot and now.
  int fd() const { return socket_.fd(); }

  /// Never blocks on the socket. What one call does not take, for there is a bound, the next one does: fd() stays
  /// readable.
  std::vector<Change> read();

 private:
  void query(std::vector<Change>& changes);
  void take(const nlmsghdr& message, std::vector<Change>& changes);
  void take_link(const LinkState& link, std::vector<Change>& changes);
  void take_address(const AssignedAddress& address, bool there, std::vector<Change>& changes);
  void take_end(std::vector<Change>& changes);

  File socket_;
  RouteSocket route_;
  int index_;
  bool up_;
  bool carrier_;
  std::uint32_t mtu_;
  std::vector<AssignedAddress> addresses_;  // Those that can be used.
  bool gone_ = false;
  bool query_due_ = true;
};

}  // namespace windhover::backends::host
