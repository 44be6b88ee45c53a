#include "backends/pcap/writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::pcap {
namespace {

namespace base = stack::base;
namespace link = stack::link;

constexpr std::uint32_t kSectionHeaderBlock = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceBlock = 1;
constexpr std::uint32_t kEnhancedPacketBlock = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::uint16_t kLinkTypeEthernet = 1;
constexpr std::uint16_t kLinkTypeRaw = 101;

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kSectionApplication = 4;
constexpr std::uint16_t kInterfaceName = 2;
constexpr std::uint16_t kInterfaceTimeResolution = 9;
constexpr std::uint16_t kPacketFlags = 2;
constexpr std::uint8_t kNanoseconds = 9;  // 10 to the minus ninth.

constexpr std::size_t kAlignment = 4;
/// A packet block without its data: block header and trailer, five fixed words, the flags option and the end of
/// options.
constexpr std::size_t kPacketBlockOverhead = 12 + 20 + 8 + 4;
constexpr std::size_t kFileHeaderMax = 256;

std::size_t padded(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

/// Appends one block in the host's byte order, which the section header's magic tells the reader.
class Block {
 public:
  Block(std::vector<std::uint8_t>& out, std::uint32_t type) : out_(out), begin_(out.size()) {
    number(type);
    number(std::uint32_t{0});  // The length, known in finish().
  }

  template <typename T>
  void number(T value) {
    bytes({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void bytes(base::Bytes data) { out_.insert(out_.end(), data.begin(), data.end()); }
  void pad() { out_.resize(begin_ + padded(out_.size() - begin_)); }
  void option(std::uint16_t code, base::Bytes value) {
    number(code);
    number(static_cast<std::uint16_t>(value.size()));
    bytes(value);
    pad();
  }
  void finish() {
    option(kEndOfOptions, {});
    const auto length = static_cast<std::uint32_t>(out_.size() - begin_ + sizeof(std::uint32_t));
    number(length);
    std::memcpy(out_.data() + begin_ + sizeof(std::uint32_t), &length, sizeof length);
  }

 private:
  std::vector<std::uint8_t>& out_;
  std::size_t begin_;
};

}  // namespace

Writer::Writer(const WriterConfig& config, std::string_view interface_name, link::Medium medium)
    : config_(config), burst_size_(link::kBurstMax * (kPacketBlockOverhead + padded(config.snap_length))) {
  CHECK(config.snap_length > 0);
  fd_ = open(config_.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    throw base::SetupError("open " + config_.path, errno,
                           "Choose a capture file that can be written, or capture nothing.");
  }
  buffer_.reserve(burst_size_ * 2 + kFileHeaderMax);
  add_section_header();
  add_interface(interface_name, medium);
  flush();
}

Writer::~Writer() {
  flush();
  close(fd_);
}

void Writer::add_section_header() {
  Block block(buffer_, kSectionHeaderBlock);
  block.number(kByteOrderMagic);
  block.number(std::uint16_t{1});  // Version 1.0.
  block.number(std::uint16_t{0});
  block.number(std::int64_t{-1});  // The section's length is not told.
  block.option(kSectionApplication, base::as_bytes("windhover"));
  block.finish();
}

void Writer::add_interface(std::string_view name, link::Medium medium) {
  Block block(buffer_, kInterfaceBlock);
  block.number(medium == link::Medium::kEthernet ? kLinkTypeEthernet : kLinkTypeRaw);
  block.number(std::uint16_t{0});  // Reserved.
  block.number(config_.snap_length);
  block.option(kInterfaceName, base::as_bytes(name));
  block.option(kInterfaceTimeResolution, {&kNanoseconds, 1});
  block.finish();
}

void Writer::add(base::Instant at, Direction direction, const link::Frame& frame) {
  const auto original = static_cast<std::uint32_t>(frame.total_size());
  const std::uint32_t kept = std::min(original, config_.snap_length);
  const std::size_t block_size = kPacketBlockOverhead + padded(kept);
  const std::uint64_t size_after = file_size_ + buffer_.size() + block_size;
  if (capturing_ && config_.file_size_max != 0 && size_after > config_.file_size_max) {
    end_capture("The capture " + config_.path + " has reached its bound of " + std::to_string(config_.file_size_max) +
                " bytes.");
  }
  if (!capturing_) {
    ++missed_frames_;
    return;
  }
  CHECK(buffer_.size() + block_size <= buffer_.capacity());
  const auto time = static_cast<std::uint64_t>((at.time_since_epoch() + config_.epoch_offset).count());
  Block block(buffer_, kEnhancedPacketBlock);
  block.number(std::uint32_t{0});  // The only interface.
  block.number(static_cast<std::uint32_t>(time >> 32));
  block.number(static_cast<std::uint32_t>(time));
  block.number(kept);
  block.number(original);
  std::size_t left = kept;
  const auto copy = [&](base::Bytes bytes) {
    const std::size_t count = std::min(left, bytes.size());
    block.bytes(bytes.first(count));
    left -= count;
  };
  copy(frame.bytes());
  for (const base::Slice& piece : frame.pieces()) copy(piece.bytes());
  block.pad();
  const auto flags = static_cast<std::uint32_t>(direction);
  block.option(kPacketFlags, {reinterpret_cast<const std::uint8_t*>(&flags), sizeof flags});
  block.finish();
  ++written_frames_;
}

void Writer::rewind(const Mark& mark) {
  CHECK(mark.buffered <= buffer_.size());
  buffer_.resize(mark.buffered);
  written_frames_ = mark.written_frames;
  missed_frames_ = mark.missed_frames;
}

void Writer::make_room() {
  if (buffer_.size() >= burst_size_) flush();
}

void Writer::flush() {
  base::Bytes left = buffer_;
  while (!left.empty()) {
    const ssize_t written = write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      end_capture("The capture " + config_.path + " has ended: write: " + std::strerror(written < 0 ? errno : ENOSPC) +
                  ".");
      break;
    }
    left = left.subspan(static_cast<std::size_t>(written));
    file_size_ += static_cast<std::size_t>(written);
  }
  buffer_.clear();
}

void Writer::end_capture(std::string why) {
  capturing_ = false;
  if (failure_.empty()) failure_ = std::move(why);
}

}  // namespace windhover::backends::pcap
