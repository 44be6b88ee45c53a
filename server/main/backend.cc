#include "server/main/backend.h"

#include "stack/base/setup_error.h"

namespace windhover::server::main {
namespace {

[[noreturn, maybe_unused]] void refuse(const char* what, const char* option) {
  throw stack::base::SetupError(
      std::string(what) + " is not built into this program", 0,
      std::string("Build it with -D") + option + "=ON (Linux), or name another backend.type.");
}

}  // namespace

std::unique_ptr<Backend> open_backend(const Settings& settings) {
  switch (settings.backend) {
    case BackendType::kAuto:
      break;
    case BackendType::kUdp:
      return open_udp_backend(settings);
    case BackendType::kTun:
#if WINDHOVER_WITH_TUN
      return open_tun_backend(settings);
#else
      refuse("TUN", "WINDHOVER_WITH_TUN");
#endif
    case BackendType::kXdp:
#if WINDHOVER_WITH_XDP
      return open_xdp_backend(settings);
#else
      refuse("AF_XDP", "WINDHOVER_WITH_XDP");
#endif
  }
  return nullptr;
}

}  // namespace windhover::server::main
