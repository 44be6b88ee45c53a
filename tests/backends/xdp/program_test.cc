// Loading, attaching and leaving, against the kernel on veth. What the program does with packets: tests/bpf.

#include "backends/xdp/program.h"

#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <functional>
#include <optional>

#include "bpf/steer_abi.h"
#include "stack/base/setup_error.h"
#include "tests/backends/xdp/veth.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;
using stack::wire::Address;

const Address kAddress = Address::v4(0x0a5d0101);
const Steering kSteering{.addresses = {{kAddress, Role::kShared}}, .endpoints = {{kAddress, 8080}}, .tunnels = false};

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::optional<SetupError> refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const SetupError& error) {
    return error;
  }
  return {};
}

class ProgramTest : public VethTest {
 protected:
  void SetUp() override {
    VethTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto error = refusal([] { const Program program(kSteering); });
    if (!error) return;
    const char* const ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << error->what();
    GTEST_SKIP() << error->what();
  }

  bool is_attached(Attach mode) const {
    bpf_xdp_query_opts options{};
    options.sz = sizeof options;
    EXPECT_EQ(bpf_xdp_query(index_, mode == Attach::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE, &options), 0);
    return (mode == Attach::kNative ? options.drv_prog_id : options.skb_prog_id) != 0;
  }
};

TEST_F(ProgramTest, is_attached_until_it_detaches_or_ends) {
  for (const Attach mode : {Attach::kNative, Attach::kGeneric}) {
    {
      Program program(kSteering);
      EXPECT_FALSE(is_attached(mode));
      program.attach(index_, "s0", mode);
      EXPECT_TRUE(is_attached(mode));
      program.detach();
      EXPECT_FALSE(is_attached(mode));
      program.attach(index_, "s0", mode);
      EXPECT_TRUE(is_attached(mode));
    }
    EXPECT_FALSE(is_attached(mode));
  }
}

TEST_F(ProgramTest, a_second_program_is_refused_and_told_how_to_take_the_first_off) {
  Program first(kSteering);
  first.attach(index_, "s0", Attach::kNative);
  for (const Attach mode : {Attach::kNative, Attach::kGeneric}) {
    Program second(kSteering);
    const auto error = refusal([&] { second.attach(index_, "s0", mode); });
    ASSERT_TRUE(error);
    EXPECT_TRUE(error->error() == EBUSY || error->error() == EEXIST) << error->what();
    EXPECT_TRUE(holds(error->call(), "attach the XDP program to s0")) << error->what();
    EXPECT_TRUE(holds(error->remedy(), "Another XDP program is attached")) << error->what();
    EXPECT_TRUE(holds(error->remedy(), "ip link set s0 xdp off")) << error->what();
  }
  EXPECT_TRUE(is_attached(Attach::kNative));
}

TEST_F(ProgramTest, a_killed_process_leaves_the_interface_clean) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Program program(kSteering);
    program.attach(index_, "s0", Attach::kNative);
    if (write(ready[1], "a", 1) == 1) pause();
    _exit(1);
  }
  char octet = 0;
  close(ready[1]);
  const bool attached = read(ready[0], &octet, 1) == 1;
  close(ready[0]);
  EXPECT_TRUE(attached);
  EXPECT_TRUE(is_attached(Attach::kNative));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(eventually([this] { return !is_attached(Attach::kNative); }));
  Program next(kSteering);
  EXPECT_FALSE(refusal([&] { next.attach(index_, "s0", Attach::kNative); }));
}

TEST_F(ProgramTest, too_few_receive_queues_are_named) {
  run("ethtool -L s0 rx 1 tx 1");
  Program program(kSteering);
  const auto error = refusal([&] { program.attach(index_, "s0", Attach::kNative); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error(), ENOSPC);
  EXPECT_TRUE(holds(error->remedy(), "ethtool -L s0 rx N")) << error->what();
  EXPECT_FALSE(refusal([&] { program.attach(index_, "s0", Attach::kGeneric); }));
}

TEST_F(ProgramTest, an_interface_without_native_xdp_is_named) {
  const int loopback = static_cast<int>(if_nametoindex("lo"));
  Program program(kSteering);
  const auto error = refusal([&] { program.attach(loopback, "lo", Attach::kNative); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error(), EOPNOTSUPP);
  EXPECT_TRUE(holds(error->remedy(), "generic mode")) << error->what();
}

TEST_F(ProgramTest, an_interface_that_is_gone_is_named) {
  Program program(kSteering);
  run("ip link delete s0");
  const auto error = refusal([&] { program.attach(index_, "s0", Attach::kNative); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error(), ENODEV);
  EXPECT_TRUE(holds(error->remedy(), "gone")) << error->what();
}

TEST_F(ProgramTest, without_capabilities_all_three_are_named) {
  int said[2];
  ASSERT_EQ(pipe(said), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string text = "setuid";
    if (setuid(65534) == 0) {
      const auto error = refusal([] { const Program program(kSteering); });
      text = error ? std::to_string(error->error()) + " " + error->remedy() : "no exception";
    }
    _exit(write(said[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  close(said[1]);
  char buffer[4096] = {};
  EXPECT_GT(read(said[0], buffer, sizeof buffer - 1), 0);
  close(said[0]);
  waitpid(child, nullptr, 0);
  const std::string text = buffer;
  EXPECT_TRUE(text.starts_with(std::to_string(EPERM))) << text;
  for (const char* const capability : {"CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF"}) {
    EXPECT_TRUE(holds(text, capability)) << text;
  }
}

TEST_F(ProgramTest, more_than_the_maps_hold_is_refused) {
  Steering addresses;
  for (std::uint32_t at = 0; at <= WH_ADDRESSES_MAX; ++at) {
    addresses.addresses.push_back({Address::v4(0x0a000000 + at), Role::kShared});
  }
  Steering endpoints = kSteering;
  for (std::uint16_t port = 1; port <= WH_ENDPOINTS_MAX; ++port) endpoints.endpoints.push_back({kAddress, port});
  for (const Steering& steering : {addresses, endpoints}) {
    const auto error = refusal([&] { const Program program(steering); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->error(), E2BIG);
    EXPECT_TRUE(holds(error->remedy(), "at most")) << error->what();
  }
  addresses.addresses.pop_back();
  endpoints.endpoints.pop_back();
  EXPECT_FALSE(refusal([&] { const Program program(addresses); }));
  EXPECT_FALSE(refusal([&] { const Program program(endpoints); }));
}

TEST_F(ProgramTest, sockets_have_queues_that_it_knows) {
  Program program(kSteering);
  const host::File socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  EXPECT_FALSE(refusal([&] { program.set_socket(WH_QUEUES_MAX - 1, socket.fd()); }));
  const auto beyond = refusal([&] { program.set_socket(WH_QUEUES_MAX, socket.fd()); });
  ASSERT_TRUE(beyond);
  EXPECT_EQ(beyond->error(), E2BIG);
  const host::File other(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto wrong = refusal([&] { program.set_socket(0, other.fd()); });
  ASSERT_TRUE(wrong);
  EXPECT_NE(wrong->error(), 0);
  EXPECT_FALSE(wrong->remedy().empty());
}

TEST_F(ProgramTest, counts_what_passes_by) {
  for (const Attach mode : {Attach::kNative, Attach::kGeneric}) {
    Program program(kSteering);
    EXPECT_EQ(program.statistics().rx_packets, 0U);
    program.attach(index_, "s0", mode);
    ASSERT_TRUE(eventually([] { return is_active("c0"); }));
    const Peer peer;
    std::vector<std::uint8_t> frame(100);
    for (std::uint32_t number = 0; number < 10; ++number) {
      write_frame(frame, number);
      EXPECT_TRUE(peer.send(frame));
    }
    EXPECT_TRUE(eventually([&] { return program.statistics().rx_bytes >= 1000; }));
    const ProgramStatistics counted = program.statistics();
    EXPECT_GE(counted.rx_packets, 10U);
    EXPECT_EQ(counted.passed, counted.rx_packets);
    EXPECT_EQ(counted.redirected + counted.dropped + counted.malformed + counted.no_socket, 0U);
  }
}

}  // namespace
}  // namespace windhover::backends::xdp
