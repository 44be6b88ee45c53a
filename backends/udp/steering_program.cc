#include "backends/udp/steering_program.h"

#include <linux/if_ether.h>

#include <cstddef>
#include <string_view>
#include <utility>

#include "stack/base/check.h"
#include "stack/link/flow_hash.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/protocol.h"
#include "stack/wire/vxlan.h"

namespace windhover::backends::udp {
namespace {

namespace wire = stack::wire;

constexpr std::uint32_t kTypeAt = wire::VxlanView::kHeaderSize + 12;
constexpr std::uint32_t kPacketAt = wire::VxlanView::kHeaderSize + wire::EthernetView::kUntaggedSize;
constexpr std::uint32_t kTagSize = wire::EthernetView::kTaggedSize - wire::EthernetView::kUntaggedSize;

/// Scratch memory.
enum Cell : std::uint32_t { kPacket, kWords, kHash, kType };

/// Writes a program with jumps to labels that come later.
class Assembler {
 public:
  void op(std::uint16_t code, std::uint32_t k = 0) { program_.push_back({code, 0, 0, k}); }
  /// Goes on at `label` when A compares; else with the next instruction.
  void jump_if(std::uint16_t test, std::uint32_t k, std::string_view label) { branch(test, k, label, true); }
  void jump_unless(std::uint16_t test, std::uint32_t k, std::string_view label) { branch(test, k, label, false); }
  void jump(std::string_view label) {
    waiting_.push_back({program_.size(), label, Kind::kAlways});
    op(BPF_JMP | BPF_JA);
  }
  void label(std::string_view name) {
    for (const Waiting& jump : waiting_) {
      if (jump.label != name) continue;
      const std::size_t distance = program_.size() - jump.at - 1;
      CHECK(distance <= 255);
      sock_filter& from = program_[jump.at];
      if (jump.kind == Kind::kAlways) from.k = static_cast<std::uint32_t>(distance);
      if (jump.kind == Kind::kIf) from.jt = static_cast<std::uint8_t>(distance);
      if (jump.kind == Kind::kUnless) from.jf = static_cast<std::uint8_t>(distance);
    }
    std::erase_if(waiting_, [&](const Waiting& jump) { return jump.label == name; });
  }
  std::vector<sock_filter> finish() {
    CHECK(waiting_.empty());
    return std::move(program_);
  }

 private:
  enum class Kind { kAlways, kIf, kUnless };
  struct Waiting {
    std::size_t at;
    std::string_view label;
    Kind kind;
  };

  void branch(std::uint16_t test, std::uint32_t k, std::string_view label, bool taken) {
    waiting_.push_back({program_.size(), label, taken ? Kind::kIf : Kind::kUnless});
    op(static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), k);
  }

  std::vector<sock_filter> program_;
  std::vector<Waiting> waiting_;
};

constexpr std::uint16_t kLoadByte = BPF_LD | BPF_B | BPF_IND;
constexpr std::uint16_t kLoadHalf = BPF_LD | BPF_H | BPF_IND;
constexpr std::uint16_t kLoadWord = BPF_LD | BPF_W | BPF_IND;
constexpr std::uint16_t kLoadCell = BPF_LD | BPF_MEM;
constexpr std::uint16_t kCellToX = BPF_LDX | BPF_MEM;
constexpr std::uint16_t kToX = BPF_MISC | BPF_TAX;

/// The words become their exclusive or with A; X comes back as it was, the packet's offset.
void add_word(Assembler& program) {
  program.op(kCellToX, kWords);
  program.op(BPF_ALU | BPF_XOR | BPF_X);
  program.op(BPF_ST, kWords);
  program.op(kCellToX, kPacket);
}

void find_packet(Assembler& program) {
  program.op(BPF_LDX | BPF_IMM, kPacketAt);
  program.op(BPF_LD | BPF_H | BPF_ABS, kTypeAt);
  program.jump_unless(BPF_JEQ, ETH_P_8021Q, "found");
  program.op(BPF_LDX | BPF_IMM, kPacketAt + kTagSize);
  program.op(BPF_LD | BPF_H | BPF_ABS, kTypeAt + kTagSize);
  program.label("found");
  program.op(BPF_ST, kType);
  program.op(BPF_STX, kPacket);
  program.op(BPF_LD | BPF_IMM, 0);
  program.op(BPF_ST, kWords);
  program.op(BPF_ST, kHash);
  program.op(kLoadCell, kType);
}

void read_ipv4(Assembler& program) {
  for (const std::uint32_t at : {12U, 16U}) {
    program.op(kLoadWord, at);
    add_word(program);
  }
  program.op(kLoadHalf, 6);
  program.jump_if(BPF_JSET, 0x3fff, "hash");  // More fragments, or an offset.
  program.op(kLoadByte, 9);
  program.jump_if(BPF_JEQ, wire::kProtocolTcp, "ports4");
  program.jump_unless(BPF_JEQ, wire::kProtocolUdp, "hash");
  program.label("ports4");
  program.op(kLoadByte, 0);
  program.op(BPF_ALU | BPF_AND | BPF_K, 0xf);
  program.op(BPF_ALU | BPF_LSH | BPF_K, 2);
  program.op(BPF_ALU | BPF_ADD | BPF_X);
  program.op(kToX);
  program.op(kLoadWord, 0);
  add_word(program);
  program.jump("hash");
}

void read_ipv6(Assembler& program) {
  for (std::uint32_t at = 8; at < 40; at += 4) {
    program.op(kLoadWord, at);
    add_word(program);
  }
  program.op(kLoadByte, 6);
  program.jump_if(BPF_JEQ, wire::kProtocolTcp, "ports6");
  program.jump_unless(BPF_JEQ, wire::kProtocolUdp, "hash");
  program.label("ports6");
  program.op(kLoadWord, 40);
  add_word(program);
}

/// lane_of(flow_hash(words)): the hash is linear, so each bit of the words adds its own.
void choose_lane(Assembler& program, std::uint32_t lane_count) {
  program.op(kLoadCell, kWords);
  program.op(kToX);
  program.op(BPF_ALU | BPF_RSH | BPF_K, 16);
  program.op(BPF_ALU | BPF_XOR | BPF_X);
  program.op(BPF_ST, kWords);
  for (unsigned bit = 0; bit < 16; ++bit) {
    const std::uint32_t adds = stack::link::flow_hash(static_cast<std::uint16_t>(1U << bit));
    program.op(kLoadCell, kWords);
    program.jump_unless(BPF_JSET, 1U << bit, "next");
    program.op(kLoadCell, kHash);
    program.op(BPF_ALU | BPF_XOR | BPF_K, adds % stack::link::kIndirectionSize);
    program.op(BPF_ST, kHash);
    program.label("next");
  }
  program.op(kLoadCell, kHash);
  program.op(BPF_ALU | BPF_MOD | BPF_K, lane_count);
  program.op(BPF_RET | BPF_A);
}

}  // namespace

std::vector<sock_filter> steering_program(std::uint32_t lane_count) {
  CHECK(lane_count > 0);
  Assembler program;
  find_packet(program);
  program.jump_if(BPF_JEQ, ETH_P_IP, "ipv4");
  program.jump_if(BPF_JEQ, ETH_P_IPV6, "ipv6");
  program.op(BPF_RET | BPF_K, 0);
  program.label("ipv4");
  read_ipv4(program);
  program.label("ipv6");
  read_ipv6(program);
  program.label("hash");
  choose_lane(program, lane_count);
  return program.finish();
}

}  // namespace windhover::backends::udp
