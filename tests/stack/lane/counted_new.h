#pragma once
// How often a thread has called operator new, in any of its forms.

#include <cstddef>

namespace windhover::stack::lane::test {

/// Since the calling thread began.
std::size_t allocations();

}  // namespace windhover::stack::lane::test
