// What an idle connection costs in memory: a million of them, established on the memory device in virtual time, then a
// random sample of them woken by a request each.
//
//   memory_bench [CONNECTIONS] [SAMPLE]     1,000,000 and 10,000 unless given
//
// The clients are no stack but crafted segments, and what they need (a sequence number each) is taken and touched
// before the measurement begins, as the wire's frames are. So the growth of the resident set is the server's stack.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <vector>

#include "backends/memory/pair.h"
#include "stack/lane/stack.h"
#include "stack/tcp/activity.h"
#include "stack/wire/checksum.h"
#include "stack/wire/ipv4.h"
#include "stack/wire/tcp.h"

namespace {

using namespace windhover;  // NOLINT(google-build-using-namespace): a program of one file.
using stack::base::Instant;
using stack::link::Burst;
using stack::wire::Seq;

constexpr std::uint16_t kPort = 8080;
constexpr std::uint32_t kPortsOfClient = 4;
constexpr std::uint32_t kClientSequence = 1'000'000;
constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello, world\n";
constexpr double kMiB = 1024 * 1024;

const stack::wire::Address kServer = stack::wire::Address::v4(0x0a000001);  // 10.0.0.1/8.

/// Answers whatever comes, for all connections at once. Its timer, as HTTP's, is the idle limit.
class Answering final : public stack::tcp::Handler, public stack::tcp::Acceptor {
 public:
  stack::tcp::Handler* accept(stack::tcp::Connection&) override { return this; }
  void on_established(stack::tcp::Connection& connection) override {
    connection.set_timer(connection.now() + std::chrono::hours(1));
  }
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes) override {
    connection.send(stack::base::as_bytes(kAnswer));
  }
  void on_sendable(stack::tcp::Connection&) override {}
  void on_peer_finished(stack::tcp::Connection& connection) override { connection.shutdown(); }
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection&, stack::tcp::CloseReason) override {}
};

/// Pages of this process that are in memory, in bytes.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t pages = 0;
  statm >> all >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

stack::lane::Config lane_config(std::uint32_t connections) {
  stack::lane::Config config;
  config.ip.addresses.push_back({kServer, 8});
  config.tcp.connections_max = connections;
  return config;
}

class Bench {
 public:
  explicit Bench(std::uint32_t connections)
      : pair_(backends::memory::Config{}), server_nxt_(connections, 0), before_(touch_wire()) {
    stack_ = std::make_unique<stack::lane::Stack>(now_, lane_config(connections), stack::tcp::Keys{}, pair_.second());
    stack_->listen({{}, kPort}, answering_);
  }
  ~Bench() {
    stack_->stop(now_);
    stack_.reset();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// Handshakes, a few at a time. Returns how many connections there are.
  std::size_t open() {
    constexpr std::uint32_t kAtOnce = 32;
    for (std::uint32_t first = 0; first < server_nxt_.size(); first += kAtOnce) {
      const auto end = std::min<std::uint32_t>(first + kAtOnce, static_cast<std::uint32_t>(server_nxt_.size()));
      stack::wire::TcpOptions options;
      options.mss = std::uint16_t{1460};
      options.sack_permitted = true;
      options.window_scale = std::uint8_t{7};
      for (std::uint32_t at = first; at < end; ++at) send(at, kClientSequence, stack::wire::kTcpSyn, options, {});
      turn();
      for (std::uint32_t at = first; at < end; ++at) send(at, kClientSequence + 1, stack::wire::kTcpAck, {}, {});
      turn();
    }
    return stack_->connection_count();
  }

  /// A request on each of `sample` connections, each another. Returns how many were answered.
  std::uint64_t wake(std::uint32_t sample) {
    std::vector<std::uint32_t> chosen(server_nxt_.size());
    for (std::uint32_t at = 0; at < chosen.size(); ++at) chosen[at] = at;
    std::mt19937 random(1);
    sample = std::min(sample, static_cast<std::uint32_t>(chosen.size()));
    for (std::uint32_t at = 0; at < sample; ++at) {
      std::swap(chosen[at], chosen[at + random() % (chosen.size() - at)]);
      const std::uint32_t client = chosen[at];
      send(client, kClientSequence + 1, stack::wire::kTcpAck | stack::wire::kTcpPsh, {}, kRequest);
      turn();
      send(client, kClientSequence + 1 + static_cast<std::uint32_t>(kRequest.size()), stack::wire::kTcpAck, {}, {});
      turn();
    }
    return answers_;
  }

  const stack::lane::Stack& stack() const { return *stack_; }
  std::size_t growth() const { return resident() - before_; }

 private:
  static stack::wire::Address address_of(std::uint32_t client) {
    return stack::wire::Address::v4(0x0a100000 + client / kPortsOfClient);
  }
  static std::uint16_t port_of(std::uint32_t client) {
    return static_cast<std::uint16_t>(40000 + client % kPortsOfClient);
  }
  static std::uint32_t client_of(const stack::wire::Address& address, std::uint16_t port) {
    return (address.v4_value() - 0x0a100000) * kPortsOfClient + (port - 40000U);
  }

  /// Every buffer of both arenas has been written, and so is in memory before anything is measured.
  std::size_t touch_wire() {
    for (stack::link::Device* device : {&pair_.first(), &pair_.second()}) {
      std::vector<stack::link::Frame> frames;
      for (auto frame = device->arena().allocate(); frame; frame = device->arena().allocate()) {
        std::ranges::fill(frame.append(frame.tailroom()), std::uint8_t{0xaa});
        frames.push_back(std::move(frame));
      }
    }
    std::ranges::fill(server_nxt_, 1);
    return resident();
  }

  void send(std::uint32_t client, std::uint32_t seq, stack::wire::TcpFlags flags,
            const stack::wire::TcpOptions& options, std::string_view text) {
    const stack::wire::Address address = address_of(client);
    const stack::wire::TcpHeader header{.source_port = port_of(client),
                                        .destination_port = kPort,
                                        .seq = Seq(seq),
                                        .ack = flags.ack() ? Seq(server_nxt_[client]) : Seq{},
                                        .flags = flags,
                                        .window = 0xffff};
    const std::size_t size = header.size(options) + text.size();
    stack::link::Frame frame = pair_.first().arena().allocate();
    CHECK(frame);
    stack::wire::Ipv4Header{.payload_size = static_cast<std::uint16_t>(size),
                            .protocol = stack::wire::kProtocolTcp,
                            .source = address,
                            .destination = kServer}
        .write(frame.append(stack::wire::Ipv4Header::kSize));
    const stack::base::MutableBytes segment = frame.append(size);
    std::ranges::copy(text, segment.begin() + static_cast<std::ptrdiff_t>(header.write(segment, options)));
    const stack::wire::Sum sum =
        stack::wire::pseudo_header_sum(address, kServer, stack::wire::kProtocolTcp, size) + stack::wire::sum(segment);
    stack::base::store_be(segment.data() + stack::wire::TcpHeader::kChecksumOffset, sum.finish());
    CHECK(pair_.first().transmit({&frame, 1}) == 1);
  }

  /// What was sent arrives, and what the server has to say comes back.
  void turn() {
    Burst arrived;
    pair_.second().receive(arrived);
    stack_->input(now_, arrived);
    stack_->advance(now_);
    stack_->output(now_, leaving_);
    leaving_.drop_front(pair_.second().transmit(leaving_.frames()));
    Burst answers;
    pair_.first().receive(answers);
    for (const stack::link::Frame& frame : answers.frames()) take(frame);
    now_ += std::chrono::microseconds(100);
  }

  void take(const stack::link::Frame& frame) {
    const auto ip = stack::wire::Ipv4View::parse(frame.bytes());
    CHECK(ip.has_value());
    const auto tcp = stack::wire::TcpView::parse(ip->payload());
    CHECK(tcp.has_value() && !tcp->flags().rst());
    const std::size_t size = tcp->payload().size() + (tcp->flags().syn() ? 1 : 0);
    if (size == 0) return;
    server_nxt_[client_of(ip->destination(), tcp->destination_port())] =
        tcp->seq().value() + static_cast<std::uint32_t>(size);
    if (stack::base::as_text(tcp->payload()) == kAnswer) ++answers_;
  }

  Instant now_{std::chrono::seconds(1)};
  backends::memory::Pair pair_;
  std::vector<std::uint32_t> server_nxt_;  // Where each client expects the server to go on.
  std::size_t before_;
  Answering answering_;
  std::unique_ptr<stack::lane::Stack> stack_;
  Burst leaving_;
  std::uint64_t answers_ = 0;
};

void print_parts() {
  using stack::tcp::Activity;
  using stack::tcp::Tcb;
  fmt::print("A connection: {} bytes. While it is active: {} more.\n", sizeof(Tcb), sizeof(Activity));
  fmt::print("  of the connection: route {}, endpoints {}, timer {}, round trips {}, path {}, ECN {}\n",
             sizeof(stack::ip::Route), 2 * sizeof(stack::tcp::Endpoint), sizeof(stack::timer::Timer),
             sizeof(stack::tcp::RttEstimator), sizeof(stack::tcp::PathSize), sizeof(stack::tcp::Ecn));
  fmt::print("  of the active part: flight {}, queue {}, congestion {}, recovery {}, undo {}, store {}\n",
             sizeof(stack::tcp::Flight), sizeof(stack::tcp::SendQueue), sizeof(stack::tcp::Congestion),
             sizeof(stack::tcp::Recovery), sizeof(stack::tcp::Undo), sizeof(stack::tcp::ReceiveStore));
}

double per(std::size_t bytes, std::size_t count) { return static_cast<double>(bytes) / static_cast<double>(count); }

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](int at, std::uint32_t otherwise) {
    return argc > at ? static_cast<std::uint32_t>(std::strtoul(argv[at], nullptr, 10)) : otherwise;
  };
  const std::uint32_t connections = std::max(number(1, 1'000'000), 1U);
  print_parts();
  Bench bench(connections);
  const std::size_t empty = bench.growth();
  const std::size_t opened = bench.open();
  const std::size_t idle = bench.growth();
  const std::size_t reserved = bench.stack().memory_size();
  fmt::print("{} connections established, {} of them asleep.\n", opened,
             bench.stack().counters().value(stack::base::Event::kTcpSlept));
  fmt::print("resident: {:.1f} MiB, of which {:.1f} MiB before the first; {:.1f} bytes a connection in all\n",
             static_cast<double>(idle) / kMiB, static_cast<double>(empty) / kMiB, per(idle, opened));
  fmt::print("taken at start: {:.1f} MiB, of which {:.1f} MiB have never been touched\n",
             static_cast<double>(reserved) / kMiB, static_cast<double>(reserved - std::min(reserved, idle)) / kMiB);
  const std::uint32_t sample = number(2, 10'000);
  const std::uint64_t answered = bench.wake(sample);
  fmt::print("{} of {} were asked, and answered; resident then: {:.1f} MiB\n", answered, opened,
             static_cast<double>(bench.growth()) / kMiB);
  return opened == connections && answered == std::min(sample, connections) ? 0 : 1;
}
