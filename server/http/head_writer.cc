#include "server/http/head_writer.h"

#include <algorithm>
#include <charconv>

#include "server/http/date.h"
#include "stack/base/check.h"

namespace windhover::server::http {
namespace {

using stack::base::Instant;

constexpr std::string_view kServerAndDate = "Server: windhover\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
constexpr std::size_t kDateAt = 25;

inline char* put(char* at, std::string_view text) { return at + text.copy(at, text.size()); }

inline char* put_decimal(char* at, std::size_t value) {
  constexpr std::size_t kDigitsMax = 20;
  return std::to_chars(at, at + kDigitsMax, value).ptr;
}

}  // namespace

HeadWriter::HeadWriter(ClockOffset clock_offset) : clock_offset_(clock_offset) {
  static_assert(kServerAndDate.size() == kFixedSize);
  std::copy(kServerAndDate.begin(), kServerAndDate.end(), fixed_.begin());
}

std::int64_t HeadWriter::unix_seconds(Instant now) const {
  return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch() + clock_offset_).count();
}

void HeadWriter::refresh(Instant now) {
  const std::int64_t seconds = unix_seconds(now);
  const DateText date = format_date(seconds);
  std::copy(date.begin(), date.end(), fixed_.begin() + kDateAt);
  fresh_until_ = Instant(std::chrono::seconds(seconds + 1) - clock_offset_);
}

std::size_t HeadWriter::write(Instant now, const Response& response, Persistence persistence,
                              stack::base::MutableBytes out) {
  CHECK(out.size() >= kHeadMax);
  if (now >= fresh_until_) refresh(now);
  char* const begin = reinterpret_cast<char*>(out.data());
  char* at = begin;
  if (response.status() == 200) {
    at = put(at, "HTTP/1.1 200 OK\r\n");
  } else {
    at = put_decimal(put(at, "HTTP/1.1 "), response.status());
    *at++ = ' ';
    at = put(put(at, reason_phrase(response.status())), "\r\n");
  }
  at = put(at, {fixed_.data(), kFixedSize});
  if (persistence == Persistence::kClose) at = put(at, "Connection: close\r\n");
  if (persistence == Persistence::kKeepAlive) at = put(at, "Connection: keep-alive\r\n");
  if (admits_body(response.status())) {
    at = put_decimal(put(at, "Content-Length: "), response.body_size());
    at = put(at, "\r\n");
  }
  at = put(put(at, response.borrowed_headers()), response.owned_headers());
  at = put(at, "\r\n");
  return static_cast<std::size_t>(at - begin);
}

}  // namespace windhover::server::http
