#include "server/main/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <system_error>

#include "backends/xdp/config.h"
#include "stack/wire/ethernet.h"

namespace windhover::server::main {
namespace {

using backends::host::Interface;
using backends::host::XdpFeatures;

constexpr std::size_t kIndent = 2;
constexpr std::size_t kNameWidth = 20;
constexpr std::size_t kWidth = 110;

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kHugePageSize = 2 * kMebibyte;

/// A UMEM chunk where no interface says otherwise: an MTU of 1500.
constexpr std::uint32_t kChunkSize = 2048;
/// The largest chunk: a page.
constexpr std::uint32_t kChunkSizeMax = 4096;

/// What is left of a page for a packet where a driver takes no packet of several buffers; the exact number is the
/// driver's.
constexpr std::uint32_t kPageMtu = 3506;

class Page {
 public:
  void heading(std::string_view text) { text_ += fmt::format("{}{}\n", text_.empty() ? "" : "\n", text); }
  /// A name and what there is to say, wrapped between words. Its line breaks are kept, its empty lines are not.
  void line(std::string_view name, std::string_view value) {
    std::string at = fmt::format("{:{}}{:<{}}", "", kIndent, name, kNameWidth);
    while (true) {
      const std::size_t end = std::min(value.find('\n'), value.size());
      const std::string_view text = value.substr(0, end);
      if (text.find_first_not_of(' ') != std::string_view::npos) {
        wrap(std::move(at), text);
        at.assign(kIndent + kNameWidth, ' ');
      }
      if (end == value.size()) return;
      value.remove_prefix(end + 1);
    }
  }
  std::string take() { return std::move(text_); }

 private:
  void wrap(std::string at, std::string_view text) {
    const std::size_t room = kWidth - kIndent - kNameWidth;
    while (text.size() > room) {
      std::size_t end = text.rfind(' ', room);
      if (end == std::string_view::npos || end == 0) end = text.find(' ', room);
      if (end == std::string_view::npos) break;
      text_.append(at).append(text.substr(0, end)).append("\n");
      text.remove_prefix(end + 1);
      at.assign(kIndent + kNameWidth, ' ');
    }
    text_.append(at).append(text).append("\n");
  }

  std::string text_;
};

std::string mebibytes(std::uint64_t size) {
  if (size % kMebibyte == 0) return fmt::format("{} MiB", size / kMebibyte);
  return fmt::format("{:.1f} MiB", static_cast<double>(size) / static_cast<double>(kMebibyte));
}

std::string joined(const std::vector<std::string>& parts) {
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

/// Of a lane that has one queue.
std::uint64_t umem_size(const Diagnosis& diagnosis) {
  const backends::xdp::Config config;
  const std::uint32_t chunk_size = diagnosis.plan ? diagnosis.plan->chunk_size : kChunkSize;
  return std::uint64_t{config.receive_frames + config.transmit_frames} * chunk_size;
}

std::string verdict(const Rung& rung) {
  switch (rung.verdict) {
    case Rung::Verdict::kAllowed:
      return "allowed";
    case Rung::Verdict::kRefused:
      break;
    case Rung::Verdict::kUntried:
      return "untried: the program loads and AF_XDP opens; --interface IF tries the rest";
  }
  if (!rung.refusal) return "refused";
  const int error = rung.refusal->error();
  const std::string why =
      error == 0 ? "" : fmt::format(": {} (errno {})", std::generic_category().message(error), error);
  return fmt::format("refused: {}{}\n{}", rung.refusal->call(), why, rung.refusal->remedy());
}

void render_rungs(const std::vector<Rung>& rungs, Page& page) {
  page.heading("Ways to carry frames, best first");
  std::string before;
  for (const Rung& rung : rungs) {
    const std::string text = verdict(rung);
    const bool repeats = rung.verdict != Rung::Verdict::kAllowed && text == before;
    page.line(rung.name, repeats ? text.substr(0, text.find(':')) + ": as above" : text);
    before = text;
  }
}

std::string addresses(const Interface& interface) {
  std::vector<std::string> parts;
  for (const auto& assigned : interface.addresses) {
    parts.push_back(fmt::format("{}/{}{}", assigned.address.to_string(), assigned.prefix_length,
                                assigned.tentative ? " (tentative)" : ""));
  }
  return joined(parts);
}

std::string queues(const Interface& interface) {
  std::string text =
      interface.receive_queues == interface.transmit_queues
          ? fmt::format("{} in use", interface.receive_queues)
          : fmt::format("{} to receive and {} to transmit in use", interface.receive_queues, interface.transmit_queues);
  const std::uint32_t most = interface.queues_max;
  if (most <= std::min(interface.receive_queues, interface.transmit_queues)) return text + ", and no more to have";
  const std::string kinds =
      interface.combined_queues ? fmt::format("combined {}", most) : fmt::format("rx {0} tx {0}", most);
  return text + fmt::format(", at most {}: ethtool -L {} {}", most, interface.name, kinds);
}

std::string zero_copy_limit(const XdpFeatures& features) {
  if (!features.zero_copy) return "zero-copy: not there";
  if (features.zero_copy_segments_max > 1) return "zero-copy: any";
#if WINDHOVER_WITH_XDP
  return fmt::format("zero-copy: {}",
                     backends::xdp::receive_room(kChunkSizeMax) - stack::wire::EthernetView::kTaggedSize);
#else
  return fmt::format("zero-copy: less than {}", kChunkSizeMax);
#endif
}

std::string mtu_limits(const std::optional<XdpFeatures>& features) {
  if (!features) return "generic: any; this kernel does not say what the driver takes (Linux 6.3 does)";
  std::string native = "not there";
  if (features->native) native = features->multi_buffer ? "any" : fmt::format("about {}, no multi-buffer", kPageMtu);
  return fmt::format("{}; native copy: {}; generic: any", zero_copy_limit(*features), native);
}

std::string xdp_features(const std::optional<XdpFeatures>& features) {
  if (!features) return "unknown: this kernel does not say (Linux 6.3 does)";
  std::vector<std::string> parts;
  if (features->native) parts.emplace_back("native");
  if (features->multi_buffer) parts.emplace_back("multi-buffer");
  if (features->zero_copy)
    parts.push_back(fmt::format("zero-copy ({} buffer{} a packet)", features->zero_copy_segments_max,
                                features->zero_copy_segments_max == 1 ? "" : "s"));
  if (features->transmit_checksum) parts.emplace_back("transmit checksum by metadata");
  return joined(parts);
}

std::string offloads(const Interface& interface) {
  std::vector<std::string> parts;
  if (interface.tso) parts.emplace_back("TCP segmentation");
  if (interface.transmit_checksum) parts.emplace_back("transmit checksum");
  std::string text = joined(parts);
  text += interface.tso ? "; large answers leave as super-frames when copying"
                        : fmt::format("; large answers leave segment by segment: ethtool -K {} tso on", interface.name);
  return text;
}

void render_interface(const Interface& interface, const std::optional<backends::xdp::Plan>& plan, Page& page) {
  page.heading("Interface " + interface.name);
  page.line("driver", interface.driver.empty() ? "has none to name" : interface.driver);
  page.line("state", fmt::format("{}, {}", interface.up ? "up" : "down",
                                 interface.ethernet ? "Ethernet " + interface.mac.to_string() : "not Ethernet"));
  page.line("addresses", addresses(interface));
  page.line("MTU", interface.mtu_max == 0 ? fmt::format("{}", interface.mtu)
                                          : fmt::format("{}, at most {}", interface.mtu, interface.mtu_max));
  page.line("MTU of each mode", mtu_limits(interface.xdp));
  page.line("queues", queues(interface));
  page.line("offloads on", offloads(interface));
  page.line("XDP features", xdp_features(interface.xdp));
  if (plan) {
    page.line("rxChecksum auto", plan->accept_partial ? "acceptPartial: a virtual driver, whose senders may leave "
                                                        "checksums to be completed"
                                                      : "verify");
  }
  page.line("NUMA node", interface.numa_node ? fmt::format("{}", *interface.numa_node) : "none");
}

std::string capabilities(const std::vector<Machine::Capability>& all) {
  std::vector<std::string> held;
  std::vector<std::string> missing;
  for (const Machine::Capability& one : all) (one.held ? held : missing).push_back(one.name);
  if (missing.empty()) return joined(held);
  return fmt::format("{}; without {}", joined(held), joined(missing));
}

std::string locked_memory(const Machine& machine, std::uint64_t needed) {
  const std::string takes = fmt::format("a lane with one queue takes {}", mebibytes(needed));
  if (machine.locks_without_limit) return fmt::format("without limit (CAP_IPC_LOCK); {}", takes);
  if (!machine.locked_memory_limit) return fmt::format("without limit; {}", takes);
  const std::string limit = fmt::format("at most {}; {}", mebibytes(*machine.locked_memory_limit), takes);
  if (*machine.locked_memory_limit >= needed) return limit;
  return limit + ": grant CAP_IPC_LOCK, or raise it (ulimit -l; systemd: LimitMEMLOCK=)";
}

std::string huge_pages(const Machine& machine, std::uint64_t needed) {
  const std::uint64_t count = (needed + kHugePageSize - 1) / kHugePageSize;
  const std::string text =
      fmt::format("{} of {} free; a lane takes {} of 2 MiB", machine.huge_pages_free, machine.huge_pages, count);
  if (machine.huge_pages_free >= count) return text;
  return text + fmt::format(", or else ordinary pages: sysctl vm.nr_hugepages={}",
                            machine.huge_pages + count - machine.huge_pages_free);
}

void render_machine(const Machine& machine, std::uint64_t needed, Page& page) {
  page.heading("Machine");
  page.line("kernel", "Linux " + machine.kernel);
  page.line("capabilities", capabilities(machine.capabilities));
  if (machine.unprivileged_bpf_disabled) {
    page.line("unprivileged BPF",
              fmt::format("{} (kernel.unprivileged_bpf_disabled = {}); XDP needs CAP_BPF and CAP_NET_ADMIN anyway",
                          *machine.unprivileged_bpf_disabled == 0 ? "on" : "off", *machine.unprivileged_bpf_disabled));
  }
  page.line("locked memory", locked_memory(machine, needed));
  page.line("huge pages", huge_pages(machine, needed));
  page.line("CPUs", fmt::format("{} allowed ({}) on {} NUMA node{}", machine.cpu_count, machine.cpus,
                                machine.numa_node_count, machine.numa_node_count == 1 ? "" : "s"));
}

}  // namespace

std::string render(const Diagnosis& diagnosis) {
  Page page;
  render_rungs(diagnosis.rungs, page);
  if (diagnosis.interface) render_interface(*diagnosis.interface, diagnosis.plan, page);
  render_machine(diagnosis.machine, umem_size(diagnosis), page);
  return page.take();
}

bool is_usable(const Diagnosis& diagnosis) {
  return std::ranges::any_of(diagnosis.rungs, [](const Rung& rung) { return rung.verdict != Rung::Verdict::kRefused; });
}

}  // namespace windhover::server::main
