#include "tests/server/http/judge.h"

#include <algorithm>

#include "server/http/body.h"
#include "server/http/head_scan.h"
#include "server/http/parser.h"

namespace windhover::server::http::test {

using stack::base::Bytes;

Verdict judge(Bytes input, std::size_t piece_size, const Limits& limits) {
  HeadScan scan;
  std::size_t shown = 0;
  HeadScan::Status status = HeadScan::Status::kNeedMore;
  while (status == HeadScan::Status::kNeedMore && shown < input.size()) {
    shown = std::min(input.size(), shown + piece_size);
    status = scan.scan(limits, input.first(shown));
  }
  if (status == HeadScan::Status::kNeedMore) return {};
  if (status == HeadScan::Status::kBad) return {false, 0, scan.reason()};

  Parser parser(limits);
  Request request;
  if (const auto bad = parser.parse(scan, input.first(shown), request)) return {false, 0, bad};
  if (!request.has_body()) return {true, scan.size(), {}};

  BodyReader body(request);
  std::size_t at = scan.size();
  while (at < input.size()) {
    shown = std::max(shown, std::min(input.size(), at + piece_size));
    const BodyReader::Step step = body.take(input.subspan(at, shown - at), limits.max_request_body_size, nullptr);
    at += step.consumed;
    if (step.bad) return {false, 0, step.bad};
    if (step.complete) return {true, at, {}};
  }
  return {};
}

}  // namespace windhover::server::http::test
