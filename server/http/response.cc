#include "server/http/response.h"

#include <algorithm>

#include "server/http/characters.h"
#include "stack/base/check.h"

namespace windhover::server::http {

namespace {

struct Phrase {
  std::uint16_t status;
  std::string_view text;
};

constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

}  // namespace

std::string_view reason_phrase(std::uint16_t status) {
  const auto* phrase = std::find_if(std::begin(kPhrases), std::end(kPhrases),
                                    [status](const Phrase& candidate) { return candidate.status == status; });
  return phrase == std::end(kPhrases) ? std::string_view{} : phrase->text;
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
  if (has_shared_body()) shared_body_ = {};
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
