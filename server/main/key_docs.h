#pragma once
// All configuration keys as documentation, from the code that reads them.

#include <string>

#include "server/main/settings.h"

namespace windhover::server::main {

/// config/windhover.schema.json: a JSON Schema (draft 2020-12) with `settings` as the defaults. Ends with a newline.
std::string json_schema(const Settings& settings);

/// The Markdown table of config/README.md: key, value, default, meaning. Ends with a newline.
std::string key_table(const Settings& settings);

}  // namespace windhover::server::main
