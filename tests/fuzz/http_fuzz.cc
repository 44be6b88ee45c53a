// Any bytes as a request with its body: no crash, and the same verdict however they arrive.
//
// Input: one byte that says where to split, then the request.

#include <cstddef>
#include <cstdint>

#include "stack/base/check.h"
#include "tests/server/http/judge.h"

namespace {

using windhover::server::http::Limits;
using windhover::server::http::test::judge;
using windhover::server::http::test::Verdict;
using windhover::stack::base::Bytes;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static const Limits kLimits{.max_request_line_size = 512,
                              .max_request_headers_total_size = 2048,
                              .max_request_header_count = 20,
                              .max_request_body_size = 1000};
  const Bytes request(data + 1, size - 1);
  const Verdict whole = judge(request, request.size(), kLimits);
  CHECK(judge(request, data[0] % 32 + std::size_t{1}, kLimits) == whole);
  if (!whole.complete) return 0;

  // A request that ends within the input is judged by itself alone, and without its last byte not at all.
  CHECK(whole.size > 0 && whole.size <= request.size());
  CHECK(judge(request.first(whole.size), whole.size, kLimits) == whole);
  CHECK(judge(request.first(whole.size - 1), whole.size, kLimits) == Verdict{});
  return 0;
}
