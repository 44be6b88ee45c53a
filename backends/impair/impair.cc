#include "backends/impair/impair.h"

#include <algorithm>
#include <string>
#include <utility>

#include "backends/impair/line.h"
#include "stack/base/buffer.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::impair {
namespace {

namespace base = stack::base;
namespace link = stack::link;

void check_probability(double value) {
  if (value >= 0 && value <= 1) return;
  throw base::SetupError("impairment probability " + std::to_string(value), 0, "Choose a probability from 0 to 1.");
}

std::unique_ptr<Line> make_line(const Profile& profile, std::uint64_t seed, const Config& config,
                                const link::Caps& caps) {
  for (const double value : {profile.loss, profile.duplicate, profile.reorder, profile.corrupt})
    check_probability(value);
  CHECK(config.line_frames > 0);
  if (profile.clean()) return nullptr;
  return std::make_unique<Line>(profile, seed, config.line_frames, caps);
}

/// Copies a linear frame into an empty one of a device's arena; what its buffer cannot hold becomes a piece. That
/// happens to super-frames on a device that gathers, whose buffers hold one MTU.
void copy_frame(const link::Frame& from, link::Frame& to) {
  const base::Bytes bytes = from.bytes();
  const std::size_t linear = std::min(bytes.size(), to.tailroom());
  std::ranges::copy(bytes.first(linear), to.append(linear).begin());
  if (linear < bytes.size()) CHECK(to.attach(base::copy_to_heap(bytes.subspan(linear))));
  to.offload() = from.offload();
}

}  // namespace

bool Profile::clean() const {
  return loss == 0 && duplicate == 0 && reorder == 0 && corrupt == 0 && delay == base::Duration::zero() &&
         jitter == base::Duration::zero() && rate == 0 && cut_from == base::kNever;
}

Impair::Impair(link::Device& below, const Config& config, Clock clock) : below_(below), clock_(std::move(clock)) {
  Random seeds(config.seed);
  const std::uint64_t transmit_seed = seeds.next();
  const std::uint64_t receive_seed = seeds.next();
  transmit_line_ = make_line(config.transmit, transmit_seed, config, below.caps());
  receive_line_ = make_line(config.receive, receive_seed, config, below.caps());
}

Impair::~Impair() = default;

std::size_t Impair::receive(link::Burst& burst) {
  const base::Instant now = clock_();
  send_due(now);
  if (!receive_line_) return below_.receive(burst);
  below_.receive(arrived_);
  for (const link::Frame& frame : arrived_.frames()) receive_line_->enter(now, frame);
  arrived_.clear();
  std::size_t count = 0;
  for (; !burst.full() && receive_line_->next_due() <= now; ++count) burst.push(receive_line_->pop());
  return count;
}

std::size_t Impair::transmit(std::span<link::Frame> frames) {
  if (!transmit_line_) return below_.transmit(frames);
  const base::Instant now = clock_();
  for (link::Frame& frame : frames) {
    transmit_line_->enter(now, frame);
    frame.reset();
  }
  send_due(now);
  return frames.size();
}

bool Impair::flush() {
  const bool sent = send_due(clock_());
  return below_.flush() && sent;
}

bool Impair::send_due(base::Instant now) {
  if (!transmit_line_) return true;
  while (transmit_line_->next_due() <= now) {
    link::Frame frame = below_.arena().allocate();
    if (!frame) return false;
    copy_frame(transmit_line_->front(), frame);
    if (below_.transmit({&frame, 1}) == 0) return false;
    transmit_line_->pop().reset();
  }
  return true;
}

void Impair::wait(base::Duration longest, int wake_fd) {
  const base::Instant now = clock_();
  // What the device below refused waits for that device, not for a time.
  base::Instant due = send_due(now) && transmit_line_ ? transmit_line_->next_due() : base::kNever;
  if (receive_line_) due = std::min(due, receive_line_->next_due());
  if (due != base::kNever) longest = std::max(base::Duration::zero(), std::min(due - now, longest));
  below_.wait(longest, wake_fd);
}

base::Instant Impair::next_deadline() const {
  base::Instant due = base::kNever;
  if (transmit_line_) due = std::min(due, transmit_line_->next_due());
  if (receive_line_) due = std::min(due, receive_line_->next_due());
  return due;
}

const LineStats& Impair::transmit_stats() const { return transmit_line_ ? transmit_line_->stats() : none_; }
const LineStats& Impair::receive_stats() const { return receive_line_ ? receive_line_->stats() : none_; }

}  // namespace windhover::backends::impair
