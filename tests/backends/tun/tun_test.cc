// A queue by itself, over a datagram socket in the place of /dev/net/tun: each datagram is what one read() or write()
// of a TUN device carries, so what no kernel can be made to do on purpose can be done here.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "backends/host/vnet_header.h"
#include "backends/tun/tun.h"

namespace windhover::backends::tun {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using base::as_bytes;
using base::as_text;
using namespace std::chrono_literals;

constexpr Offered kEverything{.vnet_header = true, .receive_checksum = true, .receive_gso = true};

class QueueTest : public testing::Test {
 protected:
  void build(const Offered& offered, const Config& config = {}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    kernel_ = host::File(ends[1]);
    device_ = std::make_unique<Tun>(config, Queue{host::File(ends[0]), offered});
  }

  void from_kernel(std::string_view datagram) const {
    ASSERT_EQ(write(kernel_.fd(), datagram.data(), datagram.size()), static_cast<ssize_t>(datagram.size()));
  }
  std::string to_kernel() const {
    std::string datagram(70000, '\0');
    const ssize_t got = read(kernel_.fd(), datagram.data(), datagram.size());
    datagram.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return datagram;
  }
  link::Frame make_frame(std::string_view text) {
    link::Frame frame = device_->arena().allocate();
    std::ranges::copy(as_bytes(text), frame.append(text.size()).begin());
    return frame;
  }

  static std::string plain(std::string_view text) { return std::string(host::kVnetHeaderSize, '\0').append(text); }

  host::File kernel_;
  std::unique_ptr<Tun> device_;
  link::Burst burst_;
};

TEST_F(QueueTest, received_frame_begins_behind_the_vnet_header) {
  build(kEverything);
  from_kernel(plain("a packet"));
  ASSERT_EQ(device_->receive(burst_), 1u);
  EXPECT_EQ(as_text(burst_[0].bytes()), "a packet");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(burst_[0].bytes().data()) % 8, 0u);
  EXPECT_EQ(device_->stats().received_frames, 1u);
  EXPECT_EQ(device_->stats().received_bytes, 8u);
}

TEST_F(QueueTest, without_a_vnet_header_packets_are_bare) {
  build({});
  EXPECT_FALSE(device_->caps().transmit_gso);
  EXPECT_FALSE(device_->caps().transmit_checksum);
  EXPECT_FALSE(device_->caps().receive_partial_checksum);
  EXPECT_EQ(device_->caps().headroom, 0);
  from_kernel("bare");
  ASSERT_EQ(device_->receive(burst_), 1u);
  EXPECT_EQ(as_text(burst_[0].bytes()), "bare");
  link::Frame frame = make_frame("bare too");
  ASSERT_EQ(device_->transmit({&frame, 1}), 1u);
  EXPECT_EQ(to_kernel(), "bare too");
}

TEST_F(QueueTest, packets_that_contradict_their_header_are_dropped_and_counted) {
  build(kEverything);
  std::string unknown_type = plain("packet");
  unknown_type[1] = 99;
  from_kernel(unknown_type);
  from_kernel(std::string(host::kVnetHeaderSize, '\0'));  // No packet behind the header.
  from_kernel("runt");
  from_kernel(plain("good"));
  std::size_t received = 0;
  for (int round = 0; round < 10; ++round) received += device_->receive(burst_);
  ASSERT_EQ(received, 1u);
  EXPECT_EQ(as_text(burst_[0].bytes()), "good");
  EXPECT_EQ(device_->stats().received_dropped, 3u);
}

TEST_F(QueueTest, packet_cut_to_the_buffer_is_dropped) {
  build({}, {.mtu = 1500});
  from_kernel(std::string(5000, 'x'));
  EXPECT_EQ(device_->receive(burst_), 0u);
  EXPECT_EQ(device_->stats().received_dropped, 1u);
}

TEST_F(QueueTest, deep_queue_is_drained_in_growing_bursts_in_order) {
  build(kEverything);
  constexpr std::size_t kSent = 9;  // A datagram socket of the kernel holds ten by default.
  for (std::size_t at = 0; at < kSent; ++at) from_kernel(plain(std::to_string(at)));
  int calls = 0;
  while (burst_.size() < kSent) {
    ASSERT_GT(device_->receive(burst_), 0u);
    ++calls;
  }
  EXPECT_LE(calls, 4);  // 1 + 2 + 4 + the rest.
  for (std::size_t at = 0; at < kSent; ++at) EXPECT_EQ(as_text(burst_[at].bytes()), std::to_string(at));
}

TEST_F(QueueTest, receive_stops_at_the_room_in_the_burst_and_at_the_last_buffer) {
  build(kEverything, {.receive_frames = 2});
  for (int at = 0; at < 4; ++at) from_kernel(plain("x"));
  for (int round = 0; round < 5; ++round) device_->receive(burst_);
  EXPECT_EQ(burst_.size(), 2u);
  burst_.clear();
  for (int round = 0; round < 5; ++round) device_->receive(burst_);
  EXPECT_EQ(burst_.size(), 2u);
  EXPECT_EQ(device_->stats().received_dropped, 0u);
}

TEST_F(QueueTest, linear_bytes_and_pieces_leave_as_one_packet) {
  build(kEverything);
  link::Frame frame = make_frame("head");
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes(" body"))));
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes(" tail"))));
  frame.offload() = {.checksum = link::Checksum::kPartial,
                     .gso = link::Gso::kTcp4,
                     .csum_start = 20,
                     .csum_offset = 16,
                     .gso_size = 1460,
                     .header_size = 40};
  std::array<std::uint8_t, host::kVnetHeaderSize> header{};
  host::write_vnet_header(frame.offload(), header.data());
  ASSERT_EQ(device_->transmit({&frame, 1}), 1u);
  EXPECT_FALSE(frame);
  EXPECT_EQ(to_kernel(), std::string(as_text(header)) + "head body tail");
  EXPECT_EQ(device_->stats().transmitted_frames, 1u);
  EXPECT_EQ(device_->stats().transmitted_bytes, 14u);
}

TEST_F(QueueTest, full_kernel_queue_is_backpressure_and_leaves_frames_as_they_were) {
  build(kEverything);
  std::vector<link::Frame> frames;
  for (int at = 0; at < 1000; ++at) frames.push_back(make_frame("packet " + std::to_string(at)));
  const std::size_t taken = device_->transmit(frames);
  ASSERT_GT(taken, 0u);
  ASSERT_LT(taken, frames.size());
  EXPECT_FALSE(frames[taken - 1]);
  ASSERT_TRUE(frames[taken]);
  EXPECT_EQ(as_text(frames[taken].bytes()), "packet " + std::to_string(taken));
  EXPECT_EQ(device_->stats().transmit_blocked, 1u);
  EXPECT_EQ(device_->stats().transmit_dropped, 0u);

  EXPECT_EQ(to_kernel(), plain("packet 0"));
  EXPECT_EQ(device_->transmit(std::span(frames).subspan(taken)), 1u);
}

TEST_F(QueueTest, refused_write_is_a_counted_drop) {
  build(kEverything);
  kernel_ = host::File();  // Nobody listens any more: ECONNREFUSED.
  link::Frame frame = make_frame("packet");
  EXPECT_EQ(device_->transmit({&frame, 1}), 1u);
  EXPECT_FALSE(frame);
  EXPECT_EQ(device_->stats().transmit_dropped, 1u);
  EXPECT_EQ(device_->stats().transmitted_frames, 0u);
  EXPECT_EQ(device_->arena().free_count(), device_->arena().shape().frame_count);
}

TEST_F(QueueTest, wait_ends_for_a_packet_for_the_eventfd_and_at_its_time) {
  build(kEverything);
  const host::File wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  device_->wait(1ms, wake.fd());  // Nothing comes.
  from_kernel(plain("x"));
  device_->wait(1h, wake.fd());
  ASSERT_EQ(device_->receive(burst_), 1u);
  const std::uint64_t one = 1;
  ASSERT_EQ(write(wake.fd(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  device_->wait(1h, wake.fd());
  device_->wait(-1s, -1);
}

TEST_F(QueueTest, frame_nobody_wanted_is_counted_and_returned) {
  build(kEverything);
  from_kernel(plain("x"));
  ASSERT_EQ(device_->receive(burst_), 1u);
  device_->pass(std::move(burst_[0]));
  EXPECT_EQ(device_->stats().passed_frames, 1u);
}

}  // namespace
}  // namespace windhover::backends::tun
