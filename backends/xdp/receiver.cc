#include "backends/xdp/receiver.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace windhover::backends::xdp {
namespace {

namespace link = stack::link;
using link::Burst;
using link::Frame;

/// Chunks are given back this many at a time: the kernel's index is looked at once for all of them.
constexpr std::uint32_t kRefillBatch = 32;

/// Buffers for chains: this much memory, which stays untouched until it is used, and never fewer than a burst and what
/// TCP may hold of one connection out of order.
constexpr std::uint32_t kGatheredMemory = 8U << 20;
constexpr std::uint32_t kGatheredFramesMin = 128;
constexpr std::uint32_t kCacheLine = 64;

link::ArenaShape gathered_shape(std::uint32_t packet_size) {
  const std::uint32_t frame_size = (packet_size + kCacheLine - 1) / kCacheLine * kCacheLine;
  return {std::max(kGatheredMemory / frame_size, kGatheredFramesMin), frame_size, 0, false};
}

}  // namespace

Receiver::Receiver(std::span<Socket> sockets, ChunkPool& chunks, std::uint32_t gathered_size, link::Checksum checksum,
                   link::DeviceStats& stats)
    : chunks_(chunks), checksum_(checksum), stats_(stats) {
  if (gathered_size != 0) gathering_.emplace(gathered_shape(gathered_size));
  for (Socket& socket : sockets) queues_.push_back({.socket = &socket});
  if (!sockets.empty()) refill_batch_ = std::min(kRefillBatch, sockets[0].fill().size() / 4);
}

void Receiver::fill() {
  for (Queue& queue : queues_) queue.owed = queue.socket->fill().size();
  refill();
}

std::size_t Receiver::receive(Burst& burst) {
  // First: the chunks of the last burst have come back since.
  refill();
  const std::size_t before = burst.size();
  for (std::size_t at = 0; at < queues_.size() && !burst.full(); ++at)
    take(queues_[(turn_ + at) % queues_.size()], burst);
  if (queues_.size() > 1) turn_ = (turn_ + 1) % queues_.size();
  return burst.size() - before;
}

void Receiver::take(Queue& queue, Burst& burst) {
  auto& ring = queue.socket->received();
  const auto room = static_cast<std::uint32_t>(burst.room());
  const std::uint32_t count = std::min(ring.available(room), room);
  if (count == 0) return;
  for (std::uint32_t at = 0; at < count; ++at) {
    const Descriptor descriptor = ring.peek(at);
    Frame frame = chunks_.take_back(descriptor.addr, descriptor.len);
    const bool continued = (descriptor.options & kContinued) != 0;
    if (queue.in_chain || continued) {
      take_part(queue, std::move(frame), continued, burst);
    } else {
      hand_up(std::move(frame), burst);
    }
  }
  ring.release(count);
  queue.owed += count;
}

void Receiver::take_part(Queue& queue, Frame part, bool continued, Burst& burst) {
  const bool first = !queue.in_chain;
  queue.in_chain = continued;
  if (first && gathering_) queue.gathered = gathering_->allocate();
  if (!queue.gathered) {
    stats_.received_dropped += static_cast<std::uint64_t>(first);
    return;
  }
  if (!part || part.size() > queue.gathered.tailroom()) {
    queue.gathered.reset();
    ++stats_.received_dropped;
    return;
  }
  std::memcpy(queue.gathered.append(part.size()).data(), part.bytes().data(), part.size());
  if (!continued) hand_up(std::move(queue.gathered), burst);
}

void Receiver::hand_up(Frame frame, Burst& burst) {
  if (!frame) {
    ++stats_.received_dropped;
    return;
  }
  frame.offload().checksum = checksum_;
  ++stats_.received_frames;
  stats_.received_bytes += frame.size();
  burst.push(std::move(frame));
}

void Receiver::refill() {
  const auto is_low = [this](const Queue& queue) { return queue.owed >= refill_batch_; };
  auto low_count = static_cast<std::size_t>(std::ranges::count_if(queues_, is_low));
  for (Queue& queue : queues_) {
    // What is short goes round: no queue takes the last chunks while another has none.
    if (is_low(queue)) refill(queue, chunks_.arena().free_count() / low_count--);
    queue.socket->wake_receive();
  }
}

void Receiver::refill(Queue& queue, std::size_t most) {
  if (most == 0) return;
  auto& ring = queue.socket->fill();
  const std::uint32_t room = ring.room(ring.size());
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(room, most));
  for (std::uint32_t at = 0; at < count; ++at) ring.push(chunks_.lend(chunks_.arena().allocate()));
  ring.publish();
  queue.owed = room - count;
}

std::size_t Receiver::memory_size() const { return gathering_ ? gathering_->memory_size() : 0; }

}  // namespace windhover::backends::xdp
