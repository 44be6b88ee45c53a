#pragma once
// What the main thread does while the lanes serve.

#include <memory>
#include <vector>

#include "server/main/backend.h"
#include "server/main/close_log.h"
#include "server/main/lane_runner.h"
#include "server/main/portal_runner.h"

namespace windhover::server::main {

/// Who is watched over.
struct Watched {
  const std::vector<std::unique_ptr<LaneRunner>>& lanes;
  PortalRunner* portal;  ///< nullptr without one.
  Backend& backend;
  CloseLog& closes;
};

/// Tells what changes about the interface and which connections end badly, and leads the lanes to their end: the first
/// signal at `signals` (a signalfd) lets connections finish, the second ends them, and so does a lane whose device is
/// lost. The portal ends before the lanes. Returns when every lane has been told to end.
void watch(const Watched& watched, int signals, stack::base::Duration shutdown_timeout);

}  // namespace windhover::server::main
