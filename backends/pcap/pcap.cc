#include "backends/pcap/pcap.h"

#include <algorithm>
#include <array>
#include <utility>

namespace windhover::backends::pcap {

namespace link = stack::link;

Pcap::Pcap(link::Device& below, const WriterConfig& config, Clock clock)
    : below_(below), clock_(std::move(clock)), writer_(config, below.name(), below.caps().medium) {}

std::size_t Pcap::receive(link::Burst& burst) {
  const std::size_t before = burst.size();
  const std::size_t count = below_.receive(burst);
  if (count == 0) return 0;
  const stack::base::Instant now = clock_();
  writer_.make_room();
  for (const link::Frame& frame : burst.frames().subspan(before, count)) writer_.add(now, Direction::kInbound, frame);
  return count;
}

std::size_t Pcap::transmit(std::span<link::Frame> frames) {
  const stack::base::Instant now = clock_();
  std::size_t taken = 0;
  while (taken < frames.size()) {
    // Once taken, frames are gone: they are written down first, and those that were not taken are forgotten again.
    const auto part = frames.subspan(taken, std::min(frames.size() - taken, link::kBurstMax));
    std::array<Writer::Mark, link::kBurstMax> marks;
    writer_.make_room();
    for (std::size_t at = 0; at < part.size(); ++at) {
      marks[at] = writer_.mark();
      writer_.add(now, Direction::kOutbound, part[at]);
    }
    const std::size_t count = below_.transmit(part);
    taken += count;
    if (count < part.size()) {
      writer_.rewind(marks[count]);
      break;
    }
  }
  return taken;
}

void Pcap::wait(stack::base::Duration longest, int wake_fd) {
  writer_.flush();
  below_.wait(longest, wake_fd);
}

}  // namespace windhover::backends::pcap
