#include "stack/wire/checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "stack/wire/checksum_paths.h"
#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

constexpr std::size_t kLengthMax = 600;
constexpr std::size_t kAlignments = 64;

/// RFC 1071 §1 word by word.
std::uint16_t reference_fold(base::Bytes bytes) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) total += std::uint64_t{bytes[i]} << (i % 2 == 0 ? 8 : 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  return static_cast<std::uint16_t>(total);
}

std::vector<std::uint8_t> random_bytes(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

struct Path {
  const char* name;
  Sum (*sum)(base::Bytes);
  Sum (*copy_and_sum)(base::MutableBytes, base::Bytes);
};

std::vector<Path> paths() {
  std::vector<Path> all{{"inline", [](base::Bytes bytes) { return sum(bytes); },
                         [](base::MutableBytes to, base::Bytes from) { return copy_and_sum(to, from); }},
                        {"portable", sum_portable, copy_and_sum_portable}};
  if (has_avx2()) all.push_back({"avx2", sum_avx2, copy_and_sum_avx2});
  return all;
}

/// The patterns that carries are lost on: all ones, a lone one, and noise.
std::vector<std::vector<std::uint8_t>> patterns() {
  constexpr std::size_t kSize = kLengthMax + kAlignments;
  std::vector<std::uint8_t> sparse(kSize);
  for (std::size_t i = 0; i < kSize; i += 61) sparse[i] = 1;
  return {std::vector<std::uint8_t>(kSize, 0xff), std::vector<std::uint8_t>(kSize, 0), sparse, random_bytes(kSize, 1),
          random_bytes(kSize, 2)};
}

TEST(ChecksumTest, every_path_agrees_with_the_reference_at_every_length_and_alignment) {
  for (const auto& pattern : patterns()) {
    for (std::size_t alignment = 0; alignment < kAlignments; ++alignment) {
      for (std::size_t length = 0; length <= kLengthMax; ++length) {
        const auto bytes = base::Bytes(pattern).subspan(alignment, length);
        const std::uint16_t expected = reference_fold(bytes);
        for (const Path& path : paths()) {
          ASSERT_EQ(path.sum(bytes).fold(), expected) << path.name << " length " << length << " at " << alignment;
        }
      }
    }
  }
}

TEST(ChecksumTest, copying_sums_alike_and_writes_exactly_what_it_was_given) {
  const auto pattern = random_bytes(kLengthMax + kAlignments, 3);
  for (const Path& path : paths()) {
    for (std::size_t alignment = 0; alignment < kAlignments; alignment += 7) {
      for (std::size_t length = 0; length <= kLengthMax; ++length) {
        const auto from = base::Bytes(pattern).subspan(alignment, length);
        std::vector<std::uint8_t> to(length + 4, 0xa5);
        ASSERT_EQ(path.copy_and_sum(base::MutableBytes(to).subspan(2, length), from).fold(), reference_fold(from));
        ASSERT_TRUE(std::equal(from.begin(), from.end(), to.begin() + 2)) << path.name << " length " << length;
        ASSERT_EQ(to[0] & to[1] & to[length + 2] & to[length + 3], 0xa5) << path.name << " length " << length;
      }
    }
  }
}

TEST(ChecksumTest, no_path_reads_or_writes_past_its_input) {
  const auto pattern = random_bytes(kLengthMax, 4);
  for (std::size_t length = 0; length <= 200; ++length) {
    const Guarded from(base::Bytes(pattern).first(length));
    const Guarded to(base::Bytes(pattern).first(length));
    for (const Path& path : paths()) {
      EXPECT_EQ(path.sum(from.bytes()).fold(), path.copy_and_sum(to.bytes(), from.bytes()).fold());
    }
  }
}

TEST(ChecksumTest, long_input_of_all_ones_loses_no_carry) {
  const std::vector<std::uint8_t> ones(65535, 0xff);
  for (const Path& path : paths()) EXPECT_EQ(path.sum(ones).fold(), reference_fold(ones)) << path.name;
}

TEST(ChecksumTest, parts_split_anywhere_combine_to_the_whole) {
  const auto whole = random_bytes(301, 5);
  const std::uint16_t expected = reference_fold(whole);
  for (std::size_t split = 0; split <= whole.size(); ++split) {
    const auto head = base::Bytes(whole).first(split);
    const auto tail = base::Bytes(whole).subspan(split);
    EXPECT_EQ(combine(sum(head), head.size(), sum(tail)).fold(), expected) << split;
  }
}

TEST(ChecksumTest, three_odd_parts_combine_with_the_length_before_each) {
  const auto whole = random_bytes(77 + 33 + 11, 6);
  const base::Bytes bytes(whole);
  Sum total = sum(bytes.first(77));
  total = combine(total, 77, sum(bytes.subspan(77, 33)));
  total = combine(total, 77 + 33, sum(bytes.subspan(77 + 33)));
  EXPECT_EQ(total.fold(), reference_fold(whole));
}

TEST(ChecksumTest, fixed_sizes_agree_with_the_reference) {
  const auto bytes = random_bytes(64, 7);
  const base::Bytes all(bytes);
  EXPECT_EQ(sum_fixed<4>(bytes.data()).fold(), reference_fold(all.first(4)));
  EXPECT_EQ(sum_fixed<20>(bytes.data()).fold(), reference_fold(all.first(20)));
  EXPECT_EQ(sum_fixed<32>(bytes.data()).fold(), reference_fold(all.first(32)));
  EXPECT_EQ(sum_fixed<60>(bytes.data()).fold(), reference_fold(all.first(60)));
  EXPECT_EQ(sum_fixed<64>(bytes.data()).fold(), reference_fold(all));
}

// RFC 1071 §3.
TEST(ChecksumTest, the_example_of_rfc_1071_sums_as_printed) {
  const auto bytes = hex("0001 f203 f4f5 f6f7");
  EXPECT_EQ(sum(bytes).fold(), 0xddf2);
  EXPECT_EQ(sum(bytes).finish(), 0x220d);
}

TEST(ChecksumTest, one_flipped_bit_makes_a_valid_header_invalid) {
  auto header = hex("45000073000040004011b861c0a80001c0a800c7");
  EXPECT_TRUE(sum(header).valid());
  for (std::size_t bit = 0; bit < header.size() * 8; ++bit) {
    header[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(sum(header).valid()) << bit;
    header[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
}

TEST(ChecksumTest, the_pseudo_header_of_either_family_folds_exactly) {
  const Address a4 = Address::v4(0xffffffff);
  const Address b4 = Address::v4(0x0a420002);
  for (const std::size_t length : {0u, 20u, 1460u, 65535u}) {
    std::vector<std::uint8_t> pseudo(12);
    base::store_be(&pseudo[0], a4.v4_value());
    base::store_be(&pseudo[4], b4.v4_value());
    pseudo[9] = 6;
    base::store_be(&pseudo[10], static_cast<std::uint16_t>(length));
    EXPECT_EQ(pseudo_header_sum(a4, b4, 6, length).fold(), reference_fold(pseudo)) << length;
  }
  const Address a6 = *Address::parse("2001:db8::1");
  const Address b6 = *Address::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (const std::uint32_t length : {0u, 40u, 65535u, 65536u, 100000u}) {
    std::vector<std::uint8_t> pseudo(40);
    std::copy(a6.mapped().begin(), a6.mapped().end(), pseudo.begin());
    std::copy(b6.mapped().begin(), b6.mapped().end(), pseudo.begin() + 16);
    base::store_be(&pseudo[32], length);
    pseudo[39] = 58;
    EXPECT_EQ(pseudo_header_sum(a6, b6, 58, length).fold(), reference_fold(pseudo)) << length;
  }
}

}  // namespace
}  // namespace windhover::stack::wire
