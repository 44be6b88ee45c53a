#include "stack/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace windhover::stack::base {

void check_failed(const char* expression, const std::source_location& where) {
  std::fprintf(stderr, "%s:%u: CHECK failed: %s (in %s)\n", where.file_name(), where.line(), expression, where.function_name());
  std::abort();
}

}  // namespace windhover::stack::base
