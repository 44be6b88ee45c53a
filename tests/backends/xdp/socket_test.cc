// Sockets against the kernel, on veth.

#include "backends/xdp/socket.h"

#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <set>

#include "stack/base/setup_error.h"
#include "stack/wire/checksum.h"
#include "tests/backends/xdp/veth.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using base::SetupError;
using State = Kicked::State;

constexpr std::uint32_t kHeadroom = 256;  // XDP_PACKET_HEADROOM, and room for metadata in what we send.

std::unique_ptr<Umem> make_umem(std::uint32_t count, std::uint32_t chunk_size = 2048) {
  std::vector<std::string> notes;
  return std::make_unique<Umem>(UmemShape{.chunk_size = chunk_size, .chunk_count = count, .huge_pages = false}, notes);
}

/// Sends from the chunks of a UMEM, and knows which of them the kernel has.
class Sender {
 public:
  Sender(Socket& socket, const Umem& umem) : socket_(socket), umem_(umem), in_flight_(umem.shape().chunk_count) {}

  base::MutableBytes chunk(std::uint32_t index) const {
    return umem_.memory().subspan(std::size_t{index} * umem_.shape().chunk_size, umem_.shape().chunk_size);
  }
  /// Puts a chunk into the ring; does not publish.
  void push(std::uint32_t index, std::uint32_t size, std::uint32_t options = 0) {
    ASSERT_FALSE(in_flight_[index]);
    ASSERT_GE(socket_.to_transmit().room(1), 1u);
    socket_.to_transmit().push({std::uint64_t{index} * umem_.shape().chunk_size + kHeadroom, size, options});
    in_flight_[index] = true;
  }
  /// Pushes chunks [first, first + count), each a frame that says its index, and publishes.
  void push_frames(std::uint32_t first, std::uint32_t count, std::uint32_t size = 60) {
    for (std::uint32_t index = first; index < first + count; ++index) {
      write_frame(chunk(index).subspan(kHeadroom, size), index);
      push(index, size);
    }
    socket_.to_transmit().publish();
  }
  /// Kicks until the ring is empty; returns how many frames were dropped on the way.
  std::uint32_t kick_until_done() {
    std::uint32_t dropped = 0;
    EXPECT_TRUE(eventually([&] {
      const Kicked kicked = socket_.kick();
      EXPECT_NE(kicked.state, State::kLost) << std::strerror(kicked.error);
      dropped += kicked.dropped;
      reap();
      return kicked.state == State::kDone;
    }));
    return dropped;
  }
  /// Takes completions; each must be of a chunk that the kernel had.
  void reap() {
    auto& ring = socket_.completion();
    const std::uint32_t count = ring.available(ring.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint64_t index = ring.peek(i) / umem_.shape().chunk_size;
      ASSERT_LT(index, in_flight_.size());
      ASSERT_TRUE(in_flight_[index]) << "chunk " << index << " completed twice";
      in_flight_[index] = false;
    }
    ring.release(count);
  }
  bool all_completed() {
    return eventually([this] {
      reap();
      return std::ranges::count(in_flight_, true) == 0;
    });
  }

 private:
  Socket& socket_;
  const Umem& umem_;
  std::vector<bool> in_flight_;
};

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

class SocketTest : public VethTest {
 protected:
  SocketRequest request(std::uint32_t queue = 0) const {
    SocketRequest wanted;
    wanted.interface_index = index_;
    wanted.interface_name = "s0";
    wanted.queue = queue;
    return wanted;
  }
  static Socket open(const SocketRequest& request, const Umem& umem, const Socket* first = nullptr) {
    std::vector<std::string> notes;
    Socket socket(request, umem, first, notes);
    EXPECT_TRUE(notes.empty()) << notes[0];
    return socket;
  }
  /// The error of an attempt that must fail.
  static SetupError refusal(const SocketRequest& request, const Umem& umem, const Socket* first = nullptr) {
    try {
      std::vector<std::string> notes;
      const Socket socket(request, umem, first, notes);
    } catch (const SetupError& error) {
      return error;
    }
    ADD_FAILURE() << "no exception";
    return {"", 0, ""};
  }
  /// Puts chunks [first, first + count) into the fill ring.
  static void fill(Socket& socket, const Umem& umem, std::uint32_t first, std::uint32_t count) {
    ASSERT_GE(socket.fill().room(count), count);
    for (std::uint32_t index = first; index < first + count; ++index)
      socket.fill().push(std::uint64_t{index} * umem.shape().chunk_size);
    socket.fill().publish();
    socket.wake_receive();
  }
  /// Reads `count` frames at the peer; the numbers they say.
  static std::vector<std::uint32_t> receive_numbers(Peer& peer, std::size_t count) {
    std::vector<std::uint32_t> numbers;
    while (numbers.size() < count) {
      const auto seen = peer.receive();
      if (!seen) break;
      numbers.push_back(number_of(seen->bytes));
    }
    return numbers;
  }
  static std::vector<std::uint32_t> range(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers(count);
    for (std::uint32_t i = 0; i < count; ++i) numbers[i] = first + i;
    return numbers;
  }
};

// ------------------------------------------------------------------------------------------------- opening, binding

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

TEST_F(SocketTest, busy_polling_is_accepted_where_the_kernel_has_it) {
  SocketRequest wanted = request();
  wanted.busy_poll = true;
  const auto umem = make_umem(64);
  Socket socket = open(wanted, *umem);
  EXPECT_TRUE(socket.busy_poll());
  Peer peer;
  Sender sender(socket, *umem);
  sender.push_frames(0, 4);
  EXPECT_EQ(sender.kick_until_done(), 0u);
  EXPECT_EQ(receive_numbers(peer, 4), range(0, 4));
}

// ------------------------------------------------------------------------------------------------------- privileges

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

// ----------------------------------------------------------------------------------------------------- transmitting

TEST_F(SocketTest, frames_arrive_in_order_and_complete_once) {
  Peer peer;
  const auto umem = make_umem(256);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  for (int round = 0; round < 20; ++round) {
    sender.push_frames(0, 200, 1514);
    ASSERT_EQ(sender.kick_until_done(), 0u);
    ASSERT_EQ(receive_numbers(peer, 200), range(0, 200));
    ASSERT_TRUE(sender.all_completed());
  }
  EXPECT_EQ(socket.statistics().tx_invalid, 0u);
}

TEST_F(SocketTest, nothing_published_is_nothing_to_do) {
  Peer peer;
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  EXPECT_EQ(socket.kick().state, State::kDone);
  write_frame(sender.chunk(0).subspan(kHeadroom, 60), 0);
  sender.push(0, 60);
  EXPECT_EQ(socket.kick().state, State::kDone);
  EXPECT_FALSE(peer.try_receive());
  socket.to_transmit().publish();
  EXPECT_EQ(socket.kick().state, State::kDone);
  EXPECT_TRUE(peer.receive());
}

TEST_F(SocketTest, one_kick_sends_more_than_one_call_would) {
  Peer peer;
  const auto umem = make_umem(512);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  sender.push_frames(0, 400, 1514);  // Beyond 32 descriptors a call and 94 frames of the default send buffer.
  const Kicked kicked = socket.kick();
  EXPECT_EQ(kicked.state, State::kDone);
  EXPECT_EQ(receive_numbers(peer, 400), range(0, 400));
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, frames_that_the_device_has_no_room_for_are_counted_and_completed) {
  hold_peer_back();
  Peer peer;
  const auto umem = make_umem(1024);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  sender.push_frames(0, 1000);
  const Kicked kicked = socket.kick();  // EBUSY again and again, within one kick.
  EXPECT_EQ(kicked.state, State::kDone);
  EXPECT_GT(kicked.dropped, 500u);
  EXPECT_EQ(socket.to_transmit().outstanding(), 0u);
  EXPECT_EQ(receive_numbers(peer, 1000 - kicked.dropped).size(), 1000 - kicked.dropped);
  EXPECT_TRUE(sender.all_completed());
  EXPECT_FALSE(peer.try_receive());
}

TEST_F(SocketTest, with_a_queueing_discipline_nothing_is_dropped) {
  if (!kernel_is_at_least(6, 16)) GTEST_SKIP() << "veth tells us to wait since Linux 6.16";
  hold_peer_back();
  run("tc qdisc add dev s0 root pfifo limit 1000");
  Peer peer;
  const auto umem = make_umem(1024);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  sender.push_frames(0, 1000);
  const Kicked kicked = socket.kick();
  EXPECT_EQ(kicked.state, State::kWaiting);
  EXPECT_EQ(kicked.dropped, 0u);
  EXPECT_GT(socket.to_transmit().outstanding(), 500u);
  EXPECT_EQ(sender.kick_until_done(), 0u);
  EXPECT_EQ(receive_numbers(peer, 1000), range(0, 1000));
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, frame_beyond_the_mtu_is_dropped_and_completed) {
  Peer peer;
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  sender.push_frames(0, 1, 1600);
  sender.push_frames(1, 1, 60);
  const Kicked kicked = socket.kick();
  EXPECT_EQ(kicked.state, State::kDone);
  EXPECT_EQ(kicked.dropped, 1u);
  EXPECT_EQ(receive_numbers(peer, 1), range(1, 1));
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, descriptor_outside_of_the_umem_is_counted_as_invalid) {
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  ASSERT_GE(socket.to_transmit().room(1), 1u);
  socket.to_transmit().push({umem->memory().size(), 60, 0});
  socket.to_transmit().publish();
  EXPECT_EQ(socket.kick().state, State::kDone);
  EXPECT_EQ(socket.statistics().tx_invalid, 1u);
}

TEST_F(SocketTest, refused_descriptor_loses_the_socket) {
  SocketRequest wanted = request();
  wanted.metadata = false;
  const auto umem = make_umem(64);
  Socket socket = open(wanted, *umem);
  Sender sender(socket, *umem);
  write_frame(sender.chunk(0).subspan(kHeadroom, 60), 0);
  sender.push(0, 60, kMetadata);  // Not negotiated.
  socket.to_transmit().publish();
  const Kicked kicked = socket.kick();
  EXPECT_EQ(kicked.state, State::kLost);
  EXPECT_EQ(kicked.error, EINVAL);
}

TEST_F(SocketTest, interface_down_keeps_frames_until_it_is_up) {
  Peer peer;
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  run("ip link set s0 down");
  sender.push_frames(0, 10);
  EXPECT_EQ(socket.kick().state, State::kDown);
  EXPECT_EQ(socket.kick().state, State::kDown);
  EXPECT_EQ(socket.to_transmit().outstanding(), 10u);
  run("ip link set s0 up");
  EXPECT_EQ(sender.kick_until_done(), 0u);
  EXPECT_EQ(receive_numbers(peer, 10), range(0, 10));
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, interface_that_goes_away_loses_the_socket) {
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  Sender sender(socket, *umem);
  EXPECT_EQ(socket.take_error(), 0);
  run("ip link del s0");
  EXPECT_TRUE(eventually([&] { return socket.take_error() == ENETDOWN; }));
  EXPECT_EQ(socket.take_error(), 0);
  sender.push_frames(0, 1);
  const Kicked kicked = socket.kick();
  EXPECT_EQ(kicked.state, State::kLost);
  EXPECT_EQ(kicked.error, ENXIO);
}

TEST_F(SocketTest, packet_of_several_descriptors_leaves_as_one) {
  run("ip link set s0 mtu 9000 && ip link set c0 mtu 9000");
  Peer peer;
  SocketRequest wanted = request();
  wanted.multi_buffer = true;
  const auto umem = make_umem(64);
  Socket socket = open(wanted, *umem);
  ASSERT_TRUE(socket.multi_buffer());
  Sender sender(socket, *umem);
  write_frame(sender.chunk(3).subspan(kHeadroom, 1700), 77);
  std::ranges::fill(sender.chunk(4), std::uint8_t{4});
  std::ranges::fill(sender.chunk(5), std::uint8_t{5});
  sender.push(3, 1700, kContinued);
  sender.push(4, 1600, kContinued);
  sender.push(5, 1500);
  socket.to_transmit().publish();
  EXPECT_EQ(socket.kick().state, State::kDone);
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->bytes.size(), 4800u);
  EXPECT_EQ(number_of(seen->bytes), 77u);
  EXPECT_EQ(seen->bytes[1699], 77);
  EXPECT_EQ(seen->bytes[1700], 4);
  EXPECT_EQ(seen->bytes[3299], 4);
  EXPECT_EQ(seen->bytes[3300], 5);
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, metadata_asks_for_a_checksum) {
  Peer peer("c0", ETH_P_ALL);
  const auto umem = make_umem(64);
  Socket socket = open(request(), *umem);
  ASSERT_TRUE(socket.has_metadata());
  Sender sender(socket, *umem);
  const base::MutableBytes frame = sender.chunk(0).subspan(kHeadroom, 100);
  write_frame(frame, 1);
  std::array<std::uint8_t, kMetadataSize> metadata{};
  const std::uint64_t flags = 1U << 1;  // XDP_TXMD_FLAGS_CHECKSUM
  const std::array<std::uint16_t, 2> offsets{34, 16};
  std::memcpy(metadata.data(), &flags, sizeof flags);
  std::memcpy(metadata.data() + 8, offsets.data(), sizeof offsets);
  std::ranges::copy(metadata, frame.data() - kMetadataSize);
  sender.push(0, 100, kMetadata);
  socket.to_transmit().publish();
  EXPECT_EQ(socket.kick().state, State::kDone);
  const auto seen = peer.receive();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->offload.checksum, link::Checksum::kPartial);
  EXPECT_EQ(seen->offload.csum_start, 34);
  EXPECT_EQ(seen->offload.csum_offset, 16);
  EXPECT_TRUE(sender.all_completed());
}

TEST_F(SocketTest, queues_share_a_umem_and_complete_each_its_own) {
  Peer peer;
  const auto umem = make_umem(128);
  Socket first = open(request(0), *umem);
  Socket second = open(request(1), *umem, &first);
  EXPECT_EQ(second.queue(), 1u);
  EXPECT_EQ(second.has_metadata(), first.has_metadata());
  Sender on_first(first, *umem);
  Sender on_second(second, *umem);
  on_first.push_frames(0, 40);
  on_second.push_frames(64, 40);
  EXPECT_EQ(on_first.kick_until_done(), 0u);
  EXPECT_EQ(on_second.kick_until_done(), 0u);
  std::vector<std::uint32_t> expected = range(0, 40);
  expected.insert(expected.end(), 40, 0);
  std::ranges::copy(range(64, 40), expected.begin() + 40);
  std::vector<std::uint32_t> numbers = receive_numbers(peer, 80);
  std::ranges::sort(numbers);
  EXPECT_EQ(numbers, expected);
  EXPECT_TRUE(on_first.all_completed());
  EXPECT_TRUE(on_second.all_completed());
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

// -------------------------------------------------------------------------------------------------------- receiving

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

}  // namespace
}  // namespace windhover::backends::xdp
