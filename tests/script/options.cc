#include "tests/script/options.h"

#include <algorithm>

namespace windhover::script {
namespace {

using Kind = Option::Kind;
using Octets = std::vector<std::uint8_t>;

constexpr std::size_t kOptionsSizeMax = 40;  // What a header holds.
constexpr std::size_t kListMax = 40;
constexpr std::uint8_t kKindMss = 2;
constexpr std::uint8_t kKindWindowScale = 3;
constexpr std::uint8_t kKindSackPermitted = 4;
constexpr std::uint8_t kKindSack = 5;
constexpr std::uint8_t kKindTimestamps = 8;

void put(Octets& to, std::uint64_t value, std::size_t size) {
  while (size-- > 0) to.push_back(static_cast<std::uint8_t>(value >> 8 * size));
}

std::uint32_t get(stack::base::Bytes from, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t next = at; next < at + size; ++next) value = value << 8 | from[next];
  return value;
}

std::optional<std::uint32_t> number_or_any(Cursor& cursor, std::uint64_t most, const char* expected) {
  if (cursor.take('*')) return std::nullopt;
  return static_cast<std::uint32_t>(cursor.digits(most, expected));
}

std::vector<Option::Block> parse_blocks(Cursor& cursor) {
  std::vector<Option::Block> blocks;
  do {
    Option::Block block;
    block.left = cursor.seq("a SACK block such as 1001:2001");
    cursor.expect(':');
    block.right = cursor.seq("the right edge of a SACK block");
    blocks.push_back(block);
    cursor.skip();
  } while (cursor.peek() != ',' && cursor.peek() != '>' && blocks.size() < kListMax);
  return blocks;
}

std::uint8_t nibble(Cursor& cursor) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t value = cursor.peek() == '\0' ? std::string_view::npos : kDigits.find(cursor.peek());
  if (value == std::string_view::npos) cursor.fail("pairs of hexadecimal digits (0-9, a-f)");
  cursor.take(cursor.peek());
  return static_cast<std::uint8_t>(value);
}

Octets parse_raw(Cursor& cursor) {
  Octets raw;
  do {
    const std::uint8_t high = nibble(cursor);
    raw.push_back(static_cast<std::uint8_t>(high << 4 | nibble(cursor)));
  } while (cursor.peek() != ',' && cursor.peek() != '>' && raw.size() <= kOptionsSizeMax);
  return raw;
}

Option parse_timestamps(Cursor& cursor) {
  Option option{Kind::kTimestamps};
  if (cursor.take_word("val")) option.value = number_or_any(cursor, UINT32_MAX, "TSval or *");
  cursor.skip();
  if (cursor.take_word("ecr")) option.echo = number_or_any(cursor, UINT32_MAX, "TSecr or *");
  return option;
}

Option parse_option(Cursor& cursor) {
  if (cursor.take_text("...")) return {Kind::kRest};
  if (cursor.take_text("nop")) return {Kind::kNop};
  if (cursor.take_text("eol")) return {Kind::kEnd};
  if (cursor.take_text("sackOK")) return {Kind::kSackPermitted};
  if (cursor.take_word("mss")) return {Kind::kMss, number_or_any(cursor, 0xffff, "an MSS or *")};
  if (cursor.take_word("wscale")) return {Kind::kWindowScale, number_or_any(cursor, 0xff, "a shift or *")};
  if (cursor.take_word("sack")) return {.kind = Kind::kSack, .blocks = parse_blocks(cursor)};
  if (cursor.take_word("raw")) return {.kind = Kind::kRaw, .raw = parse_raw(cursor)};
  if (cursor.take_text("TS")) {
    cursor.skip();
    return parse_timestamps(cursor);
  }
  cursor.fail("an option: mss N, wscale N, sackOK, sack A:B, TS val N ecr N, nop, eol, raw HEX or ...");
}

Octets encode_one(const Option& option, const OptionNumbers& numbers) {
  Octets to;
  switch (option.kind) {
    case Kind::kEnd:
      return {0};
    case Kind::kNop:
      return {1};
    case Kind::kMss:
      put(to, std::uint64_t{kKindMss} << 24 | std::uint64_t{4} << 16 | option.value.value_or(0), 4);
      return to;
    case Kind::kWindowScale:
      return {kKindWindowScale, 3, static_cast<std::uint8_t>(option.value.value_or(0))};
    case Kind::kSackPermitted:
      return {kKindSackPermitted, 2};
    case Kind::kSack:
      to = {kKindSack, static_cast<std::uint8_t>(2 + 8 * option.blocks.size())};
      for (const Option::Block& block : option.blocks) {
        put(to, numbers.sack_base + block.left, 4);
        put(to, numbers.sack_base + block.right, 4);
      }
      return to;
    case Kind::kTimestamps:
      to = {kKindTimestamps, 10};
      put(to, option.value ? numbers.value_base + *option.value : numbers.value_now, 4);
      put(to, option.echo ? numbers.echo_base + *option.echo : numbers.echo_now, 4);
      return to;
    case Kind::kRaw:
      return option.raw;
    case Kind::kRest:
      return {};
  }
  return to;
}

Option decode_one(stack::base::Bytes octets, const OptionNumbers& numbers) {
  const std::size_t size = octets.size();
  const std::uint8_t kind = octets[0];
  if (kind == kKindMss && size == 4) return {Kind::kMss, get(octets, 2, 2)};
  if (kind == kKindWindowScale && size == 3) return {Kind::kWindowScale, get(octets, 2, 1)};
  if (kind == kKindSackPermitted && size == 2) return {Kind::kSackPermitted};
  if (kind == kKindTimestamps && size == 10) {
    return {Kind::kTimestamps, get(octets, 2, 4) - numbers.value_base, get(octets, 6, 4) - numbers.echo_base};
  }
  if (kind == kKindSack && size > 2 && size % 8 == 2) {
    Option option{Kind::kSack};
    for (std::size_t at = 2; at < size; at += 8) {
      option.blocks.push_back({get(octets, at, 4) - numbers.sack_base, get(octets, at + 4, 4) - numbers.sack_base});
    }
    return option;
  }
  return {.kind = Kind::kRaw, .raw = {octets.begin(), octets.end()}};
}

bool matches_one(const Option& pattern, const Option& actual) {
  if (pattern.kind != actual.kind) return false;
  if (pattern.value && pattern.value != actual.value) return false;
  if (pattern.echo && pattern.echo != actual.echo) return false;
  return pattern.blocks == actual.blocks && pattern.raw == actual.raw;
}

std::string number_text(const std::optional<std::uint32_t>& number) { return number ? std::to_string(*number) : "*"; }

std::string signed_text(std::uint32_t number) { return std::to_string(static_cast<std::int32_t>(number)); }

std::string text_of(const Option& option) {
  switch (option.kind) {
    case Kind::kEnd:
      return "eol";
    case Kind::kNop:
      return "nop";
    case Kind::kMss:
      return "mss " + number_text(option.value);
    case Kind::kWindowScale:
      return "wscale " + number_text(option.value);
    case Kind::kSackPermitted:
      return "sackOK";
    case Kind::kTimestamps:
      return "TS val " + number_text(option.value) + " ecr " + number_text(option.echo);
    case Kind::kRest:
      return "...";
    case Kind::kSack: {
      std::string text = "sack";
      for (const Option::Block& block : option.blocks)
        text += " " + signed_text(block.left) + ":" + signed_text(block.right);
      return text;
    }
    case Kind::kRaw: {
      std::string text = "raw ";
      for (const std::uint8_t octet : option.raw) {
        text += "0123456789abcdef"[octet >> 4];
        text += "0123456789abcdef"[octet & 15];
      }
      return text;
    }
  }
  return {};
}

}  // namespace

Options parse_options(Cursor& cursor) {
  Options options;
  cursor.expect('<');
  while (!cursor.take('>')) {
    if (!options.empty()) {
      cursor.expect(',');
      cursor.skip();
    }
    if (options.size() == kListMax) cursor.fail("the end of the options: no header holds more");
    options.push_back(parse_option(cursor));
    cursor.skip();
    if (encoded_size(options) > kOptionsSizeMax) cursor.fail("options of at most 40 octets");
  }
  cursor.expect_blank("the options");
  return options;
}

std::size_t encoded_size(const Options& options) {
  std::size_t size = 0;
  for (const Option& option : options) size += encode_one(option, {}).size();
  return (size + 3) / 4 * 4;
}

std::vector<std::uint8_t> encode(const Options& options, const OptionNumbers& numbers) {
  Octets octets;
  for (const Option& option : options) {
    const Octets one = encode_one(option, numbers);
    octets.insert(octets.end(), one.begin(), one.end());
  }
  octets.resize((octets.size() + 3) / 4 * 4);
  return octets;
}

Options decode(stack::base::Bytes octets, const OptionNumbers& numbers) {
  Options options;
  while (!octets.empty()) {
    if (octets[0] == 0) {
      options.push_back({Kind::kEnd});
      break;
    }
    if (octets[0] == 1) {
      options.push_back({Kind::kNop});
      octets = octets.subspan(1);
      continue;
    }
    const bool possible = octets.size() >= 2 && octets[1] >= 2 && octets[1] <= octets.size();
    const stack::base::Bytes one = possible ? octets.first(octets[1]) : octets;
    options.push_back(possible ? decode_one(one, numbers)
                               : Option{.kind = Kind::kRaw, .raw = {one.begin(), one.end()}});
    octets = octets.subspan(one.size());
  }
  return options;
}

bool matches(const Options& pattern, const Options& actual) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at].kind == Kind::kRest) return true;
    if (at == actual.size() || !matches_one(pattern[at], actual[at])) return false;
  }
  return pattern.size() == actual.size();
}

std::string to_text(const Options& options) {
  std::string text = "<";
  for (const Option& option : options) text += (text.size() > 1 ? "," : "") + text_of(option);
  return text + ">";
}

}  // namespace windhover::script
