#pragma once
// The steering program with known addresses and ports, and packets run through it with BPF_PROG_TEST_RUN.
//
// In a network namespace of the test's own lies the veth wh0, where the frames seem to come from, with an AF_XDP socket
// on its queue 0: without one, redirecting would mean passing.

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/xdp/program.h"
#include "backends/xdp/socket.h"
#include "backends/xdp/umem.h"
#include "stack/base/setup_error.h"
#include "tests/backends/host/own_namespace.h"
#include "tests/bpf/packets.h"

namespace windhover::bpf {

using backends::xdp::Program;
using backends::xdp::ProgramStatistics;
using backends::xdp::Role;
using backends::xdp::Steering;

constexpr std::uint16_t kTaken = 8080;
constexpr std::uint16_t kFree = 22;
constexpr std::uint16_t kTheirs = 40000;

inline const Address kOwned4 = address("10.1.0.2");
inline const Address kOwned6 = address("fd01::2");
inline const Address kShared4 = address("10.1.0.1");
inline const Address kShared6 = address("fd01::1");
inline const Address kService4 = address("192.0.2.10");
inline const Address kService6 = address("2001:db8::10");
inline const Address kOther4 = address("10.1.0.77");
inline const Address kOther6 = address("fd01::77");
inline const Address kClient4 = address("203.0.113.9");
inline const Address kClient6 = address("2001:db8:9::9");
inline const Address kNeighbour4 = address("10.1.0.3");
inline const Address kNeighbour6 = address("fd01::3");

inline Steering steering(bool tunnels = true) {
  return {.addresses = {{kOwned4, Role::kOwned},
                        {kOwned6, Role::kOwned},
                        {kShared4, Role::kShared},
                        {kShared6, Role::kShared},
                        {kService4, Role::kTunnelled},
                        {kService6, Role::kTunnelled}},
          .endpoints = {{kShared4, kTaken}, {kShared6, kTaken}, {kService4, kTaken}, {kService6, kTaken}},
          .tunnels = tunnels};
}

enum class Expected { kOurs, kPassed, kMalformed };

/// One packet, and what is to become of it.
struct Row {
  std::string name;
  Octets packet;
  Expected expected = Expected::kPassed;
  std::optional<std::size_t> needed{};  ///< Octets without which it cannot be ours; nothing: all of them.
  std::optional<Octets> result{};       ///< What the socket gets; nothing: what came.
  bool tunnelled = false;
};

class SteeringTest : public backends::host::OwnNamespace {
 protected:
  void SetUp() override {
    OwnNamespace::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    run("ip link set lo up && ip link add wh0 type veth peer name wh1 && ip link set wh0 up && ip link set wh1 up");
    interface_ = static_cast<int>(if_nametoindex("wh0"));
    try {
      load(steering());
    } catch (const stack::base::SetupError& error) {
      const char* const ci = std::getenv("CI");
      ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << error.what();
      GTEST_SKIP() << error.what();
    }
  }

  /// A fresh program, with the socket or without.
  void load(const Steering& what, bool with_socket = true) {
    program_ = std::make_unique<Program>(what);
    if (!with_socket) return;
    if (!socket_) {
      std::vector<std::string> notes;
      umem_ = std::make_unique<backends::xdp::Umem>(
          backends::xdp::UmemShape{.chunk_size = 2048, .chunk_count = 64, .huge_pages = false, .numa_node = {}}, notes);
      backends::xdp::SocketRequest request;
      request.interface_index = interface_;
      request.interface_name = "wh0";
      request.metadata = false;
      request.ring_size = 64;
      socket_ = std::make_unique<backends::xdp::Socket>(request, *umem_, nullptr, notes);
    }
    program_->set_socket(0, socket_->fd());
  }

  struct Outcome {
    int verdict = -1;
    Octets frame{};
    ProgramStatistics moved{};
  };

  /// A test run of the packet; returns the errno. `linear`: octets in its first buffer.
  int test_run(const Octets& packet, std::size_t linear, Outcome& outcome) {
    xdp_md context{};
    context.data_end = static_cast<__u32>(linear);
    context.ingress_ifindex = static_cast<__u32>(interface_);
    outcome.frame.resize(packet.size() + 256);
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = packet.data();
    options.data_size_in = static_cast<__u32>(packet.size());
    options.data_out = outcome.frame.data();
    options.data_size_out = static_cast<__u32>(outcome.frame.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    const int error = -bpf_prog_test_run_opts(program_->program_fd(), &options);
    if (error != 0) return error;
    outcome.frame.resize(options.data_size_out);
    outcome.verdict = static_cast<int>(options.retval);
    return 0;
  }

  /// Whether the kernel can be told to lay less into the first buffer than would fit.
  bool runs_split(const Octets& packet) {
    Outcome ignored;
    return test_run(packet, packet.size() - 1, ignored) == 0;
  }

  Outcome run_packet(const Octets& packet, std::optional<std::size_t> linear = {}) {
    const ProgramStatistics before = program_->statistics();
    Outcome outcome;
    EXPECT_EQ(test_run(packet, linear.value_or(packet.size()), outcome), 0) << packet.size() << " octets";
    const ProgramStatistics after = program_->statistics();
    outcome.moved = {after.rx_packets - before.rx_packets,     after.rx_bytes - before.rx_bytes,
                     after.redirected - before.redirected,     after.passed - before.passed,
                     after.dropped - before.dropped,           after.malformed - before.malformed,
                     after.decapsulated - before.decapsulated, after.no_socket - before.no_socket};
    return outcome;
  }

  static void expect_counted(const Outcome& outcome, std::size_t size) {
    EXPECT_EQ(outcome.moved.rx_packets, 1U);
    EXPECT_EQ(outcome.moved.rx_bytes, size);
    EXPECT_EQ(outcome.moved.redirected + outcome.moved.passed + outcome.moved.dropped, 1U);
    EXPECT_EQ(outcome.moved.redirected, outcome.verdict == XDP_REDIRECT ? 1U : 0U);
    EXPECT_EQ(outcome.moved.passed, outcome.verdict == XDP_PASS ? 1U : 0U);
    EXPECT_LE(outcome.moved.malformed + outcome.moved.no_socket, outcome.moved.passed);
    EXPECT_LE(outcome.moved.decapsulated, outcome.moved.redirected);
  }

  void expect_row(const Row& row) {
    const Outcome outcome = run_packet(row.packet);
    expect_counted(outcome, row.packet.size());
    const bool ours = row.expected == Expected::kOurs;
    EXPECT_EQ(outcome.verdict, ours ? XDP_REDIRECT : XDP_PASS);
    EXPECT_EQ(outcome.frame, ours ? row.result.value_or(row.packet) : row.packet);
    EXPECT_EQ(outcome.moved.malformed, row.expected == Expected::kMalformed ? 1U : 0U);
    EXPECT_EQ(outcome.moved.decapsulated, row.tunnelled ? 1U : 0U);
    EXPECT_EQ(outcome.moved.no_socket, 0U);
  }

  /// Every front of the packet that is a frame at all: it is ours exactly when all is there that must be.
  void expect_fronts(const Row& row) {
    const std::size_t needed = row.needed.value_or(row.packet.size());
    for (std::size_t missing = 1; missing + 14 <= row.packet.size(); ++missing) {
      const Octets front = cut(row.packet, missing);
      SCOPED_TRACE(std::to_string(front.size()) + " octets");
      const bool ours = row.expected == Expected::kOurs && front.size() >= needed;
      const Outcome outcome = run_packet(front);
      expect_counted(outcome, front.size());
      EXPECT_EQ(outcome.verdict, ours ? XDP_REDIRECT : XDP_PASS);
      EXPECT_EQ(outcome.frame, ours ? cut(row.result.value_or(row.packet), missing) : front);
    }
  }

  /// The same without a socket: all is passed as it came, and what is ours is known by its counter.
  void expect_passed_without_socket(const Row& row) {
    const Outcome outcome = run_packet(row.packet);
    expect_counted(outcome, row.packet.size());
    EXPECT_EQ(outcome.verdict, XDP_PASS);
    EXPECT_EQ(outcome.frame, row.packet);
    EXPECT_EQ(outcome.moved.no_socket, row.expected == Expected::kOurs ? 1U : 0U);
  }

  void expect_rows(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      expect_row(row);
      expect_fronts(row);
    }
    load(steering(), false);
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name + ", without a socket");
      expect_passed_without_socket(row);
    }
  }

  int interface_ = 0;
  std::unique_ptr<Program> program_;
  std::unique_ptr<backends::xdp::Umem> umem_;
  std::unique_ptr<backends::xdp::Socket> socket_;
};

}  // namespace windhover::bpf
