// Opening and binding on veth, and the privileges that it takes.

#include "backends/xdp/socket.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <utility>

#include "tests/backends/xdp/socket_fixture.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

TEST_F(SocketTest, copy_mode_binds_with_every_combination_of_options) {
  for (const std::uint32_t chunk_size : {2048u, 4096u}) {
    const auto umem = make_umem(64, chunk_size);
    for (const bool multi_buffer : {false, true}) {
      for (const bool metadata : {false, true}) {
        SocketRequest wanted = request();
        wanted.multi_buffer = multi_buffer;
        wanted.metadata = metadata;
        wanted.ring_size = 64;
        const Socket socket = open(wanted, *umem);
        EXPECT_FALSE(socket.zero_copy());
        EXPECT_EQ(socket.multi_buffer(), multi_buffer);
        EXPECT_EQ(socket.has_metadata(), metadata);
        EXPECT_EQ(socket.queue(), 0u);
      }
    }
  }
}

TEST_F(SocketTest, veth_refuses_zero_copy) {
  const auto umem = make_umem(64);
  SocketRequest wanted = request();
  wanted.zero_copy = true;
  const SetupError error = refusal(wanted, *umem);
  EXPECT_EQ(error.error(), EOPNOTSUPP);
  EXPECT_NE(error.remedy().find("backend.mode"), std::string::npos);
}

TEST_F(SocketTest, chunks_that_are_no_power_of_two_are_refused) {
  const SetupError error = refusal(request(), *make_umem(64, 3072));
  EXPECT_EQ(error.error(), EINVAL);
  EXPECT_NE(error.remedy().find("backend.chunkSize"), std::string::npos);
}

TEST_F(SocketTest, ring_that_is_no_power_of_two_is_refused) {
  SocketRequest wanted = request();
  wanted.ring_size = 1000;
  EXPECT_NE(refusal(wanted, *make_umem(64)).remedy().find("backend.ringSize"), std::string::npos);
}

TEST_F(SocketTest, queue_that_the_interface_does_not_have_is_refused) {
  const SetupError error = refusal(request(7), *make_umem(64));
  EXPECT_EQ(error.error(), EINVAL);
  EXPECT_NE(error.call().find("queue 7 of s0"), std::string::npos);
  EXPECT_NE(error.remedy().find("backend.queues"), std::string::npos);
}

TEST_F(SocketTest, interface_that_is_gone_is_refused) {
  SocketRequest wanted = request();
  wanted.interface_index = 9999;
  EXPECT_EQ(refusal(wanted, *make_umem(64)).error(), ENODEV);
}

TEST_F(SocketTest, taken_queue_is_refused_after_a_while) {
  const auto umem = make_umem(64);
  const auto other = make_umem(64);
  const Socket holder = open(request(), *umem);
  const SetupError error = refusal(request(), *other);
  EXPECT_EQ(error.error(), EBUSY);
  EXPECT_NE(error.remedy().find("ss --xdp"), std::string::npos);
  const Socket neighbour = open(request(1), *other);  // The other queue is free.
}

TEST_F(SocketTest, queue_is_free_again_at_once_after_a_close) {
  const auto umem = make_umem(64);
  for (int round = 0; round < 5; ++round) {
    Socket socket = open(request(), *umem);
    Socket moved = std::move(socket);
    EXPECT_EQ(socket.fd(), -1);  // NOLINT(bugprone-use-after-move): that is the question.
    EXPECT_GE(moved.fd(), 0);
  }
}

TEST_F(SocketTest, rings_have_the_size_that_was_asked_for) {
  SocketRequest wanted = request();
  wanted.ring_size = 512;
  Socket socket = open(wanted, *make_umem(64));
  EXPECT_EQ(socket.fill().size(), 512u);
  EXPECT_EQ(socket.completion().size(), 512u);
  EXPECT_EQ(socket.received().size(), 512u);
  EXPECT_EQ(socket.to_transmit().size(), 512u);
  EXPECT_EQ(socket.fill().room(512), 512u);
}

TEST_F(SocketTest, shared_umem_hands_multi_buffer_on) {
  SocketRequest wanted = request();
  wanted.multi_buffer = true;
  const auto umem = make_umem(64);
  const Socket first = open(wanted, *umem);
  wanted.queue = 1;
  const Socket second = open(wanted, *umem, &first);
  EXPECT_TRUE(second.multi_buffer());
  EXPECT_EQ(refusal(wanted, *umem, &first).error(), EBUSY);
}

/// Leaves only the named capabilities, in a process that ends soon.
void keep_capabilities(std::initializer_list<int> kept) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (const int capability : kept) {
    const auto index = static_cast<std::size_t>(capability) / 32;
    data[index].permitted = data[index].effective |= 1U << (capability % 32);
  }
  if (syscall(SYS_capset, &header, data.data()) != 0) _exit(99);
}

/// Ends the process with 0 when an attempt fails with this errno and a remedy that mentions `remedy`.
[[noreturn]] void expect_refusal_and_exit(const SocketRequest& request, const Umem& umem, int error,
                                          const char* remedy) {
  try {
    std::vector<std::string> notes;
    const Socket socket(request, umem, nullptr, notes);
  } catch (const SetupError& refused) {
    _exit(refused.error() == error && refused.remedy().find(remedy) != std::string::npos ? 0 : 1);
  }
  _exit(2);
}

TEST_F(SocketTest, without_cap_net_raw_there_is_no_socket) {
  const auto umem = make_umem(64);
  const auto attempt = [&] {
    keep_capabilities({});
    expect_refusal_and_exit(request(), *umem, EPERM, "CAP_NET_RAW");
  };
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(0), "");
}

TEST_F(SocketTest, umem_beyond_the_limit_of_locked_memory_is_refused) {
  const auto umem = make_umem(1024);
  const auto attempt = [&] {
    const rlimit limit{65536, 65536};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0) _exit(98);
    keep_capabilities({CAP_NET_RAW});
    expect_refusal_and_exit(request(), *umem, ENOBUFS, "CAP_IPC_LOCK");
  };
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(0), "");
}

TEST_F(SocketTest, what_needs_cap_net_admin_is_done_without_and_said) {
  const auto umem = make_umem(64);
  const auto attempt = [&] {
    keep_capabilities({CAP_NET_RAW, CAP_IPC_LOCK});
    SocketRequest wanted = request();
    wanted.busy_poll = true;
    wanted.ring_size = 16384;
    std::vector<std::string> notes;
    const Socket socket(wanted, *umem, nullptr, notes);
    const bool said = notes.size() == 2 && notes[0].find("wmem_max") != std::string::npos &&
                      notes[1].find("SO_PREFER_BUSY_POLL") != std::string::npos;
    _exit(said && !socket.busy_poll() ? 0 : 1);
  };
  EXPECT_EXIT(attempt(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace windhover::backends::xdp
