// The ceiling of the AF_XDP path: HTTP answers with no TCP behind them.
//
//   xdp_responder INTERFACE ADDRESS PORT ROOT [SPIN_US]
//
// It keeps nothing about its peers. A SYN is answered with a SYN-ACK, a FIN with a FIN-ACK, and a segment with data is
// taken for one whole request: the answer begins where the peer's acknowledgement stands. Nothing is ever sent again
// and no rate is controlled, so it serves one client over a line that loses nothing, and no more than fits the window
// that the peer shows (64 KB: window scaling is not offered). Whatever a real stack costs is what it is slower.
//
// It shares ADDRESS with the host on queue 0 of INTERFACE, in native copy mode, like the server. After the last frame
// it polls for SPIN_US microseconds (100), then sleeps. At its end (SIGTERM) it prints what it did.

#include <fmt/format.h>
#include <immintrin.h>
#include <poll.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "backends/host/interface.h"
#include "backends/xdp/program.h"
#include "backends/xdp/socket.h"
#include "backends/xdp/umem.h"
#include "stack/base/check.h"
#include "stack/wire/checksum.h"
#include "stack/wire/ethernet.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/protocol.h"
#include "stack/wire/tcp.h"
#include "tests/bench/answers.h"

namespace {

namespace base = windhover::stack::base;
namespace host = windhover::backends::host;
namespace wire = windhover::stack::wire;
namespace xdp = windhover::backends::xdp;
using windhover::bench::Answers;

constexpr std::uint32_t kChunkSize = 2048;
constexpr std::uint32_t kRingSize = 4096;
constexpr std::uint32_t kReceiveChunks = kRingSize / 2;  // The kernel says only now and then what it took to fill.
constexpr std::uint32_t kTransmitChunks = kRingSize;
constexpr std::uint32_t kBurst = 64;
constexpr int kKicksMax = 10'000;  // For one burst: an interface that takes nothing for so long is broken.
constexpr std::chrono::milliseconds kSleep{100};
constexpr std::uint16_t kMss = 1460;
constexpr std::uint16_t kWindow = 65535;
constexpr wire::Seq kInitialSequence{1000};

constexpr std::size_t kIpAt = wire::EthernetView::kUntaggedSize;
constexpr std::size_t kTcpAt = kIpAt + wire::Ipv4Header::kSize;

// struct xsk_tx_metadata of linux/if_xdp.h, asking for a checksum: flags, then csum_start and csum_offset.
constexpr std::uint64_t kMetadataChecksum = 1U << 1;
constexpr std::uint16_t kChecksumStart = kTcpAt;
constexpr std::uint16_t kChecksumOffset = wire::TcpHeader::kChecksumOffset;

volatile std::sig_atomic_t g_stopped = 0;

struct Counters {
  std::uint64_t requests = 0;
  std::uint64_t segments = 0;
  std::uint64_t dropped = 0;    // By the interface, or because it took nothing.
  std::uint64_t unfitting = 0;  // Answers larger than the peer's window.
};

class Responder {
 public:
  Responder(const host::Interface& interface, const wire::Endpoint& local, const Answers& answers)
      : answers_(answers),
        umem_({.chunk_size = kChunkSize, .chunk_count = kReceiveChunks + kTransmitChunks}, notes_),
        program_({.addresses = {{local.address, xdp::Role::kShared}}, .endpoints = {local}}),
        socket_({.interface_index = interface.index, .interface_name = interface.name, .ring_size = kRingSize}, umem_,
                nullptr, notes_) {
    CHECK(socket_.fill().room(kReceiveChunks) >= kReceiveChunks);
    for (std::uint64_t chunk = 0; chunk < kReceiveChunks; ++chunk) recycle(chunk * kChunkSize);
    for (std::uint64_t chunk = 0; chunk < kTransmitChunks; ++chunk)
      free_.push_back((kReceiveChunks + chunk) * kChunkSize);
    socket_.fill().publish();
    program_.attach(interface.index, interface.name, xdp::Attach::kNative);
    program_.set_socket(0, socket_.fd());
  }

  void serve(std::chrono::microseconds spin) {
    auto busy_at = std::chrono::steady_clock::now();
    while (g_stopped == 0) {
      const auto now = std::chrono::steady_clock::now();
      if (turn()) {
        busy_at = now;
      } else if (now - busy_at < spin) {
        _mm_pause();
      } else {
        pollfd readable{socket_.fd(), POLLIN, 0};
        poll(&readable, 1, static_cast<int>(kSleep.count()));
      }
    }
  }

  const Counters& counters() const { return counters_; }

 private:
  /// What an answer needs to know of the segment that it answers. Borrows the chunk.
  struct Question {
    wire::EthernetView frame;
    wire::Ipv4View packet;
    wire::TcpView segment;
  };

  /// Answers a burst; false when there was none.
  bool turn() {
    const std::uint32_t count = std::min(socket_.received().available(1), kBurst);
    if (count == 0) return false;
    CHECK(socket_.fill().room(count) >= count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const xdp::Descriptor& descriptor = socket_.received().peek(i);
      respond(umem_.memory().subspan(descriptor.addr, descriptor.len));
      recycle(descriptor.addr);
    }
    socket_.received().release(count);
    socket_.fill().publish();
    push_out();
    return true;
  }

  void recycle(std::uint64_t address) { socket_.fill().push(address & ~std::uint64_t{kChunkSize - 1}); }

  void respond(base::Bytes bytes) {
    const auto frame = wire::EthernetView::parse(bytes);
    if (!frame || frame->ether_type() != wire::EtherType::kIpv4) return;
    const auto packet = wire::Ipv4View::parse(frame->payload());
    if (!packet || packet->protocol() != wire::kProtocolTcp) return;
    const auto segment = wire::TcpView::parse(packet->payload());
    if (!segment || segment->flags().rst()) return;
    const Question question{*frame, *packet, *segment};
    const wire::Seq next = segment->seq() + segment->sequence_length();
    if (segment->flags().syn()) {
      put(question, wire::kTcpSyn | wire::kTcpAck, kInitialSequence, next, {});
    } else if (segment->flags().fin()) {
      put(question, wire::kTcpFin | wire::kTcpAck, segment->ack(), next, {});
    } else if (!segment->payload().empty()) {
      answer(question, next);
    }
  }

  void answer(const Question& question, wire::Seq next) {
    base::Bytes left = base::as_bytes(answers_.find(base::as_text(question.segment.payload())));
    if (left.size() > question.segment.window()) {
      ++counters_.unfitting;  // The peer asks again, by then with a larger window.
      return;
    }
    ++counters_.requests;
    wire::Seq seq = question.segment.ack();
    while (!left.empty()) {
      const base::Bytes part = left.first(std::min<std::size_t>(left.size(), kMss));
      left = left.subspan(part.size());
      put(question, left.empty() ? wire::kTcpAck | wire::kTcpPsh : wire::kTcpAck, seq, next, part);
      seq += static_cast<std::uint32_t>(part.size());
    }
  }

  /// Puts one segment into the TX ring.
  void put(const Question& to, wire::TcpFlags flags, wire::Seq seq, wire::Seq ack, base::Bytes payload) {
    if (free_.empty() || socket_.to_transmit().room(1) == 0) push_out();
    if (free_.empty() || socket_.to_transmit().room(1) == 0) {
      ++counters_.dropped;
      return;
    }
    const std::uint64_t address = free_.back() + xdp::kMetadataSize;
    free_.pop_back();
    const base::MutableBytes out = umem_.memory().subspan(address, kChunkSize - xdp::kMetadataSize);
    wire::TcpOptions options;
    if (flags.syn()) options.mss = kMss;
    const wire::TcpHeader tcp{.source_port = to.segment.destination_port(),
                              .destination_port = to.segment.source_port(),
                              .seq = seq,
                              .ack = ack,
                              .flags = flags,
                              .window = kWindow};
    const std::size_t segment_size = tcp.write(out.subspan(kTcpAt), options) + payload.size();
    const wire::Ipv4Header ip{.payload_size = static_cast<std::uint16_t>(segment_size),
                              .protocol = wire::kProtocolTcp,
                              .source = to.packet.destination(),
                              .destination = to.packet.source()};
    ip.write(out.subspan(kIpAt));
    const wire::EthernetHeader ethernet{
        .destination = to.frame.source(), .source = to.frame.destination(), .ether_type = wire::EtherType::kIpv4};
    ethernet.write(out);
    const base::MutableBytes segment = out.subspan(kTcpAt, segment_size);
    finish_checksum(segment, payload, wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol, segment_size));
    socket_.to_transmit().push({.addr = address,
                                .len = static_cast<std::uint32_t>(kTcpAt + segment_size),
                                .options = socket_.has_metadata() ? xdp::kMetadata : 0});
    ++counters_.segments;
  }

  /// Copies the payload in and makes the checksum right, or leaves it to the kernel.
  void finish_checksum(base::MutableBytes segment, base::Bytes payload, wire::Sum pseudo) {
    const std::size_t head_size = segment.size() - payload.size();
    std::uint8_t* const field = segment.data() + kChecksumOffset;
    if (!socket_.has_metadata()) {
      const wire::Sum head = pseudo + wire::sum(segment.first(head_size));
      base::store_be(field, (head + wire::copy_and_sum(segment.subspan(head_size), payload)).finish());
      return;
    }
    std::copy(payload.begin(), payload.end(), segment.begin() + static_cast<std::ptrdiff_t>(head_size));
    base::store_be(field, pseudo.fold());
    std::uint8_t* const metadata = segment.data() - kTcpAt - xdp::kMetadataSize;
    std::memset(metadata, 0, xdp::kMetadataSize);
    std::memcpy(metadata, &kMetadataChecksum, sizeof kMetadataChecksum);
    std::memcpy(metadata + 8, &kChecksumStart, sizeof kChecksumStart);
    std::memcpy(metadata + 10, &kChecksumOffset, sizeof kChecksumOffset);
  }

  /// Has the kernel send what is in the TX ring, and takes back the chunks of what it has sent.
  void push_out() {
    socket_.to_transmit().publish();
    for (int kicks = 0; socket_.to_transmit().outstanding() != 0 && kicks < kKicksMax; ++kicks) {
      const xdp::Kicked kicked = socket_.kick();
      counters_.dropped += kicked.dropped;
      if (kicked.state == xdp::Kicked::State::kLost) {
        fmt::print(stderr, "xdp_responder: the interface is lost: {}\n", std::strerror(kicked.error));
        std::_Exit(1);
      }
    }
    const std::uint32_t sent = socket_.completion().available(kRingSize);
    for (std::uint32_t i = 0; i < sent; ++i) free_.push_back(socket_.completion().peek(i) - xdp::kMetadataSize);
    socket_.completion().release(sent);
  }

  const Answers& answers_;
  std::vector<std::string> notes_;
  xdp::Umem umem_;
  xdp::Program program_;
  xdp::Socket socket_;
  std::vector<std::uint64_t> free_;  // Chunks to transmit from; what was used last is still in the cache.
  Counters counters_;
};

void run(char** argv, std::chrono::microseconds spin) {
  const auto address = wire::Address::parse(argv[2]);
  if (!address || !address->is_v4()) throw std::invalid_argument("ADDRESS must be an IPv4 address");
  const auto port = static_cast<std::uint16_t>(std::strtoul(argv[3], nullptr, 10));
  const Answers answers(argv[4]);
  Responder responder(host::query_interface(argv[1]), {*address, port}, answers);
  fmt::print("ready\n");
  std::fflush(stdout);
  responder.serve(spin);
  const Counters& done = responder.counters();
  fmt::print("requests={} segments={} dropped={} unfitting={}\n", done.requests, done.segments, done.dropped,
             done.unfitting);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 6) {
    fmt::print(stderr, "usage: xdp_responder INTERFACE ADDRESS PORT ROOT [SPIN_US]\n");
    return 2;
  }
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { g_stopped = 1; });
  try {
    run(argv, std::chrono::microseconds(argc == 6 ? std::strtol(argv[5], nullptr, 10) : 100));
  } catch (const std::exception& error) {
    fmt::print(stderr, "xdp_responder: {}\n", error.what());
    return 1;
  }
}
