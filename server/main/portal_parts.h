#pragma once
// The portal with all that it takes: a link of its own between two stacks of this process, over an ordinary UDP socket
// on loopback at each end, the lane that serves at one end, and the client stack with the portal at the other.
//
//   a browser -- kernel -- portal -- client stack 10.66.0.1 -- VXLAN on 127.0.0.1 -- 10.66.0.2 stack -- HTTP
//
// The link is the portal's alone, whatever else carries frames for the server: nothing needs a privilege, addresses
// and ports collide with nobody's, and any number of servers can run side by side.

#include <memory>
#include <string>
#include <vector>

#include "backends/udp/udp.h"
#include "server/main/backend.h"
#include "server/main/lane_parts.h"
#include "server/main/settings.h"
#include "server/portal/portal.h"
#include "stack/lane/stack.h"

namespace windhover::server::main {

/// Made before the threads start, and undone after they have ended: the client's end before the server's.
class PortalParts {
 public:
  /// `responder` must outlive this. `accompanied`: other lanes than the portal's serve too. Throws SetupError: a port
  /// that was asked for is taken (EADDRINUSE).
  PortalParts(const Settings& settings, const stack::tcp::Keys& keys, http::Responder& responder, bool accompanied);
  ~PortalParts();
  PortalParts(const PortalParts&) = delete;
  PortalParts& operator=(const PortalParts&) = delete;

  /// The server's end: one lane.
  Backend& backend();
  LaneParts& lane();
  LaneNumber number() const { return number_; }
  /// The client's end.
  stack::lane::Stack& client();
  stack::link::Device& client_device();
  int client_failure() const;
  portal::Portal& portal();
  const portal::Portal& portal() const;

  /// Where a browser goes: "http://localhost:8080".
  const std::string& url() const;
  /// What is other than was to be expected, each a sentence.
  const std::vector<std::string>& notes() const;
  /// Bytes taken by the portal, its stack and the devices.
  std::size_t memory_size() const;

 private:
  class Link;
  class Client;

  LaneNumber number_;
  std::unique_ptr<Link> link_;
  std::unique_ptr<LaneParts> lane_;
  std::unique_ptr<Client> client_;
};

}  // namespace windhover::server::main
