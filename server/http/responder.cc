#include "server/http/responder.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "stack/base/check.h"

namespace windhover::server::http {

BodySink* Responder::begin_body(const Request&) { return nullptr; }

void Responder::refuse(std::uint16_t status, Response& response) {
  constexpr std::string_view kType = "Content-Type: text/plain; charset=utf-8\r\n";
  constexpr std::string_view kTypeAndAllow = "Content-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD, OPTIONS\r\n";
  response.borrow_headers(status == 405 ? kTypeAndAllow : kType);
  const std::string_view phrase = reason_phrase(status);
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%u %.*s\n", unsigned{status},
                                 static_cast<int>(phrase.size()), phrase.data());
  CHECK(size > 0 && static_cast<std::size_t>(size) < text.size());
  response.copy_body({text.data(), static_cast<std::size_t>(size)});
}

}  // namespace windhover::server::http
