#include "backends/xdp/program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <steer.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <map>
#include <string_view>

#include "backends/host/file.h"
#include "bpf/steer_abi.h"
#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;
using stack::wire::Address;
using stack::wire::Endpoint;

constexpr std::string_view kCapabilities =
    "Run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF: setcap cap_net_raw,cap_net_admin,cap_bpf+ep on the "
    "program, AmbientCapabilities= in a systemd unit, --cap-add in a container (CAP_SYS_ADMIN where it does not know "
    "CAP_BPF).";

/// What libbpf says while one of these lives; it is silent at all other times. Only the end is kept: a verifier's log
/// is long, and says at its end what it did not like.
class LibraryLog {
 public:
  LibraryLog() : before_(libbpf_set_print(&LibraryLog::append)) { text_.clear(); }
  ~LibraryLog() { libbpf_set_print(before_); }
  LibraryLog(const LibraryLog&) = delete;
  LibraryLog& operator=(const LibraryLog&) = delete;

  /// The last few lines, indented; empty when nothing was said.
  static std::string last_lines() {
    std::string_view rest = text_;
    while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
    std::size_t from = rest.size();
    for (int lines = 0; lines < kLines && from != std::string_view::npos && from > 0; ++lines)
      from = rest.rfind('\n', from - 1);
    std::string found;
    for (const char c : rest.substr(from == std::string_view::npos ? 0 : from)) {
      found += c;
      if (c == '\n') found += "    ";
    }
    return found;
  }

 private:
  static constexpr std::size_t kSizeMax = 16384;
  static constexpr int kLines = 12;

  static int append(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char line[kSizeMax];
    const int size = std::vsnprintf(line, sizeof line, format, arguments);
    text_ += line;
    if (text_.size() > kSizeMax) text_.erase(0, text_.size() - kSizeMax);
    return size;
  }

  static inline thread_local std::string text_;
  libbpf_print_fn_t before_;
};

std::string remedy_for_load(int error) {
  if (error == EPERM) return std::string(kCapabilities);
  std::string remedy =
      "The kernel does not take the program. It needs Linux 5.18 or later with CONFIG_BPF_SYSCALL and "
      "CONFIG_XDP_SOCKETS; elsewhere, choose another backend.";
  if (error == ENOMEM)
    remedy = "The kernel has no memory for the program and its maps: raise RLIMIT_MEMLOCK, or free some.";
  const std::string said = LibraryLog::last_lines();
  if (!said.empty()) remedy += "\n  The kernel said:\n    " + said;
  return remedy;
}

std::string remedy_for_attach(const std::string& name, Attach mode, int error) {
  const std::string generic = mode == Attach::kNative ? ", or choose the generic mode, which asks nothing of it" : "";
  switch (error) {
    case EPERM:
      return std::string(kCapabilities);
    case EBUSY:
    case EEXIST:
      return "Another XDP program is attached. See whose it is: ip link show " + name +
             ", bpftool link. Then stop that process, or take the program off: ip link set " + name + " xdp off.";
    case ENOSPC:
      return "It has too few receive queues for native XDP: a veth needs as many as its peer has transmit queues. "
             "Set them: ethtool -L " +
             name + " rx N, with the peer's N (ethtool -l PEER)" + generic + ".";
    case ERANGE:
      return "The MTU of the peer is too large for native XDP: lower it (ip link set PEER mtu 1500)" + generic + ".";
    case EOPNOTSUPP:
      return mode == Attach::kNative ? "The driver has no native XDP, or not in this state: ethtool -K " + name +
                                           " lro off gro-hw off may help. Otherwise choose the generic mode."
                                     : "This kernel has no generic XDP: choose another backend.";
    case EINVAL:
    case ENOMEM:
      return "The driver refuses (the kernel's log, dmesg, may say why). Often it is the MTU (ip link set " + name +
             " mtu 1500), LRO (ethtool -K " + name + " lro off) or too many queues (ethtool -L " + name +
             " combined N)" + generic + ".";
    case ENODEV:
      return "The interface is gone: ip link show " + name + ".";
    default:
      return "Look at the interface: ip -details link show " + name + ".";
  }
}

wh_address to_octets(const Address& address) {
  wh_address octets{};
  std::copy(address.mapped().begin(), address.mapped().end(), octets.octets);
  return octets;
}

std::uint32_t flags_of(Role role, bool tunnels) {
  const std::uint32_t endpoint = tunnels ? WH_ADDRESS_ENDPOINT : 0;
  switch (role) {
    case Role::kOwned:
      return WH_ADDRESS_OWNED | endpoint;
    case Role::kShared:
      return WH_ADDRESS_SHARED | endpoint;
    case Role::kTunnelled:
      return WH_ADDRESS_TUNNELLED;
  }
  return 0;
}

void check_bound(std::string_view what, std::size_t count, std::size_t most) {
  if (count <= most) return;
  throw SetupError(std::to_string(count) + " " + std::string(what), E2BIG,
                   "The XDP program knows at most " + std::to_string(most) + ": take some out of the configuration.");
}

template <typename Key>
void put(const bpf_map* map, const Key& key, std::uint32_t value) {
  const int error = -bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY);
  if (error != 0) throw SetupError("fill " + std::string(bpf_map__name(map)), error, remedy_for_load(error));
}

void fill(const steer& program, const Steering& steering) {
  check_bound("addresses", steering.addresses.size(), WH_ADDRESSES_MAX);
  check_bound("addresses and ports", steering.endpoints.size(), WH_ENDPOINTS_MAX);
  std::map<Address, std::uint32_t> flags;
  for (const SteeredAddress& steered : steering.addresses)
    flags[steered.address] |= flags_of(steered.role, steering.tunnels);
  for (const auto& [address, value] : flags) put(program.maps.wh_addresses, to_octets(address), value);
  for (const Endpoint& endpoint : steering.endpoints) {
    const auto found = flags.find(endpoint.address);
    CHECK(found != flags.end());
    put(program.maps.wh_endpoints, wh_endpoint{to_octets(endpoint.address), endpoint.port, 0}, found->second);
  }
}

}  // namespace

struct Program::Parts {
  struct Destroy {
    void operator()(steer* loaded) const { steer::destroy(loaded); }
  };
  std::unique_ptr<steer, Destroy> program;
  host::File link;
};

Program::Program(const Steering& steering) : parts_(std::make_unique<Parts>()) {
  const LibraryLog log;
  parts_->program.reset(steer::open());
  if (!parts_->program) throw SetupError("read the XDP program", errno, remedy_for_load(errno));
  const int error = -steer::load(parts_->program.get());
  if (error != 0) throw SetupError("load the XDP program", error, remedy_for_load(error));
  fill(*parts_->program, steering);
}

Program::~Program() = default;

void Program::attach(int interface_index, const std::string& interface_name, Attach mode) {
  CHECK(parts_->link.fd() < 0);
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = mode == Attach::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int link = bpf_link_create(program_fd(), interface_index, BPF_XDP, &options);
  if (link < 0) {
    char name[IF_NAMESIZE];
    // The kernel calls an interface that is not there EINVAL, like much else.
    const int error = if_indextoname(static_cast<unsigned>(interface_index), name) == nullptr ? ENODEV : -link;
    const std::string how = mode == Attach::kNative ? " (native)" : " (generic)";
    throw SetupError("attach the XDP program to " + interface_name + how, error,
                     remedy_for_attach(interface_name, mode, error));
  }
  parts_->link = host::File(link);
}

void Program::detach() { parts_->link = host::File(); }

void Program::set_socket(std::uint32_t queue, int socket_fd) {
  if (queue >= WH_QUEUES_MAX) {
    throw SetupError("queue " + std::to_string(queue), E2BIG,
                     "The XDP program knows " + std::to_string(WH_QUEUES_MAX) +
                         " queues: use fewer (ethtool -L IF combined " + std::to_string(WH_QUEUES_MAX) + ").");
  }
  const int error = -bpf_map__update_elem(parts_->program->maps.wh_sockets, &queue, sizeof queue, &socket_fd,
                                          sizeof socket_fd, BPF_ANY);
  if (error != 0) {
    throw SetupError("hand queue " + std::to_string(queue) + " to its socket", error,
                     "The kernel refuses the socket: stop other programs that use AF_XDP on this interface.");
  }
}

ProgramStatistics Program::statistics() const {
  const int cpus = libbpf_num_possible_cpus();
  ProgramStatistics sum;
  if (cpus <= 0) return sum;
  std::vector<wh_statistics> each(static_cast<std::size_t>(cpus));
  const std::uint32_t zero = 0;
  if (bpf_map__lookup_elem(parts_->program->maps.wh_statistics, &zero, sizeof zero, each.data(),
                           each.size() * sizeof(wh_statistics), 0) != 0) {
    return sum;
  }
  for (const wh_statistics& one : each) {
    sum.rx_packets += one.rx_packets;
    sum.rx_bytes += one.rx_bytes;
    sum.redirected += one.redirected;
    sum.passed += one.passed;
    sum.dropped += one.dropped;
    sum.malformed += one.malformed;
    sum.decapsulated += one.decapsulated;
    sum.no_socket += one.no_socket;
  }
  return sum;
}

int Program::program_fd() const { return bpf_program__fd(parts_->program->progs.wh_steer); }

}  // namespace windhover::backends::xdp
