#include "server/http/path.h"

#include <cstring>

#include "server/http/characters.h"
#include "stack/base/check.h"

namespace windhover::server::http {
namespace {

/// Decodes into `out`; the size written, or nothing.
std::optional<std::size_t> decode_escapes(std::string_view path, char* out) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (path.size() - i < 3 || !is_class(path[i + 1], kHexDigit) || !is_class(path[i + 2], kHexDigit)) {
        return std::nullopt;
      }
      const unsigned high = hex_value(static_cast<std::uint8_t>(path[i + 1]));
      const unsigned low = hex_value(static_cast<std::uint8_t>(path[i + 2]));
      c = static_cast<char>(high << 4 | low);
      if (c == '\0') return std::nullopt;
      i += 2;
    }
    out[size++] = c;
  }
  return size;
}

/// Removes dot segments in place; the size that is left.
std::size_t remove_dot_segments(char* path, std::size_t size) {
  std::size_t out = 0;  // path[0, out) is done.
  for (std::size_t at = 0; at < size;) {
    // path[at] is the slash that begins a segment.
    std::size_t end = at + 1;
    while (end < size && path[end] != '/') ++end;
    const std::string_view segment(path + at + 1, end - at - 1);
    const bool last = end == size;
    if (segment == "." || segment == "..") {
      if (segment == "..") {
        while (out > 0 && path[out - 1] != '/') --out;
        if (out > 0) --out;
      }
      if (last) path[out++] = '/';
    } else {
      std::memmove(path + out, path + at, end - at);
      out += end - at;
    }
    at = end;
  }
  return out;
}

}  // namespace

std::optional<std::string_view> decode_path(std::string_view path, std::span<char> buffer) {
  CHECK(!path.empty() && path.front() == '/' && buffer.size() >= path.size());
  const auto size = decode_escapes(path, buffer.data());
  if (!size) return std::nullopt;
  return std::string_view(buffer.data(), remove_dot_segments(buffer.data(), *size));
}

}  // namespace windhover::server::http
