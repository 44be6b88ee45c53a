#include "stack/wire/checksum.h"

#include "stack/wire/checksum_paths.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define WINDHOVER_AVX2 __attribute__((target("avx2")))
#endif

namespace windhover::stack::wire {
namespace {

#if defined(__x86_64__)

bool detect_avx2() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}

// False until it is initialised, so a caller that runs even earlier gets the portable path.
const bool kHasAvx2 = detect_avx2();

/// Adds the eight 32-bit words of `block` to the 64-bit lanes of `total`, which therefore cannot overflow.
WINDHOVER_AVX2 inline __m256i add_words(__m256i total, __m256i block) {
  const __m256i low = _mm256_and_si256(block, _mm256_set1_epi64x(0xffffffff));
  return _mm256_add_epi64(total, _mm256_add_epi64(low, _mm256_srli_epi64(block, 32)));
}

WINDHOVER_AVX2 inline Sum add_lanes(__m256i total) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
  return Sum(static_cast<std::uint64_t>(_mm_cvtsi128_si64(half)) +
             static_cast<std::uint64_t>(_mm_extract_epi64(half, 1)));
}

WINDHOVER_AVX2 inline __m256i load_block(const std::uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

WINDHOVER_AVX2 inline void store_block(std::uint8_t* to, __m256i block) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), block);
}

#else

constexpr bool kHasAvx2 = false;

#endif

constexpr std::size_t kStride = 64;
static_assert(kStride <= kSumInlineMax, "what a long path leaves over must be short enough for the inline one");

}  // namespace

bool has_avx2() { return kHasAvx2; }

Sum sum_portable(base::Bytes bytes) {
  // Two chains of additions with carry, because each one alone waits for its own carry.
  Sum even;
  Sum odd;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStride; left -= kStride, at += kStride) {
    for (std::size_t i = 0; i < kStride; i += 16) {
      even += internal::load_sum<std::uint64_t>(at + i);
      odd += internal::load_sum<std::uint64_t>(at + i + 8);
    }
  }
  return even + odd + sum({at, left});
}

Sum copy_and_sum_portable(base::MutableBytes to, base::Bytes from) {
  Sum even;
  Sum odd;
  const std::uint8_t* at = from.data();
  std::uint8_t* out = to.data();
  std::size_t left = from.size();
  for (; left >= kStride; left -= kStride, at += kStride, out += kStride) {
    for (std::size_t i = 0; i < kStride; i += 16) {
      even += internal::copy_sum<std::uint64_t>(out + i, at + i);
      odd += internal::copy_sum<std::uint64_t>(out + i + 8, at + i + 8);
    }
  }
  return even + odd + copy_and_sum({out, left}, {at, left});
}

#if defined(__x86_64__)

WINDHOVER_AVX2 Sum sum_avx2(base::Bytes bytes) {
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kStride; left -= kStride, at += kStride) {
    even = add_words(even, load_block(at));
    odd = add_words(odd, load_block(at + 32));
  }
  return add_lanes(_mm256_add_epi64(even, odd)) + sum({at, left});
}

WINDHOVER_AVX2 Sum copy_and_sum_avx2(base::MutableBytes to, base::Bytes from) {
  __m256i even = _mm256_setzero_si256();
  __m256i odd = _mm256_setzero_si256();
  const std::uint8_t* at = from.data();
  std::uint8_t* out = to.data();
  std::size_t left = from.size();
  for (; left >= kStride; left -= kStride, at += kStride, out += kStride) {
    const __m256i first = load_block(at);
    const __m256i second = load_block(at + 32);
    store_block(out, first);
    store_block(out + 32, second);
    even = add_words(even, first);
    odd = add_words(odd, second);
  }
  return add_lanes(_mm256_add_epi64(even, odd)) + copy_and_sum({out, left}, {at, left});
}

#else

Sum sum_avx2(base::Bytes bytes) { return sum_portable(bytes); }
Sum copy_and_sum_avx2(base::MutableBytes to, base::Bytes from) { return copy_and_sum_portable(to, from); }

#endif

Sum sum_long(base::Bytes bytes) { return kHasAvx2 ? sum_avx2(bytes) : sum_portable(bytes); }

Sum copy_and_sum_long(base::MutableBytes to, base::Bytes from) {
  return kHasAvx2 ? copy_and_sum_avx2(to, from) : copy_and_sum_portable(to, from);
}

}  // namespace windhover::stack::wire
