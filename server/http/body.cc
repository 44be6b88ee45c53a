#include "server/http/body.h"

#include <algorithm>

namespace windhover::server::http {

using stack::base::Bytes;

BodyReader::Step BodyReader::take(Bytes input, std::uint64_t size_max, BodySink* sink) {
  Step step;
  if (chunked_) {
    step = take_chunked(input, size_max, sink);
  } else {
    step.consumed = static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), remaining_));
    remaining_ -= step.consumed;
    step.complete = remaining_ == 0;
    if (sink != nullptr && step.consumed > 0) sink->data(input.first(step.consumed));
  }
  received_ += step.consumed;
  return step;
}

BodyReader::Step BodyReader::take_chunked(Bytes input, std::uint64_t size_max, BodySink* sink) {
  Step result;
  while (!result.complete && !result.bad && result.consumed < input.size()) {
    const ChunkedDecoder::Step step = decoder_.step(input.subspan(result.consumed));
    result.consumed += step.consumed;
    switch (step.status) {
      case ChunkedDecoder::Status::kNeedMore:
        break;
      case ChunkedDecoder::Status::kData:
        data_size_ += step.data.size();
        if (data_size_ > size_max) {
          result.bad = BadRequest::kBodyTooLarge;
        } else if (sink != nullptr) {
          sink->data(step.data);
        }
        break;
      case ChunkedDecoder::Status::kComplete:
        result.complete = true;
        break;
      case ChunkedDecoder::Status::kBad:
        result.bad = step.reason;
        break;
    }
  }
  return result;
}

}  // namespace windhover::server::http
