#include "server/files/site.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "server/files/mime.h"
#include "server/files/preconditions.h"
#include "server/files/range.h"
#include "server/files/tree.h"
#include "server/http/characters.h"
#include "stack/base/buffer.h"
#include "stack/base/check.h"

namespace windhover::server::files {
namespace {

using http::Method;
using http::Request;
using http::Response;

constexpr std::string_view kAllow = "Allow: GET, HEAD, OPTIONS\r\n";

// Up to here a copy into the send queue costs less than an entry and a segment boundary of its own.
constexpr std::size_t kCopyMax = 2048;

/// Everything about a file that an answer needs, made once.
struct File {
  stack::base::Slice content;
  std::string etag;
  http::UnixSeconds last_modified = 0;
  std::string headers;               // Of 200 and 206.
  std::string not_modified_headers;  // Of 304.
  std::string page_headers;          // Where it stands for another: 404.
};

/// A path's answer: a file, or the way to a directory's own path.
struct Entry {
  const File* file = nullptr;
  std::string redirect;  // Field line; for a directory without its slash.
};

struct PathHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
};

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 16> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, 16);
  return {text.data(), result.ptr};
}

std::unique_ptr<File> make_file(const TreeFile& source, http::UnixSeconds now) {
  auto file = std::make_unique<File>();
  file->content = source.content;
  // Strong: a file that changes without its size or its time in nanoseconds changing was made to.
  file->etag = "\"" + hexadecimal(static_cast<std::uint64_t>(source.modified_ns)) + "-" +
               hexadecimal(source.content.size) + "\"";
  // RFC 9110 8.8.2.1: no date later than the answer's own; and none before what a date can say.
  file->last_modified = std::clamp<http::UnixSeconds>(source.modified_ns / 1'000'000'000, 0, now);
  const http::DateText date = http::format_date(file->last_modified);
  const std::string validators =
      "ETag: " + file->etag + "\r\nLast-Modified: " + std::string(date.data(), date.size()) + "\r\n";
  const std::string_view type = content_type(source.path.substr(source.path.rfind('/') + 1));
  file->page_headers = "Content-Type: " + std::string(type.empty() ? "application/octet-stream" : type) + "\r\n";
  if (type.empty()) file->page_headers += "X-Content-Type-Options: nosniff\r\n";
  file->headers = file->page_headers + validators + "Accept-Ranges: bytes\r\n";
  file->not_modified_headers = validators;
  return file;
}

/// A path as it stands in a Location: unreserved bytes and slashes as they are, the rest escaped.
std::string escape(std::string_view path) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : path) {
    if (http::is_class(c, http::kHostText) || c == '/') {
      text += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      text += '%';
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  return text;
}

void send_whole(const File& file, Response& response) {
  if (file.content.size <= kCopyMax) {
    response.borrow_body(file.content.bytes());
  } else {
    response.share_body(file.content);
  }
}

}  // namespace

struct Site::Parts {
  std::vector<std::unique_ptr<File>> files;
  std::unordered_map<std::string, Entry, PathHash, std::equal_to<>> entries;
  const File* not_found = nullptr;
  std::vector<std::string> warnings;
  std::size_t memory_size = 0;
  http::UnixSeconds read_at = 0;
};

Site::Site(const SiteConfig& config) : parts_(std::make_unique<Parts>()) {
  Parts& parts = *parts_;
  parts.read_at = std::time(nullptr);
  Tree tree = read_tree(config.root, {config.total_size_max, config.entries_max});
  parts.warnings = std::move(tree.warnings);
  parts.memory_size = tree.content_size;
  for (const TreeFile& source : tree.files) {
    parts.files.push_back(make_file(source, parts.read_at));
    parts.entries[source.path].file = parts.files.back().get();
  }
  const auto file_at = [&parts](const std::string& path) -> const File* {
    const auto found = parts.entries.find(path);
    return found == parts.entries.end() ? nullptr : found->second.file;
  };
  for (const std::string& directory : tree.directories) {
    for (const std::string& index : config.index_files) {
      const File* file = file_at(directory + index);
      if (file == nullptr) continue;
      parts.entries[directory].file = file;
      break;
    }
    if (directory == "/") continue;
    // With neither scheme nor host, so it holds behind any proxy. The path is never "//...": it is a directory's.
    parts.entries[directory.substr(0, directory.size() - 1)].redirect = escape(directory);
  }
  parts.not_found = file_at("/" + config.not_found_page);
}

Site::~Site() = default;

const std::vector<std::string>& Site::warnings() const { return parts_->warnings; }
std::size_t Site::file_count() const { return parts_->files.size(); }
std::size_t Site::memory_size() const { return parts_->memory_size; }

void Site::refuse(std::uint16_t status, Response& response) {
  if (status != 404 || parts_->not_found == nullptr) return Responder::refuse(status, response);
  response.borrow_headers(parts_->not_found->page_headers);
  send_whole(*parts_->not_found, response);
}

namespace {

void answer_status(http::Responder& site, std::uint16_t status, Response& response) {
  response.set_status(status);
  site.refuse(status, response);
}

void redirect(const Request& request, const std::string& path, Response& response) {
  response.set_status(301);
  const std::string_view query = request.query;
  std::array<char, Response::kOwnedHeadersMax> location;
  const bool fits = path.size() + 1 + query.size() <= location.size();
  char* end = std::copy(path.begin(), path.end(), location.begin());
  if (fits && query.data() != nullptr) {
    *end++ = '?';
    end = std::copy(query.begin(), query.end(), end);
  }
  const std::string_view value(location.data(), static_cast<std::size_t>(end - location.data()));
  if (!response.add_header("Location", value)) CHECK(response.add_header("Location", path));
}

void answer_range(const File& file, const ByteRange& range, Response& response) {
  std::array<char, 80> text;
  const auto total = static_cast<unsigned long long>(file.content.size);
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    response.set_status(416);
    std::snprintf(text.data(), text.size(), "bytes */%llu", total);
  } else {
    response.set_status(206);
    const auto first = static_cast<unsigned long long>(range.first);
    std::snprintf(text.data(), text.size(), "bytes %llu-%llu/%llu", first, first + range.size - 1, total);
    response.borrow_headers(file.headers);
    if (range.size <= kCopyMax) {
      response.borrow_body(file.content.bytes().subspan(range.first, range.size));
    } else {
      response.share_body(file.content.part(range.first, range.size));
    }
  }
  CHECK(response.add_header("Content-Range", text.data()));
}

constexpr std::uint32_t kConditionSizes =
    http::name_size_bit("range") | http::name_size_bit("if-match") | http::name_size_bit("if-none-match") |
    http::name_size_bit("if-modified-since") | http::name_size_bit("if-unmodified-since");

/// Composes the answer when a condition or a range asks for another than the whole file.
bool answer_condition(http::Responder& site, const File& file, const Request& request, http::UnixSeconds now,
                      Response& response) {
  const Validators validators{file.etag, file.last_modified};
  if (const auto status = check_preconditions(request, validators, now)) {
    if (*status == 412) {
      answer_status(site, 412, response);
    } else {
      response.set_status(304);
      response.borrow_headers(file.not_modified_headers);
    }
    return true;
  }
  const auto range_value = request.header("range");
  if (!range_value || request.method != Method::kGet) return false;
  if (!range_applies(request, validators, now)) return false;
  const ByteRange range = parse_range(*range_value, file.content.size);
  if (range.kind == ByteRange::Kind::kWhole) return false;
  answer_range(file, range, response);
  return true;
}

}  // namespace

void Site::respond(const Request& request, Response& response) {
  const bool reads = request.method == Method::kGet || request.method == Method::kHead;
  if (!reads && request.method != Method::kOptions) return answer_status(*this, 405, response);
  const auto found = parts_->entries.find(request.path);
  if (!reads && (found != parts_->entries.end() || request.path == "*")) {
    response.set_status(204);
    return response.borrow_headers(kAllow);
  }
  if (found == parts_->entries.end()) return answer_status(*this, 404, response);
  const Entry& entry = found->second;
  if (entry.file == nullptr) return redirect(request, entry.redirect, response);

  const File& file = *entry.file;
  if (request.may_have_any(kConditionSizes) && answer_condition(*this, file, request, parts_->read_at, response))
    return;
  response.borrow_headers(file.headers);
  send_whole(file, response);
}

}  // namespace windhover::server::files
