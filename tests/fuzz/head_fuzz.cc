// Any bytes as a request's head: no crash, and the same verdict however they arrive.
//
// Input: one byte that says where to split, then the head.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/http/head_scan.h"
#include "server/http/parser.h"
#include "stack/base/check.h"

namespace {

using windhover::server::http::HeadScan;
using windhover::server::http::Limits;
using windhover::server::http::Parser;
using windhover::server::http::Request;
using windhover::stack::base::Bytes;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const Limits kLimits{.max_request_line_size = 512, .max_request_headers_total_size = 2048};
  static Parser parser(kLimits);

  const Bytes head(data + 1, size - 1);
  HeadScan whole;
  const HeadScan::Status status = whole.scan(kLimits, head);

  HeadScan split;
  HeadScan::Status split_status = HeadScan::Status::kNeedMore;
  const std::size_t step = data[0] + std::size_t{1};
  for (std::size_t end = step; split_status == HeadScan::Status::kNeedMore; end += step) {
    split_status = split.scan(kLimits, head.first(std::min(end, head.size())));
    if (end >= head.size()) break;
  }
  CHECK(split_status == status);
  if (status == HeadScan::Status::kBad) CHECK(split.reason() == whole.reason());
  if (status != HeadScan::Status::kComplete) return 0;

  CHECK(split.size() == whole.size() && whole.size() <= head.size());
  Request request;
  (void)parser.parse(whole, head, request);
  return 0;
}
