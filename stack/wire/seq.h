#pragma once
// TCP sequence numbers: positions on a circle of 2^32 bytes.

#include <cstdint>

namespace windhover::stack::wire {

/// A sequence number (RFC 9293 §3.4). It has no operator<: on a circle "less" means nothing without saying within which
/// half, so order is asked for by name. Comparisons are right while the two lie less than 2^31 bytes apart.
class Seq {
 public:
  constexpr Seq() = default;
  constexpr explicit Seq(std::uint32_t value) : value_(value) {}

  constexpr std::uint32_t value() const { return value_; }

  constexpr Seq& operator+=(std::uint32_t count) {
    value_ += count;
    return *this;
  }
  friend constexpr Seq operator+(Seq seq, std::uint32_t count) { return Seq(seq.value_ + count); }
  friend constexpr Seq operator-(Seq seq, std::uint32_t count) { return Seq(seq.value_ - count); }
  /// The signed distance from `b` to `a`: positive when `a` comes after `b`.
  friend constexpr std::int32_t operator-(Seq a, Seq b) { return static_cast<std::int32_t>(a.value_ - b.value_); }

  friend constexpr bool operator==(Seq, Seq) = default;

 private:
  std::uint32_t value_ = 0;
};

constexpr bool before(Seq a, Seq b) { return a - b < 0; }
constexpr bool before_or_at(Seq a, Seq b) { return a - b <= 0; }
constexpr bool after(Seq a, Seq b) { return a - b > 0; }
constexpr bool after_or_at(Seq a, Seq b) { return a - b >= 0; }

/// True when `seq` is one of the `size` numbers that begin at `begin`. Right for any size.
constexpr bool in_window(Seq seq, Seq begin, std::uint32_t size) { return seq.value() - begin.value() < size; }

constexpr Seq later(Seq a, Seq b) { return after(a, b) ? a : b; }
constexpr Seq earlier(Seq a, Seq b) { return before(a, b) ? a : b; }

}  // namespace windhover::stack::wire
