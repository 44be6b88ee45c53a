#include "tests/script/cursor.h"

#include <algorithm>

namespace windhover::script {
namespace {

constexpr std::size_t kQuoteMax = 24;  // Characters of the offending text that a message shows.

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Text for a message: without what a terminal would act on.
std::string quoted(std::string_view text) {
  std::string result(text.substr(0, kQuoteMax));
  std::replace_if(
      result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return "'" + result + "'";
}

}  // namespace

std::string Error::to_string(std::string_view file) const {
  return std::string(file) + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what;
}

void Cursor::fail(const std::string& expected) const {
  const std::size_t end = std::min(line_.find_first_of(" \t", at_), line_.size());
  const std::string found =
      at_end() ? "the line ends" : "found " + quoted(line_.substr(at_, std::max(end - at_, std::size_t{1})));
  throw Wrong{{number_, static_cast<int>(at_) + 1, found + ", expected " + expected}};
}

bool Cursor::take_text(std::string_view text) {
  if (!line_.substr(at_).starts_with(text)) return false;
  at_ += text.size();
  return true;
}

void Cursor::expect(char sign) {
  if (!take(sign)) fail(std::string("'") + sign + "'");
}

bool Cursor::take_word(std::string_view word) {
  const std::string_view rest = line_.substr(at_);
  if (!rest.starts_with(word) || (rest.size() > word.size() && !is_blank(rest[word.size()]))) return false;
  at_ += word.size();
  skip();
  return true;
}

std::string_view Cursor::word(std::string_view expected) {
  const std::size_t from = at_;
  while (!at_end() && !is_blank(peek())) ++at_;
  if (at_ == from) fail(std::string(expected));
  const std::string_view found = line_.substr(from, at_ - from);
  skip();
  return found;
}

std::uint64_t Cursor::digits(std::uint64_t most, std::string_view expected) {
  const std::size_t from = at_;
  std::uint64_t value = 0;
  while (is_digit(peek())) {
    const auto digit = static_cast<std::uint64_t>(peek() - '0');
    if (value > (most - std::min(most, digit)) / 10) {
      at_ = from;
      fail(std::string(expected) + ", at most " + std::to_string(most));
    }
    value = value * 10 + digit;
    ++at_;
  }
  if (at_ == from || value > most) {
    at_ = from;
    fail(std::string(expected) + (value > most ? ", at most " + std::to_string(most) : ""));
  }
  return value;
}

std::uint32_t Cursor::seq(std::string_view expected) {
  const bool negative = take('-');
  const auto value = static_cast<std::uint32_t>(digits(UINT32_MAX, expected));
  return negative ? 0U - value : value;
}

Duration Cursor::duration(std::string_view expected) {
  constexpr std::uint64_t kWholeMax = 10'000'000'000;
  std::uint64_t whole = 0;
  std::uint64_t fraction = 0;
  std::uint64_t scale = 1;
  const bool begins = is_digit(peek());
  if (begins) whole = digits(kWholeMax, expected);
  if (peek() == '.' && at_ + 1 < line_.size() && is_digit(line_[at_ + 1])) {
    ++at_;
    while (is_digit(peek()) && scale < 1'000'000'000) {
      fraction = fraction * 10 + static_cast<std::uint64_t>(peek() - '0');
      scale *= 10;
      ++at_;
    }
  } else if (!begins) {
    fail(std::string(expected));
  }
  std::uint64_t unit = 1'000'000'000;
  if (take_text("ms")) {
    unit = 1'000'000;
  } else if (take_text("us")) {
    unit = 1'000;
  } else {
    (void)take('s');
  }
  if (whole > static_cast<std::uint64_t>(kTimeMax.count()) / unit) fail("a shorter time: at most 60 days");
  return Duration(static_cast<Duration::rep>(whole * unit + fraction * unit / scale));
}

void Cursor::expect_blank(std::string_view after) {
  if (!at_end() && !is_blank(peek())) fail("a blank after " + std::string(after));
  skip();
}

void Cursor::expect_end() {
  if (!at_end()) fail("the end of the line");
}

}  // namespace windhover::script
