#include "stack/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace windhover::stack::base {

void check_failed(const char* expression, const char* file, int line, const char* function) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s (in %s)\n", file, line, expression, function);
  std::abort();
}

}  // namespace windhover::stack::base
