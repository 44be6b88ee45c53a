#pragma once
// Mailboxes between lanes: a frame that arrived on one lane's queue and belongs to another's.
//
// Where a card's receive-side scaling and lane_of() agree nothing moves. Where they do not (veth, TUN, fewer queues
// than lanes, a flow that changed its queue) the frame's bytes are copied into the mailbox from the lane that received
// it to the lane that owns the flow, and there into a frame again. Which lane owns a frame: link/steering.h.
//
// Frames from one lane to one other stay in order. Frames of one flow that arrive on several lanes may overtake each
// other, as on any network.
//
// Sleep, and why no mail is slept through: each lane has one atomic word. Bit L of it, for every other lane L, says
// that L has posted; the lane's own bit says that it sleeps or is about to. Both sides only ever read, modify and write
// that word in one step, and such steps on one word have one order that all threads agree on. So when may_sleep() sets
// the lane's bit and a poster sets its own, one comes first: either the lane finds the poster's bit and does not sleep,
// or the poster finds the lane's bit and knows that it must ring. The poster that takes the lane's bit away rings, and
// nobody else: at most one ring for one sleep. A lane that wakes by itself meanwhile finds its doorbell rung once for
// nothing, which is allowed.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "stack/base/counters.h"
#include "stack/link/device.h"

namespace windhover::stack::lane {

/// As many as an exchange joins at the most.
inline constexpr std::uint32_t kLanesMax = 64;

/// Wakes a lane that sleeps. Called from other lanes' threads; must not block. What it leaves behind (a readable
/// eventfd) is for the lane that was woken to clear: Loop::rest().
class Doorbell {
 public:
  virtual void ring() = 0;

 protected:
  ~Doorbell() = default;
};

/// What a lane counts about its mailboxes. Single writer: that lane.
struct MailStats {
  base::Counter posted;    ///< Frames handed to other lanes; one that every lane must hear counts once for each.
  base::Counter received;  ///< Frames taken from other lanes.
  base::Counter dropped;   ///< Frames for another lane whose mailbox was full, or that no frame could be had for.
  base::Counter rung;      ///< Times that a sleeping lane was woken.
};

/// One mailbox for each ordered pair of lanes, each a bounded byte ring with one producer and one consumer. Memory is
/// taken at construction, and untouched pages cost nothing. Threads: as said at each call.
class Exchange {
 public:
  /// `mailbox_size` in bytes, a power of two, at least 256 KiB: a super-frame must fit into half of it. Precondition:
  /// 1..kLanesMax lanes.
  Exchange(std::uint32_t lane_count, std::size_t mailbox_size);
  /// Mail inside is lost. Precondition: every frame that collect() gave is gone.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  std::uint32_t lane_count() const;
  /// Before the lanes start. `doorbell` must outlive the exchange's use.
  void connect(std::uint32_t lane, Doorbell& doorbell);

  /// Lane `lane`: keeps of `burst` what it owns and posts the rest; what every lane must hear stays and is posted too.
  /// A full mailbox drops. Rings nobody yet. Precondition: the frames are linear, as received ones are.
  void sort(std::uint32_t lane, link::Medium medium, link::Burst& burst);
  /// Lane `lane`: wakes the sleeping lanes that sort() has posted to.
  void ring(std::uint32_t lane);
  /// Lane `lane`: appends what has been posted to it, with the offload metadata it came with, up to the burst's room;
  /// returns how many. The frames are the lane's, from an arena of kBurstMax frames, and hold nothing of the mailbox.
  std::size_t collect(std::uint32_t lane, link::Burst& burst);

  /// Lane `lane`: says that it is about to sleep; false when mail waits, and it must not. Precondition: connected.
  bool may_sleep(std::uint32_t lane);
  /// Lane `lane`: is awake again. After each may_sleep() that said true, before anything else.
  void awake(std::uint32_t lane);

  /// Any thread.
  const MailStats& stats(std::uint32_t lane) const;
  /// Bytes of address space taken.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::stack::lane
