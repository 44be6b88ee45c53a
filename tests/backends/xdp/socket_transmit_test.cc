// Transmitting on veth: every chunk that is given to the kernel comes back once.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "tests/backends/xdp/socket_fixture.h"

namespace windhover::backends::xdp {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using State = Kicked::State;

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

}  // namespace
}  // namespace windhover::backends::xdp
