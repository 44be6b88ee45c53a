#include "server/main/close_log.h"

#include <fmt/format.h>

#include "server/main/log.h"

namespace windhover::server::main {

stack::tcp::CloseObserver* CloseLog::add_lane() {
  if (!log_says(LogLevel::kDebug)) return nullptr;
  return queues_.emplace_back(std::make_unique<observe::CloseQueue>()).get();
}

void CloseLog::print() {
  observe::CloseReport report;
  for (const auto& queue : queues_) {
    // A lane may go on filling it meanwhile.
    for (std::size_t count = 0; count < observe::CloseQueue::kReportsMax; ++count) {
      if (!log_has_room()) return;
      if (!queue->pop(report)) break;
      log_debug(to_string(report, kLogPieceMax));
    }
    if (!log_has_room()) return;
    const std::uint64_t missed = queue->take_missed();
    if (missed > 0) log_debug(fmt::format("{} more connections ended badly than could be told of.", missed));
  }
}

}  // namespace windhover::server::main
