#include "server/main/backend.h"

namespace windhover::server::main {

std::unique_ptr<Backend> open_backend(const Settings& settings) {
  switch (settings.backend) {
    case BackendType::kAuto:
      break;
    case BackendType::kTun:
      return open_tun_backend(settings);
    case BackendType::kUdp:
      return open_udp_backend(settings);
    case BackendType::kXdp:
      return open_xdp_backend(settings);
  }
  return nullptr;
}

}  // namespace windhover::server::main
