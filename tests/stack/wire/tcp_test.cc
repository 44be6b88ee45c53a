#include "stack/wire/tcp.h"

#include <random>

#include "tests/stack/wire/support.h"

namespace windhover::stack::wire {
namespace {

/// Made by an independent tool: a SYN over IPv4 and data over IPv6.
const auto kSyn = hex("c00000501122334400000000a002faf058160000020405b40402080a010203040000000001030307");
const auto kData = hex("1f90c350fffffff080000001801801f58e7900000101080adeadbeef0123456768656c6c6f");
const Address kSynSource = *Address::parse("192.0.2.1");
const Address kSynDestination = *Address::parse("198.51.100.7");
const Address kDataSource = *Address::parse("2001:db8::1");
const Address kDataDestination = *Address::parse("2001:db8::2");

std::optional<TcpOptions> options_of(std::string_view text) {
  const auto bytes = hex(text);
  const Guarded guarded(bytes);
  return TcpOptions::parse(guarded.bytes());
}

/// The options of one header written with these flags.
std::vector<std::uint8_t> written(const TcpOptions& options, TcpFlags flags) {
  std::vector<std::uint8_t> bytes(options.size(flags));
  options.write(bytes, flags);
  return bytes;
}

TEST(TcpTest, syn_shows_its_fields) {
  const Guarded segment(kSyn);
  const auto view = TcpView::parse(segment.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->source_port(), 49152);
  EXPECT_EQ(view->destination_port(), 80);
  EXPECT_EQ(view->seq(), Seq(0x11223344));
  EXPECT_EQ(view->flags(), kTcpSyn);
  EXPECT_EQ(view->window(), 64240);
  EXPECT_EQ(view->header_size(), 40u);
  EXPECT_TRUE(view->payload().empty());
  EXPECT_EQ(view->sequence_length(), 1u);
  EXPECT_TRUE(view->checksum_ok(kSynSource, kSynDestination));
  EXPECT_FALSE(view->aligned_timestamps());
  const auto options = view->parse_options();
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mss, 1460);
  EXPECT_EQ(options->window_scale, 7);
  EXPECT_TRUE(options->sack_permitted);
  EXPECT_EQ(options->timestamps, (TcpTimestamps{0x01020304, 0}));
  EXPECT_EQ(options->sack_count, 0);
}

TEST(TcpTest, data_segment_shows_its_fields) {
  const Guarded segment(kData);
  const auto view = TcpView::parse(segment.bytes());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->seq(), Seq(0xfffffff0));
  EXPECT_EQ(view->ack(), Seq(0x80000001));
  EXPECT_EQ(view->flags(), kTcpPsh | kTcpAck);
  EXPECT_EQ(base::as_text(view->payload()), "hello");
  EXPECT_EQ(view->sequence_length(), 5u);
  EXPECT_TRUE(view->checksum_ok(kDataSource, kDataDestination));
  EXPECT_EQ(view->aligned_timestamps(), (TcpTimestamps{0xdeadbeef, 0x01234567}));
  EXPECT_EQ(view->parse_options()->timestamps, view->aligned_timestamps());
}

TEST(TcpTest, segment_without_a_whole_header_is_refused_at_every_byte) {
  for_each_truncation(kData, [](base::Bytes bytes) {
    const auto view = TcpView::parse(bytes);
    ASSERT_EQ(view.has_value(), bytes.size() >= 32);
    if (view) {
      EXPECT_FALSE(view->checksum_ok(kDataSource, kDataDestination));
      EXPECT_TRUE(view->parse_options());
    }
  });
}

TEST(TcpTest, data_offset_below_five_words_or_beyond_the_segment_is_refused) {
  for (unsigned words = 0; words < 16; ++words) {
    auto segment = kData;  // 37 bytes.
    segment[12] = static_cast<std::uint8_t>(words << 4);
    EXPECT_EQ(TcpView::parse(segment).has_value(), words >= 5 && words <= 9) << words;
  }
}

TEST(TcpTest, fin_and_syn_count_as_one_number_each) {
  auto segment = to_vector(base::Bytes(kData));
  segment[13] = (kTcpFin | kTcpSyn | kTcpAck).bits;
  EXPECT_EQ(TcpView::parse(segment)->sequence_length(), 7u);
}

TEST(TcpTest, flags_are_asked_for_by_name_or_in_sets) {
  const TcpFlags flags = kTcpSyn | kTcpAck | kTcpEce;
  EXPECT_TRUE(flags.syn() && flags.ack() && flags.ece());
  EXPECT_FALSE(flags.fin() || flags.rst() || flags.psh() || flags.urg() || flags.cwr());
  EXPECT_TRUE(flags.any(kTcpRst | kTcpSyn));
  EXPECT_FALSE(flags.any(kTcpRst | kTcpFin));
  EXPECT_TRUE(flags.all(kTcpSyn | kTcpAck));
  EXPECT_FALSE(flags.all(kTcpSyn | kTcpFin));
  EXPECT_EQ(flags & kTcpEce, kTcpEce);
}

TEST(TcpOptionsTest, option_lengths_that_are_impossible_are_refused) {
  for (const auto* text : {
           "02",                             // No length.
           "0200",                           // Length zero: a parser that trusts it never ends.
           "0201",                           // Length one.
           "020405",                         // Runs past the end.
           "0203 05",                        // MSS of one byte.
           "0205 05b400",                    // MSS of three.
           "0302",                           // Window scale of none.
           "0304 0700",                      // Window scale of two.
           "0403 00",                        // SACK-permitted with a value.
           "0502",                           // SACK without a block.
           "050e 000000010000000200000003",  // A block and a half.
           "0809 01020304050607",            // Timestamps one short.
           "080b 010203040506070809",        // Timestamps one long.
           "fd00",                           // Unknown, length zero.
           "fd08 00",                        // Unknown, past the end.
           "01 08",                          // The last byte begins an option.
       }) {
    EXPECT_FALSE(options_of(text)) << text;
  }
}

TEST(TcpOptionsTest, unknown_options_and_everything_behind_the_end_are_skipped) {
  const auto options = options_of("fd06aabbccdd 1e02 0204 0218 00 0303ff");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mss, 536);
  EXPECT_FALSE(options->window_scale);
  EXPECT_FALSE(options->timestamps);
}

TEST(TcpOptionsTest, no_options_are_no_error) {
  const auto options = options_of("");
  ASSERT_TRUE(options);
  EXPECT_FALSE(options->mss || options->timestamps || options->window_scale || options->sack_permitted);
}

// RFC 7323 §2.3: "If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD ...
// use 14."
TEST(TcpOptionsTest, window_scale_beyond_fourteen_reads_as_fourteen) {
  EXPECT_EQ(options_of("03030e")->window_scale, 14);
  EXPECT_EQ(options_of("03030f")->window_scale, 14);
  EXPECT_EQ(options_of("0303ff")->window_scale, 14);
}

TEST(TcpOptionsTest, of_an_option_given_twice_the_last_counts) {
  EXPECT_EQ(options_of("02040100 02040200")->mss, 0x200);
}

TEST(TcpOptionsTest, up_to_four_sack_blocks_are_read) {
  const auto options = options_of("0101 0522 00000001000000020000000300000004 fffffff0000000100000000700000008");
  ASSERT_TRUE(options);
  ASSERT_EQ(options->sack_count, 4);
  EXPECT_EQ(options->sack[0], (SackBlock{Seq(1), Seq(2)}));
  EXPECT_EQ(options->sack[2], (SackBlock{Seq(0xfffffff0), Seq(0x10)}));
  EXPECT_EQ(options->sack[3], (SackBlock{Seq(7), Seq(8)}));
}

TEST(TcpOptionsTest, options_truncated_at_any_byte_never_read_on) {
  const auto bytes = hex("020405b4 0402 080a0102030405060708 01 030307 050a0000000100000002");
  for_each_truncation(bytes, [](base::Bytes truncated) {
    const bool between_options = truncated.empty() || truncated.size() == 4 || truncated.size() == 6 ||
                                 truncated.size() == 16 || truncated.size() == 17 || truncated.size() == 20;
    EXPECT_EQ(TcpOptions::parse(truncated).has_value(), between_options);
  });
}

TEST(TcpOptionsTest, aligned_layout_and_any_other_read_the_same) {
  const TcpTimestamps expected{0x01020304, 0x05060708};
  EXPECT_EQ(options_of("0101080a0102030405060708")->timestamps, expected);
  EXPECT_EQ(options_of("080a01020304050607080101")->timestamps, expected);
  EXPECT_EQ(options_of("080a01020304050607080000")->timestamps, expected);
  EXPECT_EQ(options_of("0101080a010203040506070801010101")->timestamps, expected);
}

TEST(TcpOptionsTest, random_bytes_never_read_past_the_end) {
  std::mt19937 random(11);
  std::size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::uint8_t> bytes(random() % 41);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 12);
    const Guarded guarded(bytes);
    const auto options = TcpOptions::parse(guarded.bytes());
    accepted += options.has_value();
    if (options) {
      ASSERT_LE(options->sack_count, TcpOptions::kSackBlocksMax);
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST(TcpOptionsTest, syn_options_go_out_in_the_order_of_linux) {
  TcpOptions options;
  options.mss = 1460;
  options.window_scale = 7;
  options.sack_permitted = true;
  options.timestamps = TcpTimestamps{0x01020304, 0x05060708};
  EXPECT_EQ(written(options, kTcpSyn), hex("020405b4 0402 080a0102030405060708 01030307"));
  options.sack_permitted = false;
  EXPECT_EQ(written(options, kTcpSyn | kTcpAck), hex("020405b4 0101 080a0102030405060708 01030307"));
  options.timestamps.reset();
  EXPECT_EQ(written(options, kTcpSyn), hex("020405b4 01030307"));
  options.sack_permitted = true;
  EXPECT_EQ(written(options, kTcpSyn), hex("020405b4 01010402 01030307"));
  options.window_scale.reset();
  EXPECT_EQ(written(options, kTcpSyn), hex("020405b4 01010402"));
  EXPECT_TRUE(written({}, kTcpSyn).empty());
}

TEST(TcpOptionsTest, later_segments_carry_timestamps_and_sack_blocks_only) {
  TcpOptions options;
  options.mss = 1460;
  options.window_scale = 7;
  options.sack_permitted = true;
  EXPECT_TRUE(written(options, kTcpAck).empty());
  options.timestamps = TcpTimestamps{0x01020304, 0x05060708};
  EXPECT_EQ(written(options, kTcpAck), hex("0101 080a0102030405060708"));
  options.sack[0] = {Seq(0x10), Seq(0x20)};
  options.sack_count = 1;
  EXPECT_EQ(written(options, kTcpAck), hex("0101 080a0102030405060708 0101 050a 0000001000000020"));
  options.timestamps.reset();
  EXPECT_EQ(written(options, kTcpAck), hex("0101 050a 0000001000000020"));
}

TEST(TcpOptionsTest, as_many_sack_blocks_go_out_as_fit) {
  TcpOptions options;
  options.sack_count = 4;
  for (std::uint32_t i = 0; i < 4; ++i) options.sack[i] = {Seq(2 * i), Seq(2 * i + 1)};
  EXPECT_EQ(options.size(kTcpAck), 36u);
  EXPECT_EQ(TcpOptions::parse(written(options, kTcpAck))->sack_count, 4);
  options.timestamps = TcpTimestamps{1, 2};
  EXPECT_EQ(options.size(kTcpAck), 40u);
  const auto parsed = TcpOptions::parse(written(options, kTcpAck));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->sack_count, 3);
  EXPECT_EQ(parsed->sack[2], options.sack[2]);
}

TEST(TcpHeaderTest, written_header_is_the_bytes_parsed) {
  struct Case {
    const std::vector<std::uint8_t>& segment;
    const Address& source;
    const Address& destination;
  };
  for (const auto& [segment, source, destination] :
       {Case{kSyn, kSynSource, kSynDestination}, Case{kData, kDataSource, kDataDestination}}) {
    const auto view = TcpView::parse(segment);
    ASSERT_TRUE(view);
    const TcpHeader header{view->source_port(), view->destination_port(), view->seq(),           view->ack(),
                           view->flags(),       view->window(),           view->urgent_pointer()};
    std::vector<std::uint8_t> built(TcpView::kHeaderSizeMax, 0xee);
    built.resize(header.write(built, *view->parse_options()));
    const Sum total = pseudo_header_sum(source, destination, kProtocolTcp, segment.size()) + sum(built);
    base::store_be(&built[TcpHeader::kChecksumOffset], combine(total, built.size(), sum(view->payload())).finish());
    EXPECT_EQ(built, to_vector(base::Bytes(segment).first(view->header_size())));
  }
}

TEST(TcpHeaderTest, checksum_and_urgent_pointer_do_not_disturb_each_other) {
  std::vector<std::uint8_t> built(TcpHeader::kSize, 0xee);
  TcpHeader{.flags = kTcpUrg | kTcpAck, .window = 0xffff, .urgent_pointer = 0x1234}.write(built, {});
  EXPECT_EQ(TcpView::parse(built)->urgent_pointer(), 0x1234);
  EXPECT_EQ(TcpView::parse(built)->checksum(), 0);
}

}  // namespace
}  // namespace windhover::stack::wire
