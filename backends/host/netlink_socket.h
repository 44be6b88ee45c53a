#pragma once
// A netlink socket that asks the kernel and waits for its answer.

#include <linux/netlink.h>

#include <cstdint>
#include <functional>

#include "backends/host/file.h"

namespace windhover::backends::host {

/// In the network namespace of the thread that made it. For set-up and for what is rare: a call takes memory and waits
/// for the kernel. Thread: any one at a time.
class NetlinkSocket {
 public:
  /// A protocol such as NETLINK_ROUTE; `name` is its name for messages. Throws SetupError.
  NetlinkSocket(int protocol, const char* name);

  /// Sends a request and hands each message of the answer to `each`. Returns the errno of its end, 0 when all is well;
  /// EINTR when what a dump listed changed meanwhile, so that asking again is wise.
  int exchange(nlmsghdr& request, const std::function<void(const nlmsghdr&)>& each);

  int fd() const { return file_.fd(); }

 private:
  File file_;
  std::uint32_t sequence_ = 0;
};

}  // namespace windhover::backends::host
