#include "server/main/doctor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "backends/host/file.h"

namespace windhover::server::main {
namespace {

using backends::host::Interface;
using stack::base::SetupError;
using stack::wire::Address;
using Verdict = Rung::Verdict;

constexpr std::size_t kWidthMax = 110;

/// A machine on which nothing is wanting.
Diagnosis healthy() {
  Diagnosis diagnosis;
  diagnosis.rungs = {{"AF_XDP zero-copy", Verdict::kAllowed, {}}, {"TUN", Verdict::kAllowed, {}}};
  diagnosis.machine.kernel = "6.18.44";
  diagnosis.machine.capabilities = {{"NET_RAW", true}, {"NET_ADMIN", true}};
  diagnosis.machine.unprivileged_bpf_disabled = 2;
  diagnosis.machine.locked_memory_limit = 64U << 20;
  diagnosis.machine.huge_pages = 10;
  diagnosis.machine.huge_pages_free = 9;
  diagnosis.machine.cpus = "0-1,4";
  diagnosis.machine.cpu_count = 3;
  return diagnosis;
}

Interface veth() {
  Interface interface;
  interface.index = 7;
  interface.name = "s0";
  interface.mac = *stack::wire::MacAddress::parse("02:00:00:00:00:01");
  interface.mtu = 1500;
  interface.mtu_max = 65535;
  interface.up = interface.ethernet = true;
  interface.driver = "veth";
  interface.tso = interface.transmit_checksum = true;
  interface.xdp = {.native = true, .multi_buffer = true};
  interface.addresses = {{*Address::parse("10.1.0.1"), 24, false}, {*Address::parse("fd01::1"), 64, true}};
  return interface;
}

Diagnosis on(const Interface& interface) {
  Diagnosis diagnosis = healthy();
  diagnosis.interface = interface;
  return diagnosis;
}

/// The text behind a name, without the spaces between them, up to the end of its line; "none such" without the name.
std::string value(const Diagnosis& diagnosis, std::string_view name) {
  const std::string text = render(diagnosis);
  const std::size_t at = text.find("\n  " + std::string(name) + "  ");
  if (at == std::string::npos) return "none such";
  const std::size_t begin = text.find_first_not_of(' ', at + 3 + name.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST(Doctor, page_of_a_healthy_machine) {
  EXPECT_EQ(render(healthy()),
            "Ways to carry frames, best first\n"
            "  AF_XDP zero-copy    allowed\n"
            "  TUN                 allowed\n"
            "\n"
            "Machine\n"
            "  kernel              Linux 6.18.44\n"
            "  capabilities        NET_RAW, NET_ADMIN\n"
            "  unprivileged BPF    off (kernel.unprivileged_bpf_disabled = 2); XDP needs CAP_BPF and CAP_NET_ADMIN "
            "anyway\n"
            "  locked memory       at most 64 MiB; a lane with one queue takes 16 MiB\n"
            "  huge pages          9 of 10 free; a lane takes 8 of 2 MiB\n"
            "  CPUs                3 allowed (0-1,4) on 1 NUMA node\n");
}

TEST(Doctor, refusal_names_call_error_and_remedy) {
  Diagnosis diagnosis = healthy();
  const SetupError busy("attach to s0", EBUSY, "Stop the other one.");
  diagnosis.rungs = {{"AF_XDP zero-copy", Verdict::kRefused, SetupError("AF_XDP on lo", 0, "Choose another.")},
                     {"AF_XDP native copy", Verdict::kRefused, busy},
                     {"AF_XDP generic", Verdict::kRefused, busy},
                     {"TUN", Verdict::kUntried, {}},
                     {"UDP", Verdict::kUntried, {}}};
  const std::string text = render(diagnosis);
  EXPECT_TRUE(
      text.starts_with("Ways to carry frames, best first\n"
                       "  AF_XDP zero-copy    refused: AF_XDP on lo\n"
                       "                      Choose another.\n"
                       "  AF_XDP native copy  refused: attach to s0: Device or resource busy (errno 16)\n"
                       "                      Stop the other one.\n"
                       "  AF_XDP generic      refused: as above\n"
                       "  TUN                 untried: "))
      << text;
  EXPECT_NE(text.find("\n  UDP                 untried: as above\n"), std::string::npos);
}

TEST(Doctor, machine_is_usable_while_one_way_is_not_refused) {
  Diagnosis diagnosis;
  EXPECT_FALSE(is_usable(diagnosis));
  diagnosis.rungs.push_back({"a", Verdict::kRefused, SetupError("call", EPERM, "")});
  EXPECT_FALSE(is_usable(diagnosis));
  diagnosis.rungs.push_back({"b", Verdict::kUntried, {}});
  EXPECT_TRUE(is_usable(diagnosis));
  diagnosis.rungs[1].verdict = Verdict::kAllowed;
  EXPECT_TRUE(is_usable(diagnosis));
}

TEST(Doctor, long_lines_break_between_words_and_under_their_value) {
  Diagnosis diagnosis = healthy();
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  const std::string one_word(300, 'x');
  diagnosis.rungs[0] = {"AF_XDP zero-copy", Verdict::kRefused,
                        SetupError("call", 0, words + "\n  \n  verifier " + one_word)};
  const std::string text = render(diagnosis);
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    const std::string_view line = std::string_view(text).substr(at, end - at);
    EXPECT_TRUE(line.size() <= kWidthMax || line.find("xxx") != std::string_view::npos) << line;
    EXPECT_TRUE(line.find("word") == std::string_view::npos || line.starts_with(std::string(22, ' '))) << line;
    at = end + 1;
  }
  EXPECT_GT(lines, 15u);
  EXPECT_NE(text.find("    " + one_word + "\n"), std::string::npos);
}

TEST(Doctor, missing_capabilities_are_named) {
  Diagnosis diagnosis = healthy();
  diagnosis.machine.capabilities = {{"NET_RAW", true}, {"BPF", false}, {"IPC_LOCK", false}};
  EXPECT_EQ(value(diagnosis, "capabilities"), "NET_RAW; without BPF, IPC_LOCK");
  diagnosis.machine.capabilities[0].held = false;
  EXPECT_EQ(value(diagnosis, "capabilities"), "none; without NET_RAW, BPF, IPC_LOCK");
}

TEST(Doctor, locked_memory_is_held_against_what_a_lane_takes) {
  Diagnosis diagnosis = healthy();
  diagnosis.machine.locked_memory_limit = 16U << 20;
  EXPECT_EQ(value(diagnosis, "locked memory"), "at most 16 MiB; a lane with one queue takes 16 MiB");
  diagnosis.machine.locked_memory_limit = (16U << 20) - 1;
  EXPECT_NE(render(diagnosis).find("grant CAP_IPC_LOCK"), std::string::npos);
  diagnosis.machine.locks_without_limit = true;
  EXPECT_TRUE(value(diagnosis, "locked memory").starts_with("without limit (CAP_IPC_LOCK)"));
  diagnosis.machine.locks_without_limit = false;
  diagnosis.machine.locked_memory_limit.reset();
  EXPECT_TRUE(value(diagnosis, "locked memory").starts_with("without limit;"));
}

TEST(Doctor, huge_pages_that_are_missing_come_with_the_command) {
  Diagnosis diagnosis = healthy();
  diagnosis.machine.huge_pages_free = 3;
  EXPECT_NE(render(diagnosis).find("sysctl vm.nr_hugepages=15"), std::string::npos);
}

TEST(Doctor, jumbo_frames_take_larger_chunks) {
  Diagnosis diagnosis = on(veth());
  diagnosis.plan = {.queue_count = 1, .chunk_size = 4096, .mtu = 9000, .chains = true, .accept_partial = true};
  EXPECT_EQ(value(diagnosis, "locked memory"), "at most 64 MiB; a lane with one queue takes 32 MiB");
}

TEST(Doctor, interface_tells_its_state_and_addresses) {
  Diagnosis diagnosis = on(veth());
  EXPECT_EQ(value(diagnosis, "driver"), "veth");
  EXPECT_EQ(value(diagnosis, "state"), "up, Ethernet 02:00:00:00:00:01");
  EXPECT_EQ(value(diagnosis, "addresses"), "10.1.0.1/24, fd01::1/64 (tentative)");
  EXPECT_EQ(value(diagnosis, "MTU"), "1500, at most 65535");
  EXPECT_EQ(value(diagnosis, "NUMA node"), "none");
  EXPECT_EQ(value(diagnosis, "rxChecksum auto"), "none such");
  diagnosis.interface = Interface{};
  EXPECT_EQ(value(diagnosis, "driver"), "has none to name");
  EXPECT_EQ(value(diagnosis, "state"), "down, not Ethernet");
  EXPECT_EQ(value(diagnosis, "addresses"), "none");
  EXPECT_EQ(value(diagnosis, "MTU"), "0");
}

TEST(Doctor, checksums_left_to_be_completed_are_taken_from_virtual_drivers_alone) {
  Diagnosis diagnosis = on(veth());
  diagnosis.plan = {.queue_count = 1, .chunk_size = 2048, .mtu = 1500, .chains = false, .accept_partial = true};
  EXPECT_TRUE(value(diagnosis, "rxChecksum auto").starts_with("acceptPartial"));
  diagnosis.plan->accept_partial = false;
  EXPECT_EQ(value(diagnosis, "rxChecksum auto"), "verify");
}

TEST(Doctor, queues_come_with_the_command_that_raises_them) {
  Interface interface = veth();
  EXPECT_EQ(value(on(interface), "queues"), "1 in use, and no more to have");
  interface.queues_max = 4;
  EXPECT_EQ(value(on(interface), "queues"), "1 in use, at most 4: ethtool -L s0 rx 4 tx 4");
  interface.combined_queues = true;
  EXPECT_EQ(value(on(interface), "queues"), "1 in use, at most 4: ethtool -L s0 combined 4");
  interface.receive_queues = 3;
  EXPECT_EQ(value(on(interface), "queues"),
            "3 to receive and 1 to transmit in use, at most 4: ethtool -L s0 combined 4");
}

TEST(Doctor, features_set_the_limits_of_the_mtu) {
  Interface interface = veth();
  EXPECT_EQ(value(on(interface), "MTU of each mode"), "zero-copy: not there; native copy: any; generic: any");
  EXPECT_EQ(value(on(interface), "XDP features"), "native, multi-buffer");
  interface.xdp = {.native = true, .zero_copy = true, .transmit_checksum = true};
  EXPECT_EQ(value(on(interface), "MTU of each mode"),
            "zero-copy: 3822; native copy: about 3506, no multi-buffer; generic: any");
  EXPECT_EQ(value(on(interface), "XDP features"),
            "native, zero-copy (1 buffer a packet), transmit checksum by metadata");
  interface.xdp->zero_copy_segments_max = 17;
  EXPECT_TRUE(value(on(interface), "MTU of each mode").starts_with("zero-copy: any;"));
  interface.xdp = backends::host::XdpFeatures{};
  EXPECT_EQ(value(on(interface), "MTU of each mode"), "zero-copy: not there; native copy: not there; generic: any");
  EXPECT_EQ(value(on(interface), "XDP features"), "none");
  interface.xdp.reset();
  EXPECT_TRUE(value(on(interface), "XDP features").starts_with("unknown"));
}

TEST(Doctor, segmentation_that_is_off_comes_with_the_command) {
  Interface interface = veth();
  EXPECT_TRUE(value(on(interface), "offloads on").starts_with("TCP segmentation, transmit checksum; large answers"));
  interface.tso = false;
  EXPECT_NE(value(on(interface), "offloads on").find("ethtool -K s0 tso on"), std::string::npos);
}

// ------------------------------------------------------------------------- against the kernel, in a namespace of its
// own

class Examine : public testing::Test {
 protected:
  void SetUp() override {
    before_ = backends::host::File(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (unshare(CLONE_NEWNET) == 0) return run("ip link add s0 type veth peer name c0 && ip link set s0 up");
    const char* const ci = std::getenv("CI");
    const bool must_run = ci != nullptr && std::string_view(ci) == "true" && geteuid() == 0;
    ASSERT_FALSE(must_run) << "unshare(CLONE_NEWNET): " << std::strerror(errno);
    GTEST_SKIP() << "a network namespace needs root: " << std::strerror(errno);
  }

  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(setns(before_.fd(), CLONE_NEWNET), 0);
  }

  static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

  static const Rung& rung(const Diagnosis& diagnosis, std::string_view name) {
    static const Rung none;
    const auto at = std::ranges::find(diagnosis.rungs, name, &Rung::name);
    if (at != diagnosis.rungs.end()) return *at;
    ADD_FAILURE() << "no rung " << name;
    return none;
  }

  backends::host::File before_;
};

TEST_F(Examine, veth_copies_and_has_no_zero_copy) {
  const Diagnosis diagnosis = examine("s0");
  const Rung& zero_copy = rung(diagnosis, "AF_XDP zero-copy");
  ASSERT_TRUE(zero_copy.refusal);
  EXPECT_EQ(zero_copy.refusal->error(), EOPNOTSUPP) << zero_copy.refusal->what();
  for (const char* name : {"AF_XDP native copy", "AF_XDP generic"}) {
    const Rung& copy = rung(diagnosis, name);
    EXPECT_EQ(copy.verdict, Verdict::kAllowed) << (copy.refusal ? copy.refusal->what() : "");
  }
  ASSERT_TRUE(diagnosis.plan);
  EXPECT_TRUE(diagnosis.plan->accept_partial);
  EXPECT_EQ(diagnosis.interface->name, "s0");
  run("! ip link show s0 | grep -q xdp");  // Left as it was found.
}

TEST_F(Examine, without_an_interface_nothing_is_attached) {
  const Diagnosis diagnosis = examine({});
  EXPECT_EQ(rung(diagnosis, "AF_XDP native copy").verdict, Verdict::kUntried);
  EXPECT_FALSE(diagnosis.interface);
  EXPECT_FALSE(diagnosis.machine.kernel.empty());
  EXPECT_GE(diagnosis.machine.cpu_count, 1u);
  EXPECT_TRUE(is_usable(diagnosis));
}

TEST_F(Examine, interface_that_is_down_is_described_and_refused) {
  run("ip link set s0 down");
  const Diagnosis diagnosis = examine("s0");
  const Rung& native = rung(diagnosis, "AF_XDP native copy");
  ASSERT_TRUE(native.refusal);
  EXPECT_NE(native.refusal->remedy().find("ip link set s0 up"), std::string::npos);
  EXPECT_TRUE(diagnosis.plan);
}

TEST_F(Examine, loopback_is_unfit) {
  run("ip link set lo up");
  const Diagnosis diagnosis = examine("lo");
  EXPECT_EQ(rung(diagnosis, "AF_XDP generic").verdict, Verdict::kRefused);
  EXPECT_FALSE(diagnosis.plan);
}

TEST_F(Examine, interface_that_is_not_there_is_an_error) {
  try {
    examine("s9");
    ADD_FAILURE() << "no exception";
  } catch (const SetupError& error) {
    EXPECT_EQ(error.error(), ENODEV);
  }
}

TEST_F(Examine, without_privilege_udp_is_left_and_every_refusal_says_what_is_missing) {
  ASSERT_EQ(seteuid(65534), 0);
  const Diagnosis diagnosis = examine("s0");
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(rung(diagnosis, "UDP and the portal").verdict, Verdict::kAllowed);
  for (const Rung& one : diagnosis.rungs) {
    if (one.name == "UDP and the portal") continue;
    ASSERT_TRUE(one.refusal) << one.name;
    EXPECT_TRUE(one.refusal->error() == EPERM || one.refusal->error() == EACCES) << one.refusal->what();
    EXPECT_NE(one.refusal->remedy().find("Run as root"), std::string::npos) << one.refusal->what();
  }
  EXPECT_TRUE(is_usable(diagnosis));
  EXPECT_EQ(diagnosis.interface->driver, "veth");
  EXPECT_TRUE(std::ranges::none_of(diagnosis.machine.capabilities, &Machine::Capability::held));
}

}  // namespace
}  // namespace windhover::server::main
