#pragma once
// Frames that are ready for the device and wait for output() to take them.

#include <array>
#include <cstddef>
#include <utility>

#include "stack/base/counters.h"
#include "stack/link/device.h"

namespace windhover::stack::ip {

/// Frames held; beyond that a frame is dropped under kTransmitQueueFull. A power of two, and several bursts: TCP stops
/// at one burst, so that replies (echo, RST, ARP) always find room behind it.
inline constexpr std::size_t kTransmitQueueMax = 256;

/// First in, first out.
class TransmitQueue {
 public:
  explicit TransmitQueue(base::Counters& counters) : counters_(counters) {}

  std::size_t size() const { return tail_ - head_; }

  void push(link::Frame&& frame) {
    if (size() == kTransmitQueueMax) [[unlikely]] {
      frame.reset();
      return counters_.drop(base::Drop::kTransmitQueueFull);
    }
    frames_[tail_++ % kTransmitQueueMax] = std::move(frame);
  }

  /// Moves what fits to the end of `burst`.
  void output(link::Burst& burst) {
    while (head_ != tail_ && !burst.full()) burst.push(std::move(frames_[head_++ % kTransmitQueueMax]));
  }

  void clear() {
    while (head_ != tail_) frames_[head_++ % kTransmitQueueMax].reset();
  }

 private:
  base::Counters& counters_;
  std::array<link::Frame, kTransmitQueueMax> frames_;
  std::size_t head_ = 0;  ///< Counts up for ever; its place is the remainder.
  std::size_t tail_ = 0;
};

}  // namespace windhover::stack::ip
