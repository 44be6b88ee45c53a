#include "tests/script/format.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/script/options.h"

namespace windhover::script {
namespace {

struct Field {
  const char* name;
  std::string expected;
  std::string actual;
  bool differs;
};

std::string flags_text(const std::optional<std::uint8_t>& flags) {
  if (!flags) return "*";
  if (*flags == 0) return "-";
  constexpr std::string_view kLetters = "FSRP.UEW";
  constexpr std::array<std::uint8_t, 8> kOrder{1, 0, 2, 3, 5, 6, 7, 4};  // SYN first, ACK last, as tcpdump.
  std::string text;
  for (const std::uint8_t at : kOrder) {
    if ((*flags >> at & 1) != 0) text += kLetters[at];
  }
  return text;
}

std::string signed_text(std::uint32_t number) { return std::to_string(static_cast<std::int32_t>(number)); }

std::string range_text(const Segment& segment) {
  if (!segment.seq) return "*";
  return signed_text(*segment.seq) + ":" + signed_text(*segment.seq + segment.size) + "(" +
         std::to_string(segment.size) + ")";
}

template <class T>
std::string number_text(const char* name, const std::optional<T>& number) {
  if (!number) return {};
  return std::string(name) + " " + signed_text(*number);
}

std::string ecn_text(const std::optional<Ecn>& ecn) {
  if (!ecn) return {};
  switch (*ecn) {
    case Ecn::kNotEct:
      return "ecn none";
    case Ecn::kEct0:
      return "ecn ect0";
    case Ecn::kEct1:
      return "ecn ect1";
    case Ecn::kCe:
      return "ecn ce";
  }
  return {};
}

template <class T>
bool differs(const std::optional<T>& expected, const std::optional<T>& actual) {
  return expected && expected != actual;
}

std::vector<Field> fields_of(const Segment& expected, const Segment& actual) {
  const auto options_text = [](const Segment& segment) { return segment.options ? to_text(*segment.options) : ""; };
  std::vector<Field> fields;
  const auto add = [&](const char* name, const std::string& one, const std::string& other, bool differs) {
    fields.push_back({name, one, other, differs});
  };
  add("flags", flags_text(expected.flags), flags_text(actual.flags), differs(expected.flags, actual.flags));
  add("range", range_text(expected), range_text(actual),
      expected.seq && (expected.seq != actual.seq || expected.size != actual.size));
  add("ack", number_text("ack", expected.ack), number_text("ack", actual.ack), differs(expected.ack, actual.ack));
  add("win", number_text("win", expected.window), number_text("win", actual.window),
      differs(expected.window, actual.window));
  add("urg", number_text("urg", expected.urgent), number_text("urg", actual.urgent),
      differs(expected.urgent, actual.urgent));
  add("ecn", ecn_text(expected.ecn), ecn_text(actual.ecn), differs(expected.ecn, actual.ecn));
  add("options", options_text(expected), options_text(actual),
      expected.options && !matches(*expected.options, actual.options.value_or(Options{})));
  return fields;
}

}  // namespace

std::string to_text(Duration time) {
  std::array<char, 40> text{};
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  const int size =
      std::snprintf(text.data(), text.size(), "%lld.%06lld", static_cast<long long>(microseconds / 1000000),
                    static_cast<long long>(microseconds % 1000000));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string to_text(const Segment& segment) {
  std::string text;
  for (const Field& field : fields_of(segment, segment)) {
    if (field.expected.empty() || field.expected == "ecn none" || field.expected == "urg 0") continue;
    text += (text.empty() ? "" : " ") + field.expected;
  }
  if (segment.bad_checksum) text += " badsum";
  if (segment.junk) text += " junk";
  return text;
}

std::vector<std::string> differences(const Segment& expected, const Segment& actual) {
  std::vector<std::string> names;
  for (const Field& field : fields_of(expected, actual)) {
    if (field.differs) names.emplace_back(field.name);
  }
  return names;
}

std::string compare(const Segment& expected, const Segment& actual) {
  std::string one = "  expected  > ";
  std::string other = "  actual    > ";
  std::string marks(one.size(), ' ');
  for (const Field& field : fields_of(expected, actual)) {
    // What neither the script nor the segment has to say is left out.
    if (field.expected.empty() && (field.actual == "ecn none" || field.actual == "urg 0")) continue;
    const std::size_t width = std::max(field.expected.size(), field.actual.size());
    if (width == 0) continue;
    const auto put = [width](std::string& line, const std::string& text) {
      line += text + std::string(width - text.size() + 1, ' ');
    };
    put(one, field.expected);
    put(other, field.actual);
    put(marks, field.differs ? std::string(width, '^') : "");
  }
  return one + "\n" + other + "\n" + marks + "\n";
}

}  // namespace windhover::script
