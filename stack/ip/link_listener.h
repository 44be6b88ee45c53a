#pragma once
// What ARP and Neighbour Discovery hear that is not about who has which link address.

#include "stack/base/time.h"
#include "stack/wire/address.h"

namespace windhover::stack::ip {

class LinkListener {
 public:
  /// Another station has said that `address`, which is ours, is its own, or (`asked`) wants to know before it takes it.
  virtual void claimed(base::Instant now, const wire::Address& address, bool asked) = 0;
  /// The neighbour has said that it is no router.
  virtual void not_a_router(const wire::Address& neighbour) = 0;

 protected:
  ~LinkListener() = default;
};

}  // namespace windhover::stack::ip
