// Any bytes as what a proxy puts in front: no crash, and a verdict that more bytes do not change.

#include <cstddef>
#include <cstdint>

#include "server/http/proxy_protocol.h"
#include "stack/base/check.h"

namespace {

using windhover::server::http::kProxyHeaderMax;
using windhover::server::http::parse_proxy_header;
using windhover::server::http::ProxyHeader;
using windhover::stack::base::Bytes;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 2 * kProxyHeaderMax) return 0;
  const Bytes input(data, size);
  const ProxyHeader whole = parse_proxy_header(input);
  for (std::size_t end = 0; end < size; ++end) {
    const ProxyHeader part = parse_proxy_header(input.first(end));
    if (part.status == ProxyHeader::Status::kNeedMore) continue;
    CHECK(part.status == whole.status && part.size == whole.size && part.client == whole.client);
    CHECK(part.size <= end && part.size <= kProxyHeaderMax);
    return 0;
  }
  CHECK(whole.status != ProxyHeader::Status::kNeedMore || size < kProxyHeaderMax);
  return 0;
}
