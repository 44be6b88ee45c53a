#pragma once
// A device that makes its stack a liar: what it says about the bytes of the other side is not always so.

#include <cstdint>

#include "backends/impair/random.h"
#include "stack/link/device.h"

namespace windhover::sim {

/// The chance of each lie, 0..1 a segment. Segments with SYN or RST, and payload, are always honest.
struct Lies {
  double stale_ack = 0;      ///< An acknowledgement number of long ago, ...
  double early_ack = 0;      ///< ... or of bytes that have not arrived: these are lost for good.
  double shrunk_window = 0;  ///< A window of less than was promised.
  double wild_sack = 0;      ///< SACK blocks that mean nothing.
  double split_options = 0;  ///< The same options in another order, with the padding between them.

  bool any() const { return stale_ack + early_ack + shrunk_window + wild_sack + split_options > 0; }
};

/// Changes TCP headers on their way out, checksums included, so that the receiver must take them for honest. Everything
/// is drawn from the seed. Thread: the lane of the device below, which is borrowed and must outlive this.
class Liar final : public stack::link::Device {
 public:
  Liar(stack::link::Device& below, const Lies& lies, std::uint64_t seed) : below_(below), lies_(lies), random_(seed) {}

  std::string_view name() const override { return below_.name(); }
  const stack::link::Caps& caps() const override { return below_.caps(); }
  stack::link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(stack::link::Burst& burst) override { return below_.receive(burst); }
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  bool flush() override { return below_.flush(); }
  void pass(stack::link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(stack::base::Duration longest, int wake_fd) override { below_.wait(longest, wake_fd); }
  const stack::link::DeviceStats& stats() const override { return below_.stats(); }

 private:
  void lie(stack::link::Frame& frame);
  void change(stack::base::MutableBytes header);
  void change_options(stack::base::MutableBytes options, std::uint32_t ack);

  stack::link::Device& below_;
  Lies lies_;
  backends::impair::Random random_;
};

}  // namespace windhover::sim
