#pragma once
// The two ways in which long inputs are summed. Private to this room; tests compare them with each other.

#include "stack/base/bytes.h"
#include "stack/wire/checksum.h"

namespace windhover::stack::wire {

/// Whether the processor has AVX2. Precondition of the functions that end in _avx2.
bool has_avx2();

Sum sum_portable(base::Bytes bytes);
Sum sum_avx2(base::Bytes bytes);
Sum copy_and_sum_portable(base::MutableBytes to, base::Bytes from);
Sum copy_and_sum_avx2(base::MutableBytes to, base::Bytes from);

}  // namespace windhover::stack::wire
