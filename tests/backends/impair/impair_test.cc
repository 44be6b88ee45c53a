#include "backends/impair/impair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "backends/impair/random.h"
#include "backends/memory/pair.h"
#include "stack/base/setup_error.h"
#include "stack/wire/checksum.h"

namespace windhover::backends::impair {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using base::as_bytes;
using base::as_text;
using namespace std::chrono_literals;

constexpr int kMany = 10000;

/// A pair whose first end is behind an impaired device.
class ImpairTest : public testing::Test {
 protected:
  void build(const Config& config, const memory::Config& below = {}) {
    device_.reset();
    pair_ = std::make_unique<memory::Pair>(below);
    device_ = std::make_unique<Impair>(pair_->first(), config, [this] { return now_; });
  }

  static link::Frame make_frame(link::Device& device, std::string_view text) {
    link::Frame frame = device.arena().allocate();
    std::ranges::copy(as_bytes(text), frame.append(text.size()).begin());
    return frame;
  }
  static void send(link::Device& device, std::string_view text) {
    link::Frame frame = make_frame(device, text);
    ASSERT_EQ(device.transmit({&frame, 1}), 1u);
  }
  /// The texts that have arrived at a device.
  static std::vector<std::string> arrived(link::Device& device) {
    std::vector<std::string> texts;
    link::Burst burst;
    while (device.receive(burst) != 0) {
      for (const link::Frame& frame : burst.frames()) texts.emplace_back(as_text(frame.bytes()));
      burst.clear();
    }
    return texts;
  }
  std::vector<std::string> at_peer() { return arrived(pair_->second()); }
  link::Device& peer() { return pair_->second(); }

  /// Sends numbered frames one by one, each at its own millisecond, and returns what reached the peer.
  std::vector<std::string> send_numbered(int count) {
    std::vector<std::string> texts;
    for (int at = 0; at < count; ++at) {
      send(*device_, std::to_string(at));
      now_ += 1ms;
      device_->flush();
      std::ranges::move(at_peer(), std::back_inserter(texts));
    }
    return texts;
  }

  base::Instant now_{};
  std::unique_ptr<memory::Pair> pair_;
  std::unique_ptr<Impair> device_;
};

using Texts = std::vector<std::string>;

TEST(Random, gives_the_published_numbers) {
  // SplitMix64 from seed 1234567, as Rosetta Code and the author's own program print it.
  Random random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317u);
  EXPECT_EQ(random.next(), 3203168211198807973u);
  EXPECT_EQ(random.next(), 9817491932198370423u);
}

TEST(Random, chance_is_never_at_zero_and_always_at_one) {
  Random random(1);
  for (int at = 0; at < kMany; ++at) {
    EXPECT_FALSE(random.chance(0));
    EXPECT_TRUE(random.chance(1));
    EXPECT_LT(random.below(7), 7u);
  }
}

TEST_F(ImpairTest, clean_profile_passes_frames_at_once_and_keeps_backpressure) {
  build({}, {.ring_frames = 1});
  send(*device_, "a");
  link::Frame next = make_frame(*device_, "b");
  EXPECT_EQ(device_->transmit({&next, 1}), 0u);
  EXPECT_TRUE(next);
  EXPECT_EQ(device_->next_deadline(), base::kNever);
  EXPECT_EQ(at_peer(), Texts{"a"});
  send(peer(), "c");
  EXPECT_EQ(arrived(*device_), Texts{"c"});
}

TEST_F(ImpairTest, total_loss_loses_all_in_one_direction_only) {
  build({.transmit = {.loss = 1}});
  send(*device_, "a");
  send(peer(), "b");
  EXPECT_TRUE(at_peer().empty());
  EXPECT_EQ(arrived(*device_), Texts{"b"});
  EXPECT_EQ(device_->transmit_stats().lost, 1u);
  EXPECT_EQ(pair_->first().arena().free_count(), pair_->first().arena().shape().frame_count);
}

TEST_F(ImpairTest, loss_comes_about_as_often_as_asked) {
  build({.transmit = {.loss = 0.1}});
  const auto texts = send_numbered(kMany);
  EXPECT_NEAR(static_cast<double>(kMany) - static_cast<double>(texts.size()), kMany * 0.1, kMany * 0.01);
  EXPECT_EQ(device_->transmit_stats().lost, kMany - texts.size());
}

TEST_F(ImpairTest, same_seed_replays_and_another_one_does_not) {
  const Profile profile{.loss = 0.2, .duplicate = 0.2, .reorder = 0.2, .delay = 3ms, .jitter = 5ms};
  build({.seed = 7, .transmit = profile});
  const auto once = send_numbered(200);
  now_ = {};
  build({.seed = 7, .transmit = profile});
  EXPECT_EQ(send_numbered(200), once);
  now_ = {};
  build({.seed = 8, .transmit = profile});
  EXPECT_NE(send_numbered(200), once);
}

TEST_F(ImpairTest, one_direction_does_not_shift_what_happens_in_the_other) {
  build({.seed = 7, .transmit = {.loss = 0.3}});
  const auto alone = send_numbered(200);
  now_ = {};
  build({.seed = 7, .transmit = {.loss = 0.3}, .receive = {.loss = 0.5}});
  send(peer(), "noise");
  arrived(*device_);
  EXPECT_EQ(send_numbered(200), alone);
}

TEST_F(ImpairTest, duplicated_frame_arrives_twice) {
  build({.receive = {.duplicate = 1}});
  send(peer(), "a");
  EXPECT_EQ(arrived(*device_), (Texts{"a", "a"}));
  EXPECT_EQ(device_->receive_stats().offered, 1u);
  EXPECT_EQ(device_->receive_stats().duplicated, 1u);
  EXPECT_EQ(device_->receive_stats().delivered, 2u);
}

TEST_F(ImpairTest, delayed_frame_arrives_when_it_is_due_and_not_before) {
  build({.transmit = {.delay = 10ms}, .receive = {.delay = 20ms}});
  send(*device_, "out");
  send(peer(), "in");
  EXPECT_TRUE(arrived(*device_).empty());
  EXPECT_EQ(device_->next_deadline(), base::Instant(10ms));

  now_ = base::Instant(10ms - 1ns);
  EXPECT_TRUE(device_->flush());
  EXPECT_TRUE(at_peer().empty());
  now_ = base::Instant(10ms);
  EXPECT_TRUE(device_->flush());
  EXPECT_EQ(at_peer(), Texts{"out"});

  EXPECT_EQ(device_->next_deadline(), base::Instant(20ms));
  now_ = base::Instant(20ms - 1ns);
  EXPECT_TRUE(arrived(*device_).empty());
  now_ = base::Instant(20ms);
  EXPECT_EQ(arrived(*device_), Texts{"in"});
  EXPECT_EQ(device_->next_deadline(), base::kNever);
}

TEST_F(ImpairTest, receive_alone_moves_both_directions) {
  build({.transmit = {.delay = 1ms}});
  send(*device_, "out");
  now_ += 1ms;
  link::Burst burst;
  device_->receive(burst);
  EXPECT_EQ(at_peer(), Texts{"out"});
}

TEST_F(ImpairTest, delayed_frames_pin_no_buffer_of_the_device) {
  build({.transmit = {.delay = 1s}, .receive = {.delay = 1s}});
  const auto free = [](link::Device& device) { return device.arena().free_count(); };
  const std::size_t all = free(pair_->first());
  for (int at = 0; at < 100; ++at) {
    send(*device_, "out");
    send(peer(), "in");
  }
  link::Burst burst;
  while (device_->receive(burst) != 0) {
  }
  device_->receive(burst);
  EXPECT_EQ(free(pair_->first()), all);
  EXPECT_EQ(free(peer()), all);
}

TEST_F(ImpairTest, held_back_frame_is_overtaken) {
  // Of seeds tried in order, take the first that holds back the first frame and not the second.
  for (std::uint64_t seed = 1; seed < 100; ++seed) {
    now_ = {};
    build({.seed = seed, .transmit = {.reorder = 0.5, .reorder_hold = 2ms}});
    send(*device_, "first");
    if (device_->transmit_stats().reordered != 1) continue;
    send(*device_, "second");
    if (device_->transmit_stats().reordered != 1) continue;
    EXPECT_EQ(at_peer(), Texts{"second"});
    EXPECT_EQ(device_->next_deadline(), base::Instant(2ms));
    now_ += 2ms;
    device_->flush();
    EXPECT_EQ(at_peer(), Texts{"first"});
    return;
  }
  FAIL() << "no seed reorders";
}

TEST_F(ImpairTest, frames_due_at_one_moment_keep_their_order) {
  build({.transmit = {.delay = 5ms}});
  Texts sent;
  for (int at = 0; at < 40; ++at) {
    sent.push_back(std::to_string(at));
    send(*device_, sent.back());
  }
  now_ += 5ms;
  device_->flush();
  EXPECT_EQ(at_peer(), sent);
}

TEST_F(ImpairTest, rate_spaces_frames_and_its_queue_is_bounded) {
  build({.transmit = {.rate = 1000, .rate_queue = 250}});  // A frame of 100 bytes takes 100 ms.
  const std::string frame(100, 'x');
  for (int at = 0; at < 4; ++at) send(*device_, frame);
  EXPECT_EQ(device_->transmit_stats().overflowed, 2u);
  EXPECT_EQ(device_->next_deadline(), base::Instant(100ms));
  now_ = base::Instant(100ms);
  device_->flush();
  EXPECT_EQ(at_peer().size(), 1u);
  EXPECT_EQ(device_->next_deadline(), base::Instant(200ms));
  send(*device_, frame);  // There is room again, behind the one that is being sent.
  EXPECT_EQ(device_->transmit_stats().overflowed, 2u);
  now_ = base::Instant(300ms);
  device_->flush();
  EXPECT_EQ(at_peer().size(), 2u);
}

TEST_F(ImpairTest, cut_loses_what_enters_while_it_lasts) {
  build({.transmit = {.cut_from = base::Instant(10ms), .cut_until = base::Instant(20ms)}});
  for (const auto& [at, text] :
       {std::pair{10ms - 1ns, "before"}, {10ms + 0ns, "from"}, {20ms - 1ns, "last"}, {20ms + 0ns, "until"}}) {
    now_ = base::Instant(at);
    send(*device_, text);
  }
  EXPECT_EQ(at_peer(), (Texts{"before", "until"}));
  EXPECT_EQ(device_->transmit_stats().lost, 2u);
}

TEST_F(ImpairTest, full_line_loses_what_comes_then) {
  build({.transmit = {.delay = 1s}, .line_frames = 3});
  for (int at = 0; at < 5; ++at) send(*device_, std::to_string(at));
  EXPECT_EQ(device_->transmit_stats().overflowed, 2u);
  now_ += 1s;
  device_->flush();
  EXPECT_EQ(at_peer(), (Texts{"0", "1", "2"}));
}

TEST_F(ImpairTest, frame_the_device_below_refuses_stays_on_the_line) {
  build({.transmit = {.delay = 1ms}}, {.ring_frames = 1});
  send(*device_, "a");
  send(*device_, "b");
  now_ += 1ms;
  EXPECT_FALSE(device_->flush());
  EXPECT_EQ(at_peer(), Texts{"a"});
  EXPECT_TRUE(device_->flush());
  EXPECT_EQ(at_peer(), Texts{"b"});
  const LineStats& stats = device_->transmit_stats();
  EXPECT_EQ(stats.offered + stats.duplicated, stats.delivered + stats.lost + stats.overflowed);
}

TEST_F(ImpairTest, super_frame_with_pieces_crosses_a_gathering_device_whole) {
  build({.transmit = {.delay = 1ms}}, {.gso = true, .gather = true});
  const std::string body(50000, 'b');
  link::Frame frame = make_frame(*device_, "head");
  ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes(body))));
  frame.offload() = {.checksum = link::Checksum::kPartial, .gso = link::Gso::kTcp4, .gso_size = 1460};
  ASSERT_EQ(device_->transmit({&frame, 1}), 1u);
  now_ += 1ms;
  device_->flush();
  link::Burst burst;
  ASSERT_EQ(peer().receive(burst), 1u);
  EXPECT_EQ(as_text(burst[0].bytes()), "head" + body);
  EXPECT_EQ(burst[0].offload().gso, link::Gso::kTcp4);
  EXPECT_EQ(burst[0].offload().checksum, link::Checksum::kPartial);
}

unsigned differing_bits(std::string_view one, std::string_view other) {
  unsigned count = 0;
  for (std::size_t at = 0; at < one.size(); ++at) {
    count += static_cast<unsigned>(std::popcount(static_cast<unsigned char>(one[at] ^ other[at])));
  }
  return count;
}

TEST_F(ImpairTest, corrupted_frame_differs_in_one_bit) {
  build({.receive = {.corrupt = 1}});
  const std::string text(64, 'p');
  for (int at = 0; at < 100; ++at) send(peer(), text);
  const Texts texts = arrived(*device_);
  ASSERT_EQ(texts.size(), 100u);
  for (const std::string& got : texts) EXPECT_EQ(differing_bits(got, text), 1u);
  EXPECT_GT(std::ranges::count_if(texts, [&](const std::string& got) { return got != texts[0]; }), 50);
  EXPECT_EQ(device_->receive_stats().corrupted, 100u);
}

TEST_F(ImpairTest, corrupted_frame_with_a_partial_checksum_can_be_noticed) {
  build({.receive = {.corrupt = 1}}, {.gso = true});
  constexpr std::size_t kTransport = 20;
  for (int round = 0; round < 200; ++round) {
    link::Frame frame = peer().arena().allocate();
    const base::MutableBytes bytes = frame.append(3000 + static_cast<std::size_t>(round % 2));
    for (std::size_t at = 0; at < bytes.size(); ++at) bytes[at] = static_cast<std::uint8_t>(at);
    // Source and destination address stand in for the whole pseudo-header.
    const stack::wire::Sum pseudo = stack::wire::sum(bytes.subspan(12, 8));
    base::store_be(bytes.data() + kTransport + 16, pseudo.fold());
    frame.offload() = {.checksum = link::Checksum::kPartial,
                       .gso = link::Gso::kTcp4,
                       .csum_start = kTransport,
                       .csum_offset = 16,
                       .gso_size = 1460,
                       .header_size = 40};
    ASSERT_EQ(peer().transmit({&frame, 1}), 1u);
    link::Burst burst;
    ASSERT_EQ(device_->receive(burst), 1u);
    EXPECT_EQ(burst[0].offload().checksum, link::Checksum::kNone);
    EXPECT_EQ(burst[0].offload().gso, link::Gso::kNone);
    const base::Bytes got = burst[0].bytes();
    const auto sum = stack::wire::sum(got.subspan(12, 8)) + stack::wire::sum(got.subspan(kTransport));
    bool header_hit = false;  // The first twelve bytes have a checksum of their own in a real packet.
    for (std::size_t at = 0; at < 12; ++at) header_hit |= got[at] != static_cast<std::uint8_t>(at);
    EXPECT_EQ(sum.valid(), header_hit);
  }
}

TEST_F(ImpairTest, verified_mark_does_not_survive_corruption) {
  build({.receive = {.corrupt = 1}});
  link::Frame frame = make_frame(peer(), "some packet");
  frame.offload().checksum = link::Checksum::kVerified;
  ASSERT_EQ(peer().transmit({&frame, 1}), 1u);
  link::Burst burst;
  ASSERT_EQ(device_->receive(burst), 1u);
  EXPECT_EQ(burst[0].offload().checksum, link::Checksum::kNone);
}

TEST_F(ImpairTest, on_ethernet_only_ip_is_corrupted_and_the_rest_is_lost) {
  build({.receive = {.corrupt = 1}}, {.medium = link::Medium::kEthernet});
  const std::string macs(12, 'm');
  const std::string payload(40, 'p');
  send(peer(), macs + std::string("\x08\x06", 2) + payload);                  // ARP.
  send(peer(), "runt");                                                       // Not even a link header.
  send(peer(), macs + std::string("\x08\x00", 2));                            // Nothing to corrupt.
  send(peer(), macs + std::string("\x86\xdd", 2) + payload);                  // IPv6.
  send(peer(), macs + std::string("\x81\x00\x00\x05\x08\x00", 6) + payload);  // IPv4 behind a VLAN tag.
  const Texts texts = arrived(*device_);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts[0].substr(0, 14), macs + std::string("\x86\xdd", 2));
  EXPECT_EQ(differing_bits(texts[0].substr(14), payload), 1u);
  EXPECT_EQ(texts[1].substr(0, 18), macs + std::string("\x81\x00\x00\x05\x08\x00", 6));
  EXPECT_EQ(device_->receive_stats().lost, 3u);
  EXPECT_EQ(device_->receive_stats().corrupted, 2u);
}

TEST_F(ImpairTest, probability_beyond_its_range_is_a_set_up_error) {
  for (const double value : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(build({.transmit = {.loss = value}}), base::SetupError);
    EXPECT_THROW(build({.receive = {.corrupt = value}}), base::SetupError);
  }
}

TEST_F(ImpairTest, destroyed_with_frames_on_the_line_loses_none_of_them) {
  build({.transmit = {.delay = 1s},
         .receive = {.delay = 1s}});  // The stores check at their end that every frame is back.
  send(*device_, "out");
  send(peer(), "in");
  EXPECT_TRUE(arrived(*device_).empty());
}

}  // namespace
}  // namespace windhover::backends::impair
