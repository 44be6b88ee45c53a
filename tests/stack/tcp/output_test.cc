#include "stack/tcp/output.h"

#include <gtest/gtest.h>

#include "tests/stack/tcp/peer.h"

namespace windhover::stack::tcp::test {
namespace {

/// How the device takes frames.
struct Offloads {
  const char* name;
  bool partial_checksum = false;
  bool gso = false;
  bool gather = false;
};

class EveryDevice : public testing::TestWithParam<Offloads> {
 protected:
  static Scenario scenario(bool v6 = false) {
    Scenario scenario;
    scenario.v6 = v6;
    scenario.timestamps = true;
    scenario.wire.partial_checksum = GetParam().partial_checksum;
    scenario.wire.gso = GetParam().gso;
    scenario.wire.gather = GetParam().gather;
    return scenario;
  }
};

// The Peer checks the checksum of each segment: complete, or partial with the pseudo-header's sum, as the device asked.
TEST_P(EveryDevice, carries_copied_and_shared_bytes_of_any_alignment) {
  for (const bool v6 : {false, true}) {
    Peer peer(scenario(v6));
    App& app = peer.establish();
    const std::string stream = text(13'001);
    std::size_t at = 0;
    for (const std::size_t size : {1U, 2U, 3U, 511U, 512U, 513U, 2049U, 4410U, 5000U}) {
      const base::Slice slice = base::copy_to_heap(base::as_bytes(stream));
      if (size % 2 == 1) {
        EXPECT_TRUE(app.connection->send(slice.part(at, size)));
      } else {
        EXPECT_EQ(app.connection->send(slice.part(at, size).bytes()), size);
      }
      at += size;
    }
    ASSERT_EQ(at, stream.size());
    std::string arrived;
    for (const Segment& segment : peer.take_all()) arrived += segment.payload;
    EXPECT_EQ(arrived, stream);
  }
}

TEST_P(EveryDevice, carries_odd_tiny_writes) {
  Peer peer(scenario());
  App& app = peer.establish();
  std::string stream;
  app.connection->cork(true);
  for (std::size_t size = 0; size < 40; ++size) {
    stream += text(size);
    app.send(text(size));
  }
  app.connection->cork(false);
  peer.expect({.flags = kPshAck, .payload = stream});
}

INSTANTIATE_TEST_SUITE_P(Each, EveryDevice,
                         testing::Values(Offloads{"plain"}, Offloads{"checksum", true}, Offloads{"gso", true, true},
                                         Offloads{"gather", false, false, true},
                                         Offloads{"everything", true, true, true}),
                         [](const auto& device) { return std::string(device.param.name); });

TEST(Output, segments_are_full_and_the_last_is_pushed) {
  Peer peer;
  App& app = peer.establish();
  app.send(text(3000));
  peer.expect({.flags = kTcpAck, .seq = 1, .size = 1460});
  peer.expect({.flags = kTcpAck, .seq = 1461, .size = 1460});
  peer.expect({.flags = kPshAck, .seq = 2921, .size = 80});
}

// RFC 6691 §2: options come out of the segment's payload, not on top of it.
TEST(Output, options_count_against_the_segment_size) {
  Scenario scenario;
  scenario.timestamps = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(3000));
  peer.expect({.size = 1448});
  peer.expect({.size = 1448});
  peer.expect({.size = 104});
}

TEST(Output, sack_blocks_count_against_the_segment_size_too) {
  Scenario scenario;
  scenario.timestamps = scenario.sack = true;
  Peer peer(scenario);
  App& app = peer.establish();
  for (const std::uint32_t seq : {11U, 21U, 31U}) peer.send({.seq = seq, .payload = "x"});
  peer.take_all();
  app.send(text(3000));
  const std::vector<Segment> sent = peer.take_all();
  std::string arrived;
  for (const Segment& segment : sent) {
    EXPECT_LE(segment.packet.size(), 1500U);
    EXPECT_EQ(segment.options.sack_count, 3);
    arrived += segment.payload;
  }
  EXPECT_EQ(arrived, text(3000));
}

TEST(Output, nothing_waits_for_an_acknowledgement_before_a_small_write_leaves) {
  Peer peer;
  App& app = peer.establish();
  for (const char* word : {"one", "two", "three"}) {
    app.send(word);
    peer.expect({.flags = kPshAck, .payload = word});
  }
}

TEST(Output, writes_of_one_event_share_a_segment) {
  Peer peer;
  App& app = peer.establish();
  app.when_data = [](Connection& connection, std::string_view) {
    connection.send(base::as_bytes("head "));
    connection.send(base::copy_to_heap(base::as_bytes("body")));
  };
  peer.send({.flags = kPshAck, .payload = "request"});
  peer.expect({.flags = kPshAck, .ack = 8, .payload = "head body"});
}

TEST(Output, a_super_frame_says_how_to_cut_it) {
  Scenario scenario;
  scenario.wire.gso = scenario.wire.gather = true;
  scenario.timestamps = true;
  scenario.window_scale = 7;
  for (const bool v6 : {false, true}) {
    scenario.v6 = v6;
    Peer peer(scenario);
    App& app = peer.establish();
    EXPECT_TRUE(app.connection->send(base::copy_to_heap(base::as_bytes(text(14'000)))));
    const Segment segment = peer.expect({.flags = kPshAck, .seq = 1, .payload = text(14'000)});
    EXPECT_EQ(segment.offload.gso, v6 ? link::Gso::kTcp6 : link::Gso::kTcp4);
    EXPECT_EQ(segment.offload.gso_size, v6 ? 1428 : 1448);
    EXPECT_EQ(segment.offload.header_size, (v6 ? 40 : 20) + 32);
    EXPECT_EQ(segment.offload.checksum, link::Checksum::kPartial);
  }
}

TEST(Output, a_single_segment_asks_for_no_cutting) {
  Scenario scenario;
  scenario.wire.gso = true;
  Peer peer(scenario);
  App& app = peer.establish();
  app.send(text(1460));
  const Segment segment = peer.expect({.size = 1460});
  EXPECT_EQ(segment.offload.gso, link::Gso::kNone);
  EXPECT_EQ(segment.offload.gso_size, 0);
}

TEST(Output, a_super_frame_is_built_only_of_as_many_segments_as_make_it_cheaper) {
  Scenario scenario;
  scenario.wire.gso = scenario.wire.gather = true;
  scenario.gso_segments_min = 4;
  Peer peer(scenario);
  App& app = peer.establish();
  const std::string few = text(3 * 1460);
  EXPECT_TRUE(app.connection->send(base::copy_to_heap(base::as_bytes(few))));
  for (std::uint32_t at = 0; at < 3; ++at) {
    const Segment segment = peer.expect(
        {.flags = at == 2 ? kPshAck : kTcpAck, .seq = 1 + at * 1460, .payload = few.substr(at * 1460, 1460)});
    EXPECT_EQ(segment.offload.gso, link::Gso::kNone);
  }
  peer.expect_nothing();
  peer.send({});
  const std::string enough = text(3 * 1460 + 1);
  EXPECT_TRUE(app.connection->send(base::copy_to_heap(base::as_bytes(enough))));
  const Segment segment = peer.expect({.flags = kPshAck, .seq = 1 + 3 * 1460, .payload = enough});
  EXPECT_EQ(segment.offload.gso, link::Gso::kTcp4);
  EXPECT_EQ(segment.offload.gso_size, 1460);
}

TEST(Output, what_is_sent_again_is_a_super_frame_under_the_same_condition) {
  Scenario scenario;
  scenario.wire.gso = scenario.wire.gather = true;
  scenario.gso_segments_min = 4;
  Peer peer(scenario);
  App& app = peer.establish();
  EXPECT_TRUE(app.connection->send(base::copy_to_heap(base::as_bytes(text(2 * 1460)))));
  peer.take_all();
  peer.advance(3s);
  const std::vector<Segment> again = peer.take_all();
  ASSERT_FALSE(again.empty());
  for (const Segment& segment : again) EXPECT_EQ(segment.offload.gso, link::Gso::kNone);
}

TEST(Output, a_super_frame_never_exceeds_what_ip_can_count) {
  Scenario scenario;
  scenario.wire.gso = scenario.wire.gather = true;
  scenario.window_scale = 7;
  Peer peer(scenario);
  App& app = peer.establish();
  const base::Slice slice = base::copy_to_heap(base::as_bytes(text(4'000'000)));
  EXPECT_TRUE(app.connection->send(slice));
  std::size_t largest = 0;
  for (int round = 0; round < 12; ++round) {
    for (const Segment& segment : peer.take_all()) largest = std::max(largest, segment.packet.size());
    peer.send({});
  }
  peer.take_all();
  EXPECT_LE(largest, 65'535U);
  EXPECT_GT(largest, 60'000U);
}

// Backpressure, not loss: what found no frame goes as soon as there is one.
TEST(Output, without_a_free_frame_data_waits) {
  Scenario scenario;
  scenario.wire.transmit_frames = 4;
  Peer peer(scenario);
  App& app = peer.establish();
  link::FrameArena& arena = peer.pair.first().arena();
  std::vector<link::Frame> hoard;
  while (link::Frame frame = arena.allocate()) hoard.push_back(std::move(frame));
  app.send("waiting");
  peer.expect_nothing();
  EXPECT_GE(peer.drops(Drop::kTransmitNoFrame), 1U);
  hoard.clear();
  peer.advance(1ms);
  peer.expect({.flags = kPshAck, .payload = "waiting"});
}

TEST(Output, connections_take_turns) {
  Scenario scenario;
  scenario.window_scale = 7;
  scenario.tcp.initial_window = 200;
  Peer peer(scenario);
  App& first = peer.establish();
  peer.new_flow(41000);
  App& second = peer.establish();
  first.connection->send(base::copy_to_heap(base::as_bytes(text(200'000))));
  second.connection->send(base::copy_to_heap(base::as_bytes(text(10'000))));
  link::Burst burst;
  peer.stack->output(peer.now, burst);
  std::size_t of_second = 0;
  for (link::Frame& frame : burst.frames()) of_second += base::load_be<std::uint16_t>(&frame.bytes()[22]) == 41000;
  EXPECT_GT(of_second, 0U);
  EXPECT_LT(of_second, burst.size());
  burst.clear();
  peer.take_all();
}

TEST(Output, a_burst_is_never_overfilled_and_more_is_announced) {
  Scenario scenario;
  scenario.window_scale = 7;
  scenario.tcp.initial_window = 200;
  scenario.wire.transmit_frames = 512;
  Peer peer(scenario);
  App& app = peer.establish();
  app.connection->send(base::copy_to_heap(base::as_bytes(text(200'000))));
  link::Burst burst;
  peer.stack->output(peer.now, burst);
  EXPECT_TRUE(burst.full());
  EXPECT_LE(peer.stack->next_deadline(), peer.now);
  burst.clear();
  peer.stack->output(peer.now, burst);
  EXPECT_FALSE(burst.empty());
  burst.clear();
  peer.take_all();
}

}  // namespace
}  // namespace windhover::stack::tcp::test
