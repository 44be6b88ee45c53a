#pragma once
// A device that is another device and writes every frame that crosses it to a pcapng file for Wireshark.
//
// Frames are written as they cross: a frame whose checksum is partial shows a checksum that is not complete yet, and a
// super-frame shows as one long packet. A frame that the device below does not take is not written.

#include <functional>

#include "backends/pcap/writer.h"
#include "stack/link/device.h"

namespace windhover::backends::pcap {

/// Reads the time of the lane: virtual in the simulator, CLOCK_MONOTONIC in production. Called once a burst.
using Clock = std::function<stack::base::Instant()>;

/// A full disk or a bound reached ends the capture, never the traffic: writer().failure() says why. What is gathered
/// reaches the file at the latest in wait(), before the lane sleeps. Thread: the lane of the device below.
class Pcap : public stack::link::Device {
 public:
  /// `below` is borrowed and must outlive this. Throws SetupError when the file cannot be made.
  Pcap(stack::link::Device& below, const WriterConfig& config, Clock clock);

  std::string_view name() const override { return below_.name(); }
  const stack::link::Caps& caps() const override { return below_.caps(); }
  stack::link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(stack::link::Burst& burst) override;
  std::size_t transmit(std::span<stack::link::Frame> frames) override;
  bool flush() override { return below_.flush(); }
  void pass(stack::link::Frame frame) override { below_.pass(std::move(frame)); }
  void wait(stack::base::Duration longest, int wake_fd) override;
  const stack::link::DeviceStats& stats() const override { return below_.stats(); }

  Writer& writer() { return writer_; }
  const Writer& writer() const { return writer_; }

 private:
  stack::link::Device& below_;
  Clock clock_;
  Writer writer_;
};

}  // namespace windhover::backends::pcap
