#pragma once
// The ladder that backend.type auto walks: AF_XDP where an interface is named, then TUN, then UDP on loopback with the
// portal, which works anywhere. A type that is named is taken or refused, never replaced.

#include <memory>
#include <string>
#include <vector>

#include "server/main/backend.h"
#include "server/main/settings.h"

namespace windhover::server::main {

/// Where the server stands, and why not higher.
struct Standing {
  Settings settings;                 ///< With the type that was found. Still auto: none but the portal's own link.
  std::unique_ptr<Backend> backend;  ///< nullptr: likewise.
  std::vector<std::string> lines;    ///< For the operator, the step first; none when the type was named.
};

/// Tries the steps from the top. Throws SetupError: what was named cannot be had, or no step can and the portal is
/// switched off.
Standing climb(const Settings& settings);

}  // namespace windhover::server::main
