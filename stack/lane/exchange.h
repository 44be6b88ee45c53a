#pragma once
// Mailboxes between lanes: a frame that arrived on one lane's queue and belongs to another's.
//
// Where a card's receive-side scaling and lane_of() agree nothing moves. Where they do not (veth, TUN, fewer queues
// than lanes, a flow that changed its queue) the frame's bytes are copied into the mailbox from the lane that received
// it to the lane that owns the flow, and there into a frame again. Which lane owns a frame: link/steering.h.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/base/counters.h"
#include "stack/link/device.h"

namespace windhover::stack::lane {

/// Wakes a lane that sleeps. Called from other lanes' threads; must not block.
class Doorbell {
 public:
  virtual void ring() = 0;

 protected:
  ~Doorbell() = default;
};

/// What a lane counts about its mailboxes. Single writer: that lane.
struct MailStats {
  base::Counter posted;    ///< Frames handed to other lanes.
  base::Counter received;  ///< Frames taken from other lanes.
  base::Counter dropped;   ///< Frames for another lane whose mailbox was full, or that no frame could be had for.
  base::Counter rung;      ///< Times that a sleeping lane was woken.
};

/// One mailbox for each ordered pair of lanes, each a bounded byte ring with one producer and one consumer. Memory is
/// taken at construction, and untouched pages cost nothing. Threads: as said at each call.
class Exchange {
 public:
  /// `mailbox_size` in bytes, a power of two, at least 128 KiB: one super-frame must fit. Precondition: 1..64 lanes.
  Exchange(std::uint32_t lane_count, std::size_t mailbox_size);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::uint32_t lane_count() const;
  /// Before the lanes start. `doorbell` must outlive the exchange's use.
  void connect(std::uint32_t lane, Doorbell& doorbell);

  /// Lane `lane`: keeps of `burst` what it owns and posts the rest; what every lane must hear stays and is posted too.
  /// Rings nobody yet.
  void sort(std::uint32_t lane, link::Medium medium, link::Burst& burst);
  /// Lane `lane`: wakes the sleeping lanes that sort() has posted to.
  void ring(std::uint32_t lane);
  /// Lane `lane`: appends what has been posted to it, up to the burst's room; returns how many.
  std::size_t collect(std::uint32_t lane, link::Burst& burst);

  /// Lane `lane`: says that it is about to sleep; false when mail waits, and it must not.
  bool may_sleep(std::uint32_t lane);
  /// Lane `lane`: is awake again.
  void awake(std::uint32_t lane);

  const MailStats& stats(std::uint32_t lane) const;
  /// Bytes of address space taken.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::stack::lane
