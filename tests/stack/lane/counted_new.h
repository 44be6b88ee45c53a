#pragma once
// How often this program has called operator new, in any of its forms.

#include <cstddef>

namespace windhover::stack::lane::test {

/// Since the program began.
std::size_t allocations();

}  // namespace windhover::stack::lane::test
