#pragma once
// From the path of a target to the path that is looked up.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace windhover::server::http {

/// Decodes percent escapes once, then removes "." and ".." segments as RFC 3986 5.2.4 does: ".." above the root stays
/// at the root, so an escaped dot or slash leads nowhere else than a plain one. Nothing for %00 and for a broken
/// escape. Preconditions: `path` begins with '/'; `buffer` holds at least path.size(). The result lies in `buffer`.
std::optional<std::string_view> decode_path(std::string_view path, std::span<char> buffer);

}  // namespace windhover::server::http
