// Receiving on veth, through an XDP program of the test's own.

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "tests/backends/xdp/socket_fixture.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;

/// An XDP program of six instructions on s0: queue q goes to the socket in slot q, or on to the kernel.
class Redirect {
 public:
  Redirect() {
    bpf_attr map{};
    map.map_type = BPF_MAP_TYPE_XSKMAP;
    map.key_size = map.value_size = 4;
    map.max_entries = 2;
    map_ = host::File(call(BPF_MAP_CREATE, map));
    EXPECT_GE(map_.fd(), 0) << std::strerror(errno);
    const std::array program{
        instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 16, 0),  // xdp_md::rx_queue_index
        instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map_.fd()),
        instruction(0, 0, 0, 0, 0),
        instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, XDP_PASS),
        instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
        instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
    };
    bpf_attr load{};
    load.prog_type = BPF_PROG_TYPE_XDP;
    load.insn_cnt = program.size();
    load.insns = reinterpret_cast<std::uintptr_t>(program.data());
    load.license = reinterpret_cast<std::uintptr_t>("GPL");
    load.prog_flags = 1U << 5;  // BPF_F_XDP_HAS_FRAGS
    program_ = host::File(call(BPF_PROG_LOAD, load));
    EXPECT_GE(program_.fd(), 0) << std::strerror(errno);
    bpf_attr attach{};
    attach.link_create.prog_fd = static_cast<std::uint32_t>(program_.fd());
    attach.link_create.target_ifindex = if_nametoindex("s0");
    attach.link_create.attach_type = BPF_XDP;
    link_ = host::File(call(BPF_LINK_CREATE, attach));
    EXPECT_GE(link_.fd(), 0) << std::strerror(errno);
  }

  void set(std::uint32_t queue, const Socket& socket) const {
    const int fd = socket.fd();
    bpf_attr update{};
    update.map_fd = static_cast<std::uint32_t>(map_.fd());
    update.key = reinterpret_cast<std::uintptr_t>(&queue);
    update.value = reinterpret_cast<std::uintptr_t>(&fd);
    EXPECT_EQ(call(BPF_MAP_UPDATE_ELEM, update), 0) << std::strerror(errno);
  }

 private:
  static bpf_insn instruction(int code, int destination, int source, int offset, int immediate) {
    bpf_insn result{};
    result.code = static_cast<std::uint8_t>(code);
    result.dst_reg = static_cast<std::uint8_t>(destination) & 0xf;
    result.src_reg = static_cast<std::uint8_t>(source) & 0xf;
    result.off = static_cast<std::int16_t>(offset);
    result.imm = immediate;
    return result;
  }
  static int call(int command, bpf_attr& attributes) {
    return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof attributes));
  }

  host::File map_;
  host::File program_;
  host::File link_;
};

/// Puts chunks [first, first + count) into the fill ring.
void fill(Socket& socket, const Umem& umem, std::uint32_t first, std::uint32_t count) {
  ASSERT_GE(socket.fill().room(count), count);
  for (std::uint32_t index = first; index < first + count; ++index)
    socket.fill().push(std::uint64_t{index} * umem.shape().chunk_size);
  socket.fill().publish();
  socket.wake_receive();
}
TEST_F(SocketTest, frames_arrive_in_the_chunks_that_were_given) {
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  const Redirect redirect;
  redirect.set(0, socket);
  fill(socket, *umem, 8, 16);
  const Peer peer;
  std::vector<std::uint8_t> frame(1514);
  for (std::uint32_t number = 0; number < 16; ++number) {
    write_frame(frame, number);
    ASSERT_TRUE(peer.send(frame));
  }
  auto& received = socket.received();
  ASSERT_TRUE(eventually([&] { return received.available(16) == 16; }));
  std::set<std::uint64_t> chunks;
  for (std::uint32_t i = 0; i < 16; ++i) {
    const Descriptor item = received.peek(i);
    EXPECT_EQ(item.addr % 2048, kHeadroom);
    EXPECT_EQ(item.len, 1514u);
    EXPECT_EQ(item.options, 0u);
    EXPECT_EQ(base::load_be<std::uint32_t>(umem->memory().data() + item.addr + 14), i);
    chunks.insert(item.addr / 2048);
  }
  EXPECT_EQ(chunks.size(), 16u);
  EXPECT_EQ(*chunks.begin(), 8u);
  EXPECT_EQ(*chunks.rbegin(), 23u);
  received.release(16);
  EXPECT_EQ(socket.statistics().rx_dropped, 0u);
}

TEST_F(SocketTest, frames_that_find_no_chunk_are_counted_and_the_next_chunk_is_used) {
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  const Redirect redirect;
  redirect.set(0, socket);
  const Peer peer;
  std::vector<std::uint8_t> frame(60);
  write_frame(frame, 1);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(peer.send(frame));
  ASSERT_TRUE(eventually([&] { return socket.statistics().rx_fill_empty == 5; }));
  fill(socket, *umem, 0, 1);
  write_frame(frame, 2);
  ASSERT_TRUE(peer.send(frame));
  ASSERT_TRUE(eventually([&] { return socket.received().available(1) == 1; }));
  EXPECT_EQ(base::load_be<std::uint32_t>(umem->memory().data() + socket.received().peek(0).addr + 14), 2u);
}

TEST_F(SocketTest, frames_that_find_the_ring_full_are_counted) {
  SocketRequest wanted = request();
  wanted.ring_size = 4;
  const auto umem = make_umem(64);
  Socket socket = open(wanted, *umem);
  const Redirect redirect;
  redirect.set(0, socket);
  fill(socket, *umem, 0, 4);
  const Peer peer;
  std::vector<std::uint8_t> frame(60);
  write_frame(frame, 1);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(peer.send(frame));
  ASSERT_TRUE(eventually([&] { return socket.received().available(4) == 4; }));
  fill(socket, *umem, 4, 4);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(peer.send(frame));
  EXPECT_TRUE(eventually([&] { return socket.statistics().rx_ring_full == 3; }));
}

TEST_F(SocketTest, large_packet_arrives_in_several_descriptors) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  SocketRequest wanted = request();
  wanted.multi_buffer = true;
  const auto umem = make_umem(64);
  Socket socket = open(wanted, *umem);
  const Redirect redirect;
  redirect.set(0, socket);
  fill(socket, *umem, 0, 16);
  const Peer peer;
  std::vector<std::uint8_t> frame(5000);
  write_frame(frame, 9);
  ASSERT_TRUE(peer.send(frame));
  auto& received = socket.received();
  ASSERT_TRUE(eventually([&] { return received.available(3) == 3; }));
  std::size_t size = 0;
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(received.peek(i).options, i < 2 ? kContinued : 0u);
    size += received.peek(i).len;
  }
  EXPECT_EQ(size, 5000u);
}

TEST_F(SocketTest, interface_down_and_up_again_goes_on_receiving) {
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  const Redirect redirect;
  redirect.set(0, socket);
  fill(socket, *umem, 0, 8);
  std::vector<std::uint8_t> frame(60);
  for (std::uint32_t round = 0; round < 3; ++round) {
    run("ip link set s0 down");
    run("ip link set s0 up");
    ASSERT_TRUE(eventually([] { return is_active("s0") && is_active("c0"); }));
    write_frame(frame, round);
    ASSERT_TRUE(Peer().send(frame));
    ASSERT_TRUE(eventually([&] { return socket.received().available(1) == 1; }));
    EXPECT_EQ(base::load_be<std::uint32_t>(umem->memory().data() + socket.received().peek(0).addr + 14), round);
    socket.received().release(1);
  }
}

}  // namespace
}  // namespace windhover::backends::xdp
