#include "backends/host/vnet_header.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

namespace windhover::backends::host {
namespace {

namespace link = stack::link;

using Header = std::array<std::uint8_t, kVnetHeaderSize>;

Header make(std::uint8_t flags, std::uint8_t gso_type, std::uint16_t header_size, std::uint16_t gso_size,
            std::uint16_t csum_start, std::uint16_t csum_offset) {
  Header header{flags, gso_type};
  std::memcpy(header.data() + 2, &header_size, 2);
  std::memcpy(header.data() + 4, &gso_size, 2);
  std::memcpy(header.data() + 6, &csum_start, 2);
  std::memcpy(header.data() + 8, &csum_offset, 2);
  return header;
}

/// A packet of IPv4 and TCP lengths with a TCP header of `tcp_header` bytes.
std::vector<std::uint8_t> packet(std::size_t size, std::uint8_t tcp_header) {
  std::vector<std::uint8_t> bytes(size);
  if (size > 32) bytes[32] = static_cast<std::uint8_t>(tcp_header / 4 << 4);
  return bytes;
}

TEST(VnetHeader, plain_packet_has_no_offload) {
  const auto offload = read_vnet_header(Header{}.data(), packet(40, 20));
  ASSERT_TRUE(offload);
  EXPECT_EQ(offload->checksum, link::Checksum::kNone);
  EXPECT_EQ(offload->gso, link::Gso::kNone);
}

TEST(VnetHeader, valid_data_is_verified) {
  const auto offload = read_vnet_header(make(kVnetDataValid, 0, 0, 0, 0, 0).data(), packet(40, 20));
  ASSERT_TRUE(offload);
  EXPECT_EQ(offload->checksum, link::Checksum::kVerified);
}

TEST(VnetHeader, needed_checksum_is_partial_and_lies_inside_the_packet) {
  const Header header = make(kVnetNeedsChecksum, 0, 0, 0, 20, 16);
  const auto offload = read_vnet_header(header.data(), packet(38, 20));
  ASSERT_TRUE(offload);
  EXPECT_EQ(offload->checksum, link::Checksum::kPartial);
  EXPECT_EQ(offload->csum_start, 20);
  EXPECT_EQ(offload->csum_offset, 16);
  EXPECT_FALSE(read_vnet_header(header.data(), packet(37, 20)));
  EXPECT_FALSE(read_vnet_header(make(kVnetNeedsChecksum, 0, 0, 0, 0xffff, 0xffff).data(), packet(1500, 20)));
}

TEST(VnetHeader, super_frame_takes_its_header_size_from_the_tcp_header_not_from_the_hint) {
  const auto offload =
      read_vnet_header(make(kVnetNeedsChecksum, kVnetGsoTcp4, 9999, 1448, 20, 16).data(), packet(5000, 32));
  ASSERT_TRUE(offload);
  EXPECT_EQ(offload->gso, link::Gso::kTcp4);
  EXPECT_EQ(offload->gso_size, 1448);
  EXPECT_EQ(offload->header_size, 52);
}

TEST(VnetHeader, congestion_bit_beside_the_type_is_no_contradiction) {
  const auto offload =
      read_vnet_header(make(kVnetNeedsChecksum, kVnetGsoTcp6 | kVnetGsoEcn, 0, 1428, 20, 16).data(), packet(5000, 20));
  ASSERT_TRUE(offload);
  EXPECT_EQ(offload->gso, link::Gso::kTcp6);
}

TEST(VnetHeader, contradictions_are_refused) {
  const auto refused = [](const Header& header, const std::vector<std::uint8_t>& bytes) {
    return !read_vnet_header(header.data(), bytes);
  };
  EXPECT_TRUE(refused(make(kVnetNeedsChecksum, 3, 40, 1448, 20, 16), packet(5000, 20)));   // UDP fragmentation.
  EXPECT_TRUE(refused(make(kVnetNeedsChecksum, 99, 40, 1448, 20, 16), packet(5000, 20)));  // No known type.
  EXPECT_TRUE(refused(make(0, kVnetGsoTcp4, 40, 1448, 20, 16), packet(5000, 20)));         // No checksum asked for.
  EXPECT_TRUE(
      refused(make(kVnetNeedsChecksum, kVnetGsoTcp4, 40, 0, 20, 16), packet(5000, 20)));  // Segments of nothing.
  EXPECT_TRUE(
      refused(make(kVnetNeedsChecksum, kVnetGsoTcp4, 40, 1448, 20, 16), packet(5000, 16)));        // Half a TCP header.
  EXPECT_TRUE(refused(make(kVnetNeedsChecksum, kVnetGsoTcp4, 40, 1448, 20, 16), packet(50, 60)));  // It ends too early.
}

TEST(VnetHeader, every_truncation_is_refused_without_reading_beyond_it) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const map = mmap(nullptr, page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  auto* const memory = static_cast<std::uint8_t*>(map);
  ASSERT_EQ(mprotect(memory + page, page, PROT_NONE), 0);
  const Header header = make(kVnetNeedsChecksum, kVnetGsoTcp4, 52, 1448, 20, 16);
  const auto whole = packet(52, 32);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    std::uint8_t* const begin = memory + page - size;
    std::memcpy(begin, whole.data(), size);
    EXPECT_EQ(read_vnet_header(header.data(), {begin, size}).has_value(), size == whole.size()) << size;
  }
  munmap(map, page * 2);
}

TEST(VnetHeader, written_one_reads_back) {
  const link::Offload offload{.checksum = link::Checksum::kPartial,
                              .gso = link::Gso::kTcp6,
                              .csum_start = 20,
                              .csum_offset = 16,
                              .gso_size = 1440,
                              .header_size = 52};
  Header header;
  header.fill(0xee);
  write_vnet_header(offload, header.data());
  EXPECT_EQ(header, make(kVnetNeedsChecksum, kVnetGsoTcp6, 52, 1440, 20, 16));
  const auto read = read_vnet_header(header.data(), packet(5000, 32));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->gso, link::Gso::kTcp6);
  EXPECT_EQ(read->header_size, 52);
}

TEST(VnetHeader, frame_without_offload_writes_zeros) {
  Header header;
  header.fill(0xee);
  write_vnet_header({}, header.data());
  EXPECT_EQ(header, Header{});
  header.fill(0xee);
  write_vnet_header({.checksum = link::Checksum::kVerified}, header.data());
  EXPECT_EQ(header, Header{});
}

}  // namespace
}  // namespace windhover::backends::host
