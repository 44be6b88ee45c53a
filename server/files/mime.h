#pragma once
// Media types by file name.

#include <string_view>

namespace windhover::server::files {

/// The Content-Type for a file of that name, charset included where one applies; empty when the extension is not known.
std::string_view content_type(std::string_view file_name);

}  // namespace windhover::server::files
