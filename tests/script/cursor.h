#pragma once
// A place in one line of a script, and the small words that every part of the parser reads there.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/script/parser.h"

namespace windhover::script {

/// Thrown inside the parser at the first thing that is wrong; parse() catches it.
struct Wrong {
  Error error;
};

/// Borrows the line. Words are what stands between blanks; numbers and signs are read character by character.
class Cursor {
 public:
  Cursor(std::string_view line, int number) : line_(line), number_(number) { skip(); }

  bool at_end() const { return at_ == line_.size(); }
  int number() const { return number_; }
  char peek() const { return at_end() ? '\0' : line_[at_]; }

  /// Goes past blanks.
  void skip() {
    while (at_ < line_.size() && (line_[at_] == ' ' || line_[at_] == '\t')) ++at_;
  }
  /// Takes `sign` when it stands here; blanks after it are for the caller.
  bool take(char sign) {
    if (peek() != sign) return false;
    ++at_;
    return true;
  }
  /// Takes `text` when it stands here.
  bool take_text(std::string_view text);
  void expect(char sign);
  /// Takes `word` and the blanks behind it when the next word is exactly that.
  bool take_word(std::string_view word);
  /// The next word with the blanks behind it; `expected` says what should have been there.
  std::string_view word(std::string_view expected);
  /// Digits up to `most`; leading '-' as distance below zero when `wraps`, modulo 2^32.
  std::uint64_t digits(std::uint64_t most, std::string_view expected);
  std::uint32_t seq(std::string_view expected);
  /// A span with a unit (s, ms, us), seconds without: 0.2, 200ms.
  Duration duration(std::string_view expected);
  /// Blanks, or the end.
  void expect_blank(std::string_view after);
  void expect_end();

  [[noreturn]] void fail(const std::string& expected) const;

 private:
  std::string_view line_;
  std::size_t at_ = 0;
  int number_;
};

}  // namespace windhover::script
