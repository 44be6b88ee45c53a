#pragma once
// Connections that ended badly, on their way from a lane to a log.
//
// A lane must never wait for whoever reads a log, and a flood of bad ends must not become a flood of text. So the lane
// leaves a report in a queue, where that has room, and another thread makes text of it in its own time.

#include <cstddef>
#include <cstdint>
#include <string>

#include "stack/base/counters.h"
#include "stack/base/spsc_ring.h"
#include "stack/tcp/app.h"

namespace windhover::server::observe {

/// What is known of one connection at its end.
struct CloseReport {
  stack::tcp::Info info;
  stack::tcp::CloseReason reason{};
  stack::tcp::Recording recording;
};

/// As many lines as there are events, and two: who and why, what TCP knew last, and the last events with their times,
/// counted from the first of them. No line break at the end. Of at most `size_max` bytes: where that is not enough the
/// oldest events are left out, and that is said. Precondition: size_max >= 2048.
std::string to_string(const CloseReport& report, std::size_t size_max);

/// From one lane to one reader. Threads: on_abnormal_close() is the lane's, pop() and take_missed() are the reader's.
/// Memory is taken at construction.
class CloseQueue final : public stack::tcp::CloseObserver {
 public:
  /// Reports that may wait. With the reader's pace this also bounds how many are written in a second.
  static constexpr std::size_t kReportsMax = 64;

  void on_abnormal_close(const stack::tcp::Info& info, stack::tcp::CloseReason reason,
                         const stack::tcp::Recording& recording) override;

  /// Takes the oldest report; false when there is none.
  bool pop(CloseReport& report) { return reports_.pop(report); }
  /// How many there was no room for since the last call.
  std::uint64_t take_missed();

 private:
  stack::base::SpscRing<CloseReport> reports_{kReportsMax};
  stack::base::Counter missed_;
  std::uint64_t missed_told_ = 0;
};

}  // namespace windhover::server::observe
