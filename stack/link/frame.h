#pragma once
// A frame: the bytes of one packet on their way between a device and the stack, and the arena they live in.
//
// Ownership is always with exactly one party. A Frame is that ownership: it can be moved, never copied, and when it is
// destroyed the buffer returns to its arena. A device that must keep a buffer after transmit() returns (a ring that the
// kernel still reads) takes the index out with detach() and gives it back with FrameArena::adopt().
//
// Layout of one buffer: [headroom | linear bytes | tailroom]. A frame on a device with gather transmit may end in
// *pieces*: references to payload that lies elsewhere and follows the linear bytes on the wire, so that a cached file
// reaches the kernel without having been copied by us.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "stack/base/buffer.h"
#include "stack/base/bytes.h"
#include "stack/base/check.h"

namespace windhover::stack::link {

/// How far a frame's transport checksum can be trusted (received) or has been prepared (to transmit).
enum class Checksum : std::uint8_t {
  kNone,      ///< Received: verify it. To transmit: it is complete in place.
  kPartial,   ///< The field holds the pseudo-header sum; whoever puts the frame on a wire completes it (virtio
              ///< NEEDS_CSUM).
  kVerified,  ///< Received: the device has verified it (virtio DATA_VALID).
  kEither,    ///< Received: complete, or the pseudo-header sum alone; the device cannot tell which (AF_XDP on a virtual
              ///< driver). Both are to be believed.
};

/// Received, and not known to be right by what the device says alone.
constexpr bool needs_verification(Checksum checksum) {
  return checksum == Checksum::kNone || checksum == Checksum::kEither;
}

/// Segmentation that the frame asks for (to transmit) or came with (received).
enum class Gso : std::uint8_t { kNone, kTcp4, kTcp6 };

/// Offload metadata in the terms of virtio-net (virtio 1.2 §5.1.6). Offsets in bytes from the first byte of the frame.
struct Offload {
  Checksum checksum = Checksum::kNone;
  Gso gso = Gso::kNone;
  std::uint16_t csum_start = 0;   ///< Where the checksummed range begins (the transport header).
  std::uint16_t csum_offset = 0;  ///< Where the field lies, from csum_start.
  std::uint16_t gso_size = 0;     ///< Payload bytes per segment (the MSS); 0 unless `gso` is set.
  std::uint16_t header_size = 0;  ///< Link, network and transport headers together; 0 unless `gso` is set.
};

/// Pieces one frame can carry besides its linear bytes; a device with gather transmit accepts this many.
inline constexpr std::size_t kPiecesMax = 15;

class FrameArena;

/// One use of one buffer, from allocate() until the buffer is back in its arena. It owns nothing: whoever has sent a
/// frame keeps one to learn whether the frame has left (FrameArena::is_out()). Empty by default: never out.
struct FrameTicket {
  static constexpr std::uint32_t kNoBuffer = 0xffffffff;
  std::uint32_t index = kNoBuffer;
  std::uint32_t use = 0;
};

/// A move-only handle to one buffer of an arena. Empty by default, after a move, and when the arena had none to give.
/// Thread: the lane that owns the arena.
class [[nodiscard]] Frame {
 public:
  Frame() = default;
  Frame(Frame&& other) noexcept : arena_(std::exchange(other.arena_, nullptr)), index_(other.index_) {}
  Frame& operator=(Frame&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(index_, other.index_);
    return *this;
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() { reset(); }

  explicit operator bool() const { return arena_ != nullptr; }

  /// The linear bytes. Precondition for this and all that follows: the frame is not empty.
  inline base::MutableBytes bytes() const;
  inline std::size_t size() const;
  /// Linear bytes and pieces together: the packet's length on the wire.
  inline std::size_t total_size() const;
  inline std::size_t headroom() const;
  inline std::size_t tailroom() const;

  /// Grows the linear bytes at the front and returns the new ones, uninitialised. Precondition: count <= headroom().
  inline base::MutableBytes prepend(std::size_t count);
  /// Grows the linear bytes at the back and returns the new ones, uninitialised. Precondition: count <= tailroom().
  inline base::MutableBytes append(std::size_t count);
  /// Drops bytes from the front; they become headroom. Precondition: count <= size().
  inline void trim_front(std::size_t count);
  /// Keeps only the first `count` linear bytes. Precondition: count <= size().
  inline void truncate(std::size_t count);
  /// Empties the frame and sets where its first byte will lie. Precondition: headroom <= frame_size of the arena.
  inline void clear(std::size_t headroom);

  inline Offload& offload() const;

  /// Adds payload by reference behind the linear bytes; false when kPiecesMax are held. No linear byte may
  /// follow. Precondition: the arena's shape has pieces.
  inline bool attach(base::Slice piece);
  inline std::span<const base::Slice> pieces() const;

  /// Returns the buffer to its arena now.
  inline void reset();

  /// Gives up ownership and returns the buffer's index; the taker must adopt() it back. Pieces are released.
  inline std::uint32_t detach();
  std::uint32_t index() const { return index_; }
  /// Precondition: the frame is not empty.
  inline FrameTicket ticket() const;

 private:
  friend class FrameArena;
  Frame(FrameArena* arena, std::uint32_t index) : arena_(arena), index_(index) {}

  FrameArena* arena_ = nullptr;
  std::uint32_t index_ = 0;
};

/// What an arena is made of. Sizes in bytes.
struct ArenaShape {
  std::uint32_t frame_count = 0;
  std::uint32_t frame_size = 0;  ///< The whole stride of a buffer, headroom included.
  std::uint32_t headroom = 0;    ///< Where the first byte of a fresh frame lies.
  bool pieces = false;           ///< Frames may carry pieces (costs kPiecesMax slices a frame).
};

/// Equal buffers over one run of memory, and a free list of them.
/// Invariant: free_count() + frames held + indices detached == frame_count. Checked when the arena is destroyed: all
/// must be back. Thread: one lane. Nothing here allocates after construction (pieces reuse their storage).
class FrameArena {
 public:
  /// Buffers over memory of our own.
  explicit FrameArena(const ArenaShape& shape);
  /// Buffers over memory that the caller keeps alive (a UMEM). Precondition: memory.size() >= frame_count * frame_size.
  FrameArena(const ArenaShape& shape, base::MutableBytes memory);
  FrameArena(const FrameArena&) = delete;
  FrameArena& operator=(const FrameArena&) = delete;
  ~FrameArena();

  /// An empty frame with the arena's headroom and no offload; an empty handle when none is free (backpressure).
  inline Frame allocate();

  /// Takes back an index that was detached, with its linear bytes as the device left them.
  Frame adopt(std::uint32_t index, std::size_t begin, std::size_t size);

  /// The buffer has not come back since the ticket was taken: its frame waits to be transmitted, or the device still
  /// reads it. A device that copies gives buffers back at once, so that here its frames have left.
  bool is_out(FrameTicket ticket) const {
    return ticket.index < slots_.size() && slots_[ticket.index].use == ticket.use;
  }

  const ArenaShape& shape() const { return shape_; }
  std::size_t free_count() const { return free_.size(); }
  base::MutableBytes memory() const { return memory_; }
  /// Bytes taken at construction, bookkeeping included: for the memory budget.
  std::size_t memory_size() const;

 private:
  friend class Frame;
  struct Slot {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    Offload offload;
    std::uint16_t piece_count = 0;
    std::uint32_t pieces_size = 0;
    std::uint32_t use = 0;  // Counts how often the buffer has come back.
  };

  std::uint8_t* buffer(std::uint32_t index) const { return memory_.data() + std::size_t{index} * shape_.frame_size; }
  void release(std::uint32_t index);
  void drop_pieces(std::uint32_t index);

  std::unique_ptr<std::uint8_t[]> owned_;
  base::MutableBytes memory_;
  ArenaShape shape_;
  std::vector<Slot> slots_;
  std::vector<std::array<base::Slice, kPiecesMax>> pieces_;  // Empty unless the shape asks for pieces.
  std::vector<std::uint32_t> free_;  // A stack: the buffer used last is the one still in the cache.
};

}  // namespace windhover::stack::link

#include "stack/link/frame_inl.h"
