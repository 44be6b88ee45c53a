#include "server/http/response.h"

#include <algorithm>

#include "server/http/characters.h"
#include "stack/base/check.h"

namespace windhover::server::http {

std::string_view reason_phrase(std::uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

void Response::reset() {
  status_ = 200;
  close_ = false;
  borrowed_headers_ = {};
  owned_headers_size_ = 0;
  clear_body();
}

void Response::clear_body() {
  plain_body_ = {};
  if (shared_body_.buffer) shared_body_ = {};
}

void Response::borrow_headers(std::string_view block) {
  CHECK(block.size() <= kBorrowedHeadersMax);
  borrowed_headers_ = block;
}

bool Response::add_header(std::string_view name, std::string_view value) {
  if (name.empty() || !all_of_class(name, kToken)) return false;
  for (const char c : value) {
    if (is_class(c, kNotValue)) return false;
  }
  constexpr std::string_view kColon = ": ";
  constexpr std::string_view kEnd = "\r\n";
  if (name.size() + value.size() + kColon.size() + kEnd.size() > kOwnedHeadersMax - owned_headers_size_) return false;
  char* at = owned_headers_.data() + owned_headers_size_;
  for (const std::string_view part : {name, kColon, value, kEnd}) at = std::copy(part.begin(), part.end(), at);
  owned_headers_size_ = static_cast<std::size_t>(at - owned_headers_.data());
  return true;
}

void Response::borrow_body(stack::base::Bytes bytes) {
  CHECK(bytes.size() <= kPlainBodyMax);
  clear_body();
  plain_body_ = bytes;
}

void Response::share_body(stack::base::Slice slice) {
  plain_body_ = {};
  shared_body_ = std::move(slice);
}

void Response::copy_body(std::string_view text) {
  CHECK(text.size() <= kOwnedBodyMax);
  std::copy(text.begin(), text.end(), owned_body_.begin());
  borrow_body(stack::base::as_bytes({owned_body_.data(), text.size()}));
}

}  // namespace windhover::server::http
