#pragma once
// Everything of one lane but its thread: the device with what stands around it, the stack, the HTTP server.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/impair/impair.h"
#include "backends/pcap/pcap.h"
#include "server/http/server.h"
#include "server/main/backend.h"
#include "server/main/settings.h"
#include "stack/lane/stack.h"

namespace windhover::server::main {

/// Which lane of how many.
struct LaneNumber {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
  std::string_view label{};  ///< Of a lane beside those that are counted.
};

/// "a.pcapng", or with several lanes "a-1.pcapng" for the second; with a label "a-portal.pcapng".
std::string capture_path(const std::string& path, LaneNumber lane);

/// Made before the lane's thread starts, and undone after it has ended: connections end in the stack before the HTTP
/// server that answers them, and both before the device.
class LaneParts {
 public:
  /// `backend` and `responder` must outlive this. The endpoints are listened on. Throws SetupError.
  LaneParts(const Settings& settings, Backend& backend, LaneNumber lane, const stack::tcp::Keys& keys,
            http::Responder& responder);

  stack::link::Device& device();
  stack::lane::Stack& stack() { return stack_; }
  const stack::lane::Stack& stack() const { return stack_; }
  http::Server& http() { return http_; }
  const http::Server& http() const { return http_; }
  const std::vector<stack::tcp::Endpoint>& listeners() const { return listeners_; }
  /// nullptr unless the lane is captured.
  const backends::pcap::Pcap* capture() const { return pcap_.get(); }

 private:
  /// The capture is nearest to the stack: it shows what the stack sees, the bad line included.
  stack::link::Device& wrap(const Settings& settings, LaneNumber lane);

  stack::link::Device& below_;
  std::unique_ptr<backends::impair::Impair> impair_;
  std::unique_ptr<backends::pcap::Pcap> pcap_;
  http::Server http_;
  stack::lane::Stack stack_;
  std::vector<stack::tcp::Endpoint> listeners_;
};

}  // namespace windhover::server::main
