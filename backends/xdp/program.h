#pragma once
// The XDP program (bpf/steer.bpf.c), loaded, filled and attached.
//
// It is built into the binary as bytecode; loading it needs CAP_BPF and CAP_NET_ADMIN, attaching CAP_NET_ADMIN. The
// attachment is a BPF link: it goes when its last descriptor is closed, so an interface is clean after any end of the
// process. What is set and read later needs no capability.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "stack/wire/address.h"

namespace windhover::backends::xdp {

enum class Attach : std::uint8_t { kNative, kGeneric };

/// Whose an address is.
enum class Role : std::uint8_t {
  kOwned,      ///< The stack's alone: everything to it, ARP and NDP included, is steered.
  kShared,     ///< The host's; only TCP to taken ports is steered, and ICMP errors about such flows.
  kTunnelled,  ///< A service address behind a balancer: as kShared, and only inside of IPIP or IP6IP6.
};

struct SteeredAddress {
  stack::wire::Address address;
  Role role = Role::kShared;
};

/// What belongs to us.
struct Steering {
  std::vector<SteeredAddress> addresses;
  std::vector<stack::wire::Endpoint> endpoints;  ///< Taken ports; each address is one of `addresses`.
  bool tunnels = false;                          ///< Tunnels may end at the owned and shared addresses.
};

/// Since the program was loaded, over all CPUs. bpf/steer_abi.h says what each counts.
struct ProgramStatistics {
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t redirected = 0;
  std::uint64_t passed = 0;
  std::uint64_t dropped = 0;
  std::uint64_t malformed = 0;
  std::uint64_t decapsulated = 0;
  std::uint64_t no_socket = 0;
};

/// Thread: any one at a time. Errors: SetupError, with the remedy.
class Program {
 public:
  /// Loads it and fills its maps. Precondition: steering fits the bounds of bpf/steer_abi.h, or SetupError.
  explicit Program(const Steering& steering);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Attaches to an interface, for as long as this lives or until detach().
  void attach(int interface_index, const std::string& interface_name, Attach mode);
  void detach();

  /// Frames of that queue go to the socket from now on; until then they are the kernel's.
  void set_socket(std::uint32_t queue, int socket_fd);

  ProgramStatistics statistics() const;
  /// For BPF_PROG_TEST_RUN.
  int program_fd() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::backends::xdp
