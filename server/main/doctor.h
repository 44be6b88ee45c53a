#pragma once
// `windhover doctor`: which ways of carrying frames this machine allows, and what an operator may want to change.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/plan.h"
#include "stack/base/setup_error.h"

namespace windhover::server::main {

/// One way to carry frames, tried.
struct Rung {
  enum class Verdict : std::uint8_t {
    kAllowed,
    kRefused,
    kUntried,  ///< Nothing stands against it that shows without an interface.
  };
  std::string name;
  Verdict verdict = Verdict::kUntried;
  std::optional<stack::base::SetupError> refusal;  ///< Of kRefused: the call that failed, and the remedy.
};

/// What the machine grants to this process. Sizes in bytes.
struct Machine {
  struct Capability {
    std::string name;
    bool held = false;
  };
  std::string kernel;
  std::vector<Capability> capabilities;
  std::optional<int> unprivileged_bpf_disabled;      ///< The sysctl; nothing when there is none.
  std::optional<std::uint64_t> locked_memory_limit;  ///< RLIMIT_MEMLOCK; nothing: none.
  bool locks_without_limit = false;                  ///< CAP_IPC_LOCK.
  std::uint64_t huge_pages = 0;                      ///< Of 2 MiB, reserved.
  std::uint64_t huge_pages_free = 0;
  std::string cpus;  ///< Those that this process may use, as the kernel writes lists: "0-3,8".
  std::size_t cpu_count = 0;
  std::size_t numa_node_count = 1;
};

struct Diagnosis {
  std::vector<Rung> rungs;  ///< Best first.
  std::optional<backends::host::Interface> interface;
  std::optional<backends::xdp::Plan> plan;  ///< By default, on the interface once it is up; nothing when it is unfit.
  Machine machine;
};

/// Tries everything for real. The XDP program is loaded; with an interface it is also attached, once for each mode and
/// for some milliseconds, with nothing to match, and a socket is bound to queue 0. For TUN a device is opened and
/// closed again, for UDP a socket. Throws SetupError when there is no such interface.
Diagnosis examine(const std::optional<std::string>& interface);

/// The text for the operator, of lines of at most 110 columns as far as words let it. Ends with a newline.
std::string render(const Diagnosis& diagnosis);

/// Some rung is allowed, or untried.
bool is_usable(const Diagnosis& diagnosis);

}  // namespace windhover::server::main
