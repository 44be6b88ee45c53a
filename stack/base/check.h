#pragma once
// Assertions of the programmer's own errors, on in every build. A failed CHECK is a bug in windhover, never a bad
// packet.

namespace windhover::stack::base {

/// Prints `expression` and where it stands to standard error and aborts. The defaults are the caller's place (clang 14
/// has no std::source_location).
[[noreturn]] void check_failed(const char* expression, const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                               const char* function = __builtin_FUNCTION());

}  // namespace windhover::stack::base

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): only a macro can name the expression that failed.
#define CHECK(expression) \
  (__builtin_expect(static_cast<bool>(expression), 1) ? void(0) : ::windhover::stack::base::check_failed(#expression))
