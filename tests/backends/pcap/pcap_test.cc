#include "backends/pcap/pcap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "backends/memory/pair.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::pcap {
namespace {

namespace base = stack::base;
namespace link = stack::link;
using base::as_bytes;
using base::as_text;
using namespace std::chrono_literals;

/// One packet block as a reader finds it.
struct Packet {
  std::uint64_t time_ns = 0;
  std::uint32_t original_size = 0;
  std::uint32_t flags = 0;
  std::string data;
};

/// What a file holds, read by the format's description and not by the writer's code.
struct Capture {
  std::uint16_t link_type = 0;
  std::uint32_t snap_length = 0;
  std::string interface_name;
  int time_resolution = 6;
  std::vector<Packet> packets;
};

template <typename T>
T number(const std::string& file, std::size_t at) {
  T value{};
  EXPECT_LE(at + sizeof value, file.size());
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

std::size_t padded(std::size_t size) { return (size + 3) / 4 * 4; }

/// Calls each(code, value) for the options in [at, end).
template <typename Each>
void for_each_option(const std::string& file, std::size_t at, std::size_t end, Each&& each) {
  while (at + 4 <= end) {
    const auto code = number<std::uint16_t>(file, at);
    const auto size = number<std::uint16_t>(file, at + 2);
    if (code == 0) return;
    each(code, file.substr(at + 4, size));
    at += 4 + padded(size);
  }
}

Capture parse(const std::string& file) {
  Capture capture;
  EXPECT_EQ(number<std::uint32_t>(file, 0), 0x0a0d0d0au);
  EXPECT_EQ(number<std::uint32_t>(file, 8), 0x1a2b3c4du);
  std::size_t at = 0;
  while (at < file.size()) {
    const auto type = number<std::uint32_t>(file, at);
    const auto length = number<std::uint32_t>(file, at + 4);
    EXPECT_EQ(length % 4, 0u);
    if (length < 12 || at + length > file.size()) {
      ADD_FAILURE() << "block of " << length << " bytes at " << at << " of " << file.size();
      return capture;
    }
    const std::size_t end = at + length - 4;
    EXPECT_EQ(number<std::uint32_t>(file, end), length);
    if (type == 1) {
      capture.link_type = number<std::uint16_t>(file, at + 8);
      capture.snap_length = number<std::uint32_t>(file, at + 12);
      for_each_option(file, at + 16, end, [&](std::uint16_t code, const std::string& value) {
        if (code == 2) capture.interface_name = value;
        if (code == 9) capture.time_resolution = static_cast<unsigned char>(value[0]);
      });
    } else if (type == 6) {
      Packet packet;
      packet.time_ns = std::uint64_t{number<std::uint32_t>(file, at + 12)} << 32 | number<std::uint32_t>(file, at + 16);
      const auto kept = number<std::uint32_t>(file, at + 20);
      packet.original_size = number<std::uint32_t>(file, at + 24);
      packet.data = file.substr(at + 28, kept);
      for_each_option(file, at + 28 + padded(kept), end, [&](std::uint16_t code, const std::string& value) {
        if (code == 2) std::memcpy(&packet.flags, value.data(), sizeof packet.flags);
      });
      capture.packets.push_back(std::move(packet));
    }
    at += length;
  }
  return capture;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class PcapTest : public testing::Test {
 protected:
  PcapTest() {
    std::string pattern = testing::TempDir() + "windhover-pcap-XXXXXX";
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  ~PcapTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ + "/capture.pcapng"; }
  Capture capture() const { return parse(read_file(path())); }
  Clock clock() {
    return [this] { return now_; };
  }

  static link::Frame make_frame(link::Device& device, std::string_view text) {
    link::Frame frame = device.arena().allocate();
    std::ranges::copy(as_bytes(text), frame.append(text.size()).begin());
    return frame;
  }
  static std::size_t send(link::Device& device, std::string_view text) {
    link::Frame frame = make_frame(device, text);
    return device.transmit({&frame, 1});
  }

  base::Instant now_{};
  std::string folder_;
};

TEST_F(PcapTest, writes_both_directions_with_time_and_flags) {
  memory::Pair pair({});
  {
    Pcap device(pair.first(), {.path = path(), .epoch_offset = 1700000000s}, clock());
    now_ += 5ns;
    ASSERT_EQ(send(device, "out"), 1u);
    ASSERT_EQ(send(pair.second(), "inbound"), 1u);
    now_ += 2s;
    link::Burst burst;
    ASSERT_EQ(device.receive(burst), 1u);
    EXPECT_EQ(as_text(burst[0].bytes()), "inbound");
  }
  const Capture read = capture();
  EXPECT_EQ(read.link_type, 101);
  EXPECT_EQ(read.interface_name, "memory0");
  EXPECT_EQ(read.time_resolution, 9);
  ASSERT_EQ(read.packets.size(), 2u);
  EXPECT_EQ(read.packets[0].data, "out");
  EXPECT_EQ(read.packets[0].flags, 2u);
  EXPECT_EQ(read.packets[0].time_ns, 1700000000'000000005u);
  EXPECT_EQ(read.packets[1].data, "inbound");
  EXPECT_EQ(read.packets[1].flags, 1u);
  EXPECT_EQ(read.packets[1].time_ns, 1700000002'000000005u);
}

TEST_F(PcapTest, ethernet_device_has_the_ethernet_link_type) {
  memory::Pair pair({.medium = link::Medium::kEthernet});
  { Pcap device(pair.first(), {.path = path()}, clock()); }
  EXPECT_EQ(capture().link_type, 1);
}

TEST_F(PcapTest, frames_the_device_below_did_not_take_are_not_written) {
  memory::Pair pair({.ring_frames = 2});
  {
    Pcap device(pair.first(), {.path = path()}, clock());
    std::array<link::Frame, 4> frames;
    for (std::size_t at = 0; at < frames.size(); ++at) frames[at] = make_frame(device, std::to_string(at));
    EXPECT_EQ(device.transmit(frames), 2u);
    EXPECT_EQ(device.writer().written_frames(), 2u);
    link::Burst burst;
    pair.second().receive(burst);
    EXPECT_EQ(device.transmit(std::span(frames).subspan(2)), 2u);
  }
  const Capture read = capture();
  ASSERT_EQ(read.packets.size(), 4u);
  for (std::size_t at = 0; at < 4; ++at) EXPECT_EQ(read.packets[at].data, std::to_string(at));
}

TEST_F(PcapTest, pieces_follow_the_linear_bytes_and_offload_is_left_alone) {
  memory::Pair pair({.gso = true, .gather = true});
  {
    Pcap device(pair.first(), {.path = path()}, clock());
    link::Frame frame = make_frame(device, "head");
    ASSERT_TRUE(frame.attach(base::copy_to_heap(as_bytes("+body"))));
    frame.offload() = {.checksum = link::Checksum::kPartial, .csum_start = 0, .csum_offset = 2};
    ASSERT_EQ(device.transmit({&frame, 1}), 1u);
  }
  link::Burst burst;
  ASSERT_EQ(pair.second().receive(burst), 1u);
  EXPECT_EQ(burst[0].offload().checksum, link::Checksum::kPartial);
  const Capture read = capture();
  ASSERT_EQ(read.packets.size(), 1u);
  EXPECT_EQ(read.packets[0].data, "head+body");
}

TEST_F(PcapTest, long_frame_is_cut_to_the_snap_length_and_keeps_its_size) {
  memory::Pair pair({});
  {
    Pcap device(pair.first(), {.path = path(), .snap_length = 6}, clock());
    ASSERT_EQ(send(device, "123456789"), 1u);
  }
  const Capture read = capture();
  EXPECT_EQ(read.snap_length, 6u);
  ASSERT_EQ(read.packets.size(), 1u);
  EXPECT_EQ(read.packets[0].data, "123456");
  EXPECT_EQ(read.packets[0].original_size, 9u);
}

TEST_F(PcapTest, bound_of_the_file_ends_the_capture_and_not_the_traffic) {
  memory::Pair pair({});
  {
    Pcap device(pair.first(), {.path = path(), .file_size_max = 300}, clock());
    for (int at = 0; at < 10; ++at) ASSERT_EQ(send(device, "sixteen bytes..."), 1u);
    EXPECT_FALSE(device.writer().capturing());
    EXPECT_NE(device.writer().failure().find("300 bytes"), std::string::npos);
    EXPECT_GT(device.writer().written_frames(), 0u);
    EXPECT_EQ(device.writer().written_frames() + device.writer().missed_frames(), 10u);
  }
  EXPECT_LE(read_file(path()).size(), 300u);
  EXPECT_GT(capture().packets.size(), 0u);
  EXPECT_EQ(pair.first().stats().transmitted_frames, 10u);
}

TEST_F(PcapTest, failed_write_ends_the_capture_and_not_the_traffic) {
  memory::Pair pair({});
  // /dev/full takes an open and refuses every write as a full disk does.
  Pcap device(pair.first(), {.path = "/dev/full"}, clock());
  EXPECT_FALSE(device.writer().capturing());
  EXPECT_NE(device.writer().failure().find("No space left"), std::string::npos);
  ASSERT_EQ(send(device, "still goes"), 1u);
  EXPECT_EQ(device.writer().missed_frames(), 1u);
  link::Burst burst;
  EXPECT_EQ(pair.second().receive(burst), 1u);
}

TEST_F(PcapTest, frames_reach_the_file_before_the_lane_sleeps) {
  memory::Pair pair({});
  Pcap device(pair.first(), {.path = path()}, clock());
  ASSERT_EQ(send(device, "x"), 1u);
  EXPECT_EQ(capture().packets.size(), 0u);
  device.wait(0ns, -1);
  EXPECT_EQ(capture().packets.size(), 1u);
}

TEST_F(PcapTest, many_bursts_of_the_longest_frames_are_all_written) {
  memory::Pair pair({.gso = true});
  {
    Pcap device(pair.first(), {.path = path()}, clock());
    for (int round = 0; round < 4; ++round) {
      std::array<link::Frame, link::kBurstMax> frames;
      for (link::Frame& frame : frames) {
        frame = device.arena().allocate();
        std::ranges::fill(frame.append(60000), static_cast<std::uint8_t>(round));
        frame.offload() = {.checksum = link::Checksum::kPartial, .gso = link::Gso::kTcp4, .gso_size = 1460};
      }
      ASSERT_EQ(device.transmit(frames), link::kBurstMax);
      link::Burst burst;
      ASSERT_EQ(pair.second().receive(burst), link::kBurstMax);
    }
  }
  const Capture read = capture();
  ASSERT_EQ(read.packets.size(), 4 * link::kBurstMax);
  for (std::size_t at = 0; at < read.packets.size(); ++at) {
    ASSERT_EQ(read.packets[at].data.size(), 60000u);
    ASSERT_EQ(read.packets[at].data[59999], static_cast<char>(at / link::kBurstMax));
  }
}

TEST_F(PcapTest, file_that_cannot_be_made_says_so) {
  memory::Pair pair({});
  try {
    Pcap device(pair.first(), {.path = folder_ + "/missing/file"}, clock());
    FAIL() << "no exception";
  } catch (const base::SetupError& error) {
    EXPECT_EQ(error.error(), ENOENT);
    EXPECT_NE(error.call().find("missing/file"), std::string::npos);
  }
}

TEST_F(PcapTest, tshark_reads_it) {
  if (std::system("command -v tshark >/dev/null 2>&1") != 0) {
    const char* const ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << "tshark is missing: apt install tshark";
    GTEST_SKIP() << "tshark is not installed";
  }
  memory::Pair pair({});
  {
    Pcap device(pair.first(), {.path = path(), .epoch_offset = 1700000000s}, clock());
    // An ICMP echo request from 10.66.0.1 to 10.66.0.2.
    constexpr std::array<std::uint8_t, 28> kEcho{0x45, 0, 0,  28, 0, 1, 0x40, 0, 64,   1,    0x26, 0x56, 10, 66,
                                                 0,    1, 10, 66, 0, 2, 8,    0, 0xf7, 0xfd, 0,    1,    0,  1};
    ASSERT_EQ(send(device, as_text(kEcho)), 1u);
  }
  const std::string command =
      "tshark -r " + path() +
      " -T fields -E separator=, -e frame.time_epoch -e frame.interface_name -e ip.src -e ip.dst "
      "-e icmp.type -e frame.p2p_dir 2>" +
      folder_ + "/stderr";
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::array<char, 512> line{};
  const char* const got = std::fgets(line.data(), line.size(), pipe);
  EXPECT_EQ(pclose(pipe), 0) << read_file(folder_ + "/stderr");
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(std::string(line.data()), "1700000000.000000000,memory0,10.66.0.1,10.66.0.2,8,0\n");
}

}  // namespace
}  // namespace windhover::backends::pcap
