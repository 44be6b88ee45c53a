// What a second lane gains, and what it costs when frames arrive on the wrong one: the stack, HTTP and the mailboxes on
// the memory device, a thread and a CPU for each lane, with its clients on the same thread.
//
//   lanes_bench scale [PAIRS] [SECONDS] [BODY]   one lane against two, in turns; with one site for both, one for each
//   lanes_bench cross [PAIRS] [SECONDS] [BODY]   two lanes whose frames all arrive right, against all wrong, in turns
//   lanes_bench hop [PAIRS] [SECONDS]            the mailbox alone between two CPUs, by the size of a burst
//   lanes_bench count right|wrong ROUNDS         both lanes on one thread, for callgrind
//                                                (--toggle-collect='*counted_turn*')
//
// Requests per CPU second are what the lanes' threads were charged for: other work on the machine disturbs them less.
// On a busy machine run it under chrt -f 5, or the two lanes seldom run at the same time. The answers of all
// connections must fit into the wire's 512 frames, or what is measured is recovery.

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backends/memory/pair.h"
#include "server/files/site.h"
#include "server/http/server.h"
#include "stack/base/spsc_bytes.h"
#include "stack/lane/exchange.h"
#include "stack/lane/lane.h"
#include "stack/link/flow_hash.h"
#include "stack/link/steering.h"

namespace {

using namespace windhover;  // NOLINT(google-build-using-namespace): a program of one file.
using stack::base::Duration;
using stack::base::Instant;
using stack::link::Burst;
using stack::link::Device;
using stack::link::Frame;

constexpr std::uint32_t kLanes = 2;
constexpr std::size_t kConnections = 32;
constexpr std::uint16_t kPort = 8080;
constexpr std::size_t kMailboxSize = 1024 * 1024;
/// As wrk sends it.
constexpr std::string_view kRequest = "GET /hello.txt HTTP/1.1\r\nHost: 10.66.0.2:8080\r\n\r\n";

Instant clock_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return Instant{std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)};
}
Instant now() { return clock_of(CLOCK_MONOTONIC); }
double seconds_of(Duration time) { return std::chrono::duration<double>(time).count(); }

/// The lanes poll: nobody sleeps here.
class NoBell final : public stack::lane::Doorbell {
 public:
  void ring() override {}
};

/// One connection.
class Client final : public stack::tcp::Handler {
 public:
  void on_established(stack::tcp::Connection& connection) override { connection_ = &connection; }
  void on_data(stack::tcp::Connection&, stack::base::Bytes bytes) override {
    if (stack::base::as_text(bytes).starts_with("HTTP/1.1 200 OK\r\n")) ++answers_;
  }
  void on_sendable(stack::tcp::Connection&) override {}
  void on_peer_finished(stack::tcp::Connection& connection) override { connection.shutdown(); }
  void on_timer(stack::tcp::Connection&) override {}
  void on_closed(stack::tcp::Connection&, stack::tcp::CloseReason) override { connection_ = nullptr; }

  /// Opens connections until there is one that lane `lane` owns.
  void open(stack::lane::Stack& stack, Instant at, const stack::tcp::Endpoint& remote, std::uint32_t lane) {
    for (int attempt = 0; attempt < 100; ++attempt) {
      stack::tcp::Connection* const connection = stack.connect(at, remote, *this);
      CHECK(connection != nullptr);
      const std::uint32_t hash = stack::link::flow_hash(connection->info().local, remote);
      if (stack::link::lane_of(hash, kLanes) == lane) return;
      connection->abort();
    }
  }
  void ask() { connection_->send(stack::base::as_bytes(kRequest)); }
  bool ready() const { return connection_ != nullptr; }
  std::uint64_t answers() const { return answers_; }

 private:
  stack::tcp::Connection* connection_ = nullptr;
  std::uint64_t answers_ = 0;
};

/// A device whose one direction goes through a ring, so that it may end on another thread.
class Detour final : public Device {
 public:
  Detour(Device& below, stack::base::SpscBytes* out, stack::base::SpscBytes* in)
      : below_(below), out_(out), in_(in), arena_(below.arena().shape()) {}

  std::string_view name() const override { return below_.name(); }
  const stack::link::Caps& caps() const override { return below_.caps(); }
  stack::link::FrameArena& arena() override { return below_.arena(); }
  std::size_t receive(Burst& burst) override {
    if (in_ == nullptr) return below_.receive(burst);
    const std::size_t before = burst.size();
    while (!burst.full()) {
      const auto record = in_->front();
      if (record.empty()) break;
      Frame frame = arena_.allocate();
      std::ranges::copy(record, frame.append(record.size()).begin());
      burst.push(std::move(frame));
      in_->pop();
    }
    in_->release();
    return burst.size() - before;
  }
  std::size_t transmit(std::span<Frame> frames) override {
    if (out_ == nullptr) return below_.transmit(frames);
    for (Frame& frame : frames) {
      const auto record = out_->reserve(frame.size());
      if (!record.empty()) {
        std::ranges::copy(frame.bytes(), record.begin());
        out_->commit();
      }
      frame.reset();
    }
    out_->publish();
    return frames.size();
  }
  bool flush() override { return true; }
  void pass(Frame frame) override { frame.reset(); }
  void wait(Duration, int) override {}
  const stack::link::DeviceStats& stats() const override { return below_.stats(); }

 private:
  Device& below_;
  stack::base::SpscBytes* out_;
  stack::base::SpscBytes* in_;
  stack::link::FrameArena arena_;
};

stack::lane::Config lane_config(std::string_view address) {
  stack::lane::Config config;
  config.ip.addresses.push_back({stack::wire::Address::parse(address).value(), 24});
  config.tcp.connections_max = 1024;
  return config;
}

/// What is counted: the server's turn, with the mailbox, the stack and HTTP.
[[gnu::noinline]] bool counted_turn(stack::lane::Loop& loop, Instant at) { return loop.turn(at); }

/// A lane and its clients. `out` and `in` replace the wire from the clients to the lane's queue.
class Lane {
 public:
  Lane(std::uint32_t lane, server::files::Site& site, stack::lane::Exchange& exchange, stack::base::SpscBytes* out,
       stack::base::SpscBytes* in)
      : pair_({}),
        client_device_(pair_.first(), out, nullptr),
        server_device_(pair_.second(), nullptr, in),
        http_({}, {.connections = 1024, .small_buffers = 64, .large_buffers = 4}, site, {}),
        client_(now(), lane_config(fmt::format("10.66.0.{}", 10 + lane)), {}, client_device_),
        server_(now(), lane_config("10.66.0.2"), {}, server_device_),
        client_loop_(client_, client_device_, {}),
        server_loop_(server_, server_device_, {}, &exchange, lane) {
    server_.listen({{}, kPort}, http_);
    const stack::tcp::Endpoint remote{stack::wire::Address::parse("10.66.0.2").value(), kPort};
    for (Client& client : clients_) client.open(client_, now(), remote, lane);
  }
  ~Lane() {
    client_.stop(now());
    server_.stop(now());
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// One turn of everyone; when all have their answers, all ask again.
  void turn(Instant at, bool counted = false) {
    if (running_ && answers() == asked_) ask();
    client_loop_.turn(at);
    if (counted) {
      counted_turn(server_loop_, at);
    } else {
      server_loop_.turn(at);
    }
    client_loop_.turn(at);
  }
  bool ready() const { return std::ranges::all_of(clients_, &Client::ready); }
  void begin() { running_ = true; }
  std::uint64_t answers() const {
    std::uint64_t sum = 0;
    for (const Client& client : clients_) sum += client.answers();
    return sum;
  }

 private:
  void ask() {
    for (Client& client : clients_) client.ask();
    asked_ += kConnections;
  }

  backends::memory::Pair pair_;
  Detour client_device_;
  Detour server_device_;
  server::http::Server http_;
  std::array<Client, kConnections> clients_;
  stack::lane::Stack client_;
  stack::lane::Stack server_;
  stack::lane::Loop client_loop_;
  stack::lane::Loop server_loop_;
  std::uint64_t asked_ = 0;
  bool running_ = false;
};

/// Where the frames of a lane's clients arrive.
enum class Wire { kDirect, kRight, kWrong };

struct World {
  World(std::vector<std::unique_ptr<server::files::Site>>& sites, Wire wire) : exchange(kLanes, kMailboxSize) {
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      exchange.connect(lane, bell);
      rings.push_back(std::make_unique<stack::base::SpscBytes>(kMailboxSize));
    }
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
      const std::uint32_t other = (lane + 1) % kLanes;
      stack::base::SpscBytes* const out = wire == Wire::kDirect ? nullptr : rings[lane].get();
      stack::base::SpscBytes* const in =
          wire == Wire::kDirect ? nullptr : rings[wire == Wire::kRight ? lane : other].get();
      lanes.push_back(std::make_unique<Lane>(lane, *sites[lane % sites.size()], exchange, out, in));
    }
    for (int turns = 0; turns < 1000 && !ready(); ++turns) turn();
    CHECK(ready());
    for (auto& lane : lanes) lane->begin();
    for (int turns = 0; turns < 100; ++turns) turn();
  }

  bool ready() const {
    return std::ranges::all_of(lanes, [](const auto& lane) { return lane->ready(); });
  }
  /// Both lanes on this thread.
  void turn(bool counted = false) {
    for (auto& lane : lanes) lane->turn(now(), counted);
  }

  NoBell bell;
  stack::lane::Exchange exchange;
  std::vector<std::unique_ptr<stack::base::SpscBytes>> rings;
  std::vector<std::unique_ptr<Lane>> lanes;
};

void pin(std::uint32_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/// What some threads did together: per second of the clock, and per second that they were charged for.
struct Rate {
  double per_second = 0;
  double per_cpu_second = 0;
};

/// Runs `turn(thread)` on that many pinned threads for `length`; `done(thread)` counts.
Rate measure(std::uint32_t threads, Duration length, const std::function<void(std::uint32_t)>& turn,
             const std::function<std::uint64_t(std::uint32_t)>& done) {
  std::vector<Rate> rates(threads);
  std::barrier start(threads);
  std::vector<std::thread> running;
  std::atomic<std::uint32_t> busy{threads};
  for (std::uint32_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      pin(thread);
      start.arrive_and_wait();
      const Instant begin = now();
      const Instant charged = clock_of(CLOCK_THREAD_CPUTIME_ID);
      const std::uint64_t before = done(thread);
      while (now() - begin < length) turn(thread);
      const auto count = static_cast<double>(done(thread) - before);
      rates[thread] = {count / seconds_of(now() - begin),
                       count / seconds_of(clock_of(CLOCK_THREAD_CPUTIME_ID) - charged)};
      // Nobody is left alone: a lane may wait for the other's mail.
      for (--busy; busy > 0;) turn(thread);
    });
  }
  for (std::thread& thread : running) thread.join();
  Rate sum;
  for (const Rate& rate : rates) {
    sum.per_second += rate.per_second;
    sum.per_cpu_second += rate.per_cpu_second / threads;
  }
  return sum;
}

Rate serve(World& world, std::uint32_t threads, Duration length) {
  return measure(
      threads, length, [&](std::uint32_t lane) { world.lanes[lane]->turn(now()); },
      [&](std::uint32_t lane) { return world.lanes[lane]->answers(); });
}

void print_spread(std::string_view what, std::vector<double> values) {
  std::ranges::sort(values);
  fmt::print("  {:<32} median {:.3f}, {:.3f} to {:.3f}\n", what, values[values.size() / 2], values.front(),
             values.back());
}

/// A and B in turns.
void compare(std::string_view title, int pairs, const std::function<Rate()>& first,
             const std::function<Rate()>& second) {
  fmt::print("{}\n", title);
  std::vector<double> by_clock;
  std::vector<double> by_cpu;
  for (int pair = 0; pair < pairs; ++pair) {
    const Rate a = first();
    const Rate b = second();
    fmt::print("  A {:8.0f}/s {:8.0f}/cpu-s   B {:8.0f}/s {:8.0f}/cpu-s\n", a.per_second, a.per_cpu_second,
               b.per_second, b.per_cpu_second);
    by_clock.push_back(b.per_second / a.per_second);
    by_cpu.push_back(b.per_cpu_second / a.per_cpu_second);
  }
  print_spread("B/A by the clock", by_clock);
  print_spread("B/A of a lane's CPU second", by_cpu);
}

struct Folder {
  explicit Folder(std::size_t body_size) {
    std::filesystem::create_directory(path);
    std::ofstream(path / "hello.txt") << std::string(body_size, 'x');
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::vector<std::unique_ptr<server::files::Site>> sites(std::size_t count) const {
    std::vector<std::unique_ptr<server::files::Site>> made;
    while (made.size() < count) {
      made.push_back(std::make_unique<server::files::Site>(server::files::SiteConfig{.root = path.string()}));
    }
    return made;
  }
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("windhover-lanes-{}", getpid());
};

void scale(const Folder& folder, int pairs, Duration length) {
  for (const std::size_t count : {1U, 2U}) {
    auto sites = folder.sites(count);
    World world(sites, Wire::kDirect);
    compare(
        fmt::format("A: one lane, B: two lanes, with {}", count == 1 ? "one site for both" : "a site for each"), pairs,
        [&] { return serve(world, 1, length); }, [&] { return serve(world, 2, length); });
  }
  std::array<std::uint64_t, 128> spun{};  // A cache line and more for each thread.
  const auto spin = [&](std::uint32_t threads) {
    return measure(
        threads, length,
        [&](std::uint32_t thread) {
          for (int round = 0; round < 1000; ++round) {
            spun[thread * 64] = spun[thread * 64] * 6364136223846793005U + 1;
          }
          ++spun[thread * 64 + 1];
        },
        [&](std::uint32_t thread) { return spun[thread * 64 + 1]; });
  };
  compare(
      "A: one thread, B: two that share nothing: what the machine allows", pairs, [&] { return spin(1); },
      [&] { return spin(2); });
}

void cross(const Folder& folder, int pairs, Duration length) {
  auto sites = folder.sites(1);
  World right(sites, Wire::kRight);
  World wrong(sites, Wire::kWrong);
  compare(
      "Two lanes. A: every frame arrives on its lane, B: every frame arrives on the other", pairs,
      [&] { return serve(right, 2, length); }, [&] { return serve(wrong, 2, length); });
  const auto& stats = wrong.exchange.stats(0);
  fmt::print("  posted {}, received {}, dropped {}\n", stats.posted.value(), stats.received.value(),
             stats.dropped.value());
}

/// One thread sorts bursts that are all the other's, which collects them.
void hop(int pairs, Duration length) {
  std::vector<std::uint8_t> packet(40 + kRequest.size());
  const std::uint8_t head[] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 66, 0, 1, 10, 66, 0, 2};
  std::ranges::copy(head, packet.begin());
  for (std::uint16_t port = 1024; stack::link::owner_of(packet, stack::link::Medium::kIp, kLanes) != 1; ++port) {
    stack::base::store_be<std::uint16_t>(&packet[20], port);
  }
  fmt::print("A frame of {} bytes from one CPU to the other, nanoseconds of each lane's CPU for a frame\n",
             packet.size());
  for (const std::size_t size : {1U, 8U, 32U}) {
    std::vector<double> costs;
    for (int pair = 0; pair < pairs; ++pair) {
      stack::lane::Exchange exchange(kLanes, kMailboxSize);
      stack::link::FrameArena arena({64, 2048, 0, false});
      std::atomic<std::uint64_t> taken{0};
      std::uint64_t sent = 0;
      const auto turn = [&](std::uint32_t lane) {
        Burst burst;
        if (lane == 1) {
          const std::size_t count = exchange.collect(1, burst);
          if (count > 0) taken.fetch_add(count, std::memory_order_relaxed);
          return;
        }
        if (sent - taken.load(std::memory_order_relaxed) > 1024) return;
        while (burst.size() < size) {
          Frame frame = arena.allocate();
          std::ranges::copy(packet, frame.append(packet.size()).begin());
          burst.push(std::move(frame));
        }
        sent += size;
        exchange.sort(0, stack::link::Medium::kIp, burst);
      };
      const Rate rate = measure(kLanes, length, turn, [&](std::uint32_t lane) {
        return lane == 0 ? exchange.stats(0).posted.value() : exchange.stats(1).received.value();
      });
      costs.push_back(1e9 / rate.per_cpu_second);
    }
    print_spread(fmt::format("bursts of {}", size), costs);
  }
}

int count(const Folder& folder, bool wrong, std::uint64_t rounds) {
  auto sites = folder.sites(1);
  World world(sites, wrong ? Wire::kWrong : Wire::kRight);
  const auto answers = [&] { return world.lanes[0]->answers() + world.lanes[1]->answers(); };
  const auto posted = [&] { return world.exchange.stats(0).posted.value() + world.exchange.stats(1).posted.value(); };
  const std::uint64_t answers_before = answers();
  const std::uint64_t posted_before = posted();
  for (std::uint64_t round = 0; round < rounds; ++round) world.turn(true);
  fmt::print("requests: {}, frames through a mailbox: {}\n", answers() - answers_before, posted() - posted_before);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "scale";
  const Folder folder(argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 13);
  if (mode == "count" && argc > 3) {
    return count(folder, std::string_view(argv[2]) == "wrong", std::strtoull(argv[3], nullptr, 10));
  }
  const int pairs = argc > 2 ? std::max(1, std::atoi(argv[2])) : 5;
  const auto length = std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(argc > 3 ? std::strtod(argv[3], nullptr) : 1.0));
  if (mode == "scale") scale(folder, pairs, length);
  if (mode == "cross") cross(folder, pairs, length);
  if (mode == "hop") hop(pairs, length);
  return 0;
}
