#pragma once
// The little of rtnetlink (rtnetlink(7)) that giving an interface its addresses takes, spoken directly.

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "backends/host/file.h"
#include "stack/wire/address.h"

struct nlmsghdr;

namespace windhover::backends::host {

struct LinkState {
  int index = 0;
  std::uint32_t mtu = 0;
  std::uint32_t queue_length = 0;  ///< txqueuelen, in packets.
  bool up = false;
};

/// What to change about a link; what is not set stays.
struct LinkChange {
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> queue_length;
  bool up = false;  ///< Set it up; false leaves it.
};

/// A netlink socket in the network namespace of the thread that made it. For set-up: calls wait for the kernel's
/// answer. Errors: each call returns the kernel's errno, or 0; only the constructor throws SetupError.
class RouteSocket {
 public:
  RouteSocket();

  /// The link of that name; `error` is ENODEV when there is none.
  struct Found {
    int error = 0;
    LinkState link;
  };
  Found find_link(const std::string& name);

  int change_link(int index, const LinkChange& change);

  /// True when the link has exactly this address and prefix length.
  bool has_address(int index, const stack::wire::Address& address, std::uint8_t prefix_length);
  /// Adds an address; an IPv6 one without duplicate address detection (IFA_F_NODAD). The kernel makes the local route
  /// of an IPv6 address a little later, on a worker: see delivers().
  int add_address(int index, const stack::wire::Address& address, std::uint8_t prefix_length);
  /// True when packets to the address are delivered here.
  bool delivers(const stack::wire::Address& address);

 private:
  /// Sends a request and hands each message of the answer to `each`; returns the errno of its end.
  int exchange(nlmsghdr& request, const std::function<void(const nlmsghdr&)>& each);

  File socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace windhover::backends::host
