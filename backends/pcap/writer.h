#pragma once
// Writes pcapng (draft-ietf-opsawg-pcapng): one section, one interface, a block for each frame.
//
// Blocks gather in a buffer and reach the file when the buffer is nearly full, at flush() and at the end. A write that
// fails ends the capture and nothing else; failure() says what happened.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stack/base/bytes.h"
#include "stack/base/time.h"
#include "stack/link/device.h"

namespace windhover::backends::pcap {

/// The direction bits of a packet block's flags, as seen from the host.
enum class Direction : std::uint8_t { kInbound = 1, kOutbound = 2 };

/// Sizes in bytes.
struct WriterConfig {
  std::string path;
  std::uint32_t snap_length = 65599;     ///< Longer frames are cut to this; their length is still told. At least 1.
  std::uint64_t file_size_max = 0;       ///< The capture ends before the file would outgrow this; 0 for no bound.
  stack::base::Duration epoch_offset{};  ///< Added to an Instant to give the time since 1970-01-01T00:00:00Z.
};

/// Thread: one lane. Nothing allocates after construction until the capture fails.
class Writer {
 public:
  /// Creates or truncates the file and writes its first blocks. Throws SetupError.
  Writer(const WriterConfig& config, std::string_view interface_name, stack::link::Medium medium);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Adds a frame, pieces included. A frame that comes after the end of the capture is only counted.
  void add(stack::base::Instant at, Direction direction, const stack::link::Frame& frame);

  /// What add() has gathered so far: for a caller that must write down frames before it knows how many will leave.
  struct Mark {
    std::size_t buffered = 0;
    std::uint64_t written_frames = 0;
    std::uint64_t missed_frames = 0;
  };
  Mark mark() const { return {buffer_.size(), written_frames_, missed_frames_}; }
  /// Forgets what came after `mark`. Precondition: no make_room(), flush() or other rewind() since then.
  void rewind(const Mark& mark);
  /// Writes the buffer out unless it has room for kBurstMax frames. add() itself never writes: call this before every
  /// kBurstMax of it.
  void make_room();
  /// Writes out everything gathered.
  void flush();

  /// False once the capture has ended.
  bool capturing() const { return capturing_; }
  /// Why the capture ended, in a sentence; empty while it goes on.
  const std::string& failure() const { return failure_; }
  std::uint64_t written_frames() const { return written_frames_; }  ///< Gathered or in the file.
  std::uint64_t missed_frames() const { return missed_frames_; }    ///< Came after the end.

 private:
  void add_section_header();
  void add_interface(std::string_view name, stack::link::Medium medium);
  void end_capture(std::string why);

  WriterConfig config_;
  int fd_ = -1;
  bool capturing_ = true;
  std::string failure_;
  std::size_t burst_size_;            ///< Room that a burst of the longest frames takes.
  std::vector<std::uint8_t> buffer_;  ///< Reserved whole at construction.
  std::uint64_t file_size_ = 0;
  std::uint64_t written_frames_ = 0;
  std::uint64_t missed_frames_ = 0;
};

}  // namespace windhover::backends::pcap
