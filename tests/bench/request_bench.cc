// Instructions for one keep-alive request and its answer: the stack and HTTP on the memory device, without a kernel.
//
// Meant to run under callgrind, which counts only what happens inside counted_serve():
//
//   valgrind --tool=callgrind --toggle-collect='*counted_serve*' request_bench [ROUNDS]
//
// Each round sends one request on each of 32 connections as one burst, and takes the 32 answers.

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "backends/memory/pair.h"
#include "server/files/site.h"
#include "server/http/server.h"
#include "stack/lane/stack.h"

namespace {

using namespace windhover;  // NOLINT(google-build-using-namespace): a program of one file.
using stack::base::Instant;
using stack::link::Burst;
using stack::link::Device;

constexpr std::size_t kConnections = 32;
constexpr std::uint16_t kPort = 8080;
/// As wrk sends it.
constexpr std::string_view kRequest = "GET /hello.txt HTTP/1.1\r\nHost: 10.66.0.2:8080\r\n\r\n";

/// Sends a request for each answer it has been given leave to ask for.
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

  void ask() { connection_->send(stack::base::as_bytes(kRequest)); }
  bool ready() const { return connection_ != nullptr; }
  std::uint64_t answers() const { return answers_; }

 private:
  stack::tcp::Connection* connection_ = nullptr;
  std::uint64_t answers_ = 0;
};

stack::lane::Config lane_config(std::string_view address) {
  stack::lane::Config config;
  config.ip.addresses.push_back({stack::wire::Address::parse(address).value(), 24});
  config.tcp.connections_max = 1024;
  return config;
}

void serve(stack::lane::Stack& stack, Instant now, Burst& arrived, Burst& leaving) {
  stack.input(now, arrived);
  stack.advance(now);
  stack.output(now, leaving);
}

/// What is counted: the stack's and HTTP's part of a burst, not the device's.
[[gnu::noinline]] void counted_serve(stack::lane::Stack& stack, Instant now, Burst& arrived, Burst& leaving) {
  serve(stack, now, arrived, leaving);
}

void turn(stack::lane::Stack& stack, Device& device, Instant now, Burst& leaving, bool counted) {
  Burst arrived;
  device.receive(arrived);
  (counted ? counted_serve : serve)(stack, now, arrived, leaving);
  leaving.drop_front(device.transmit(leaving.frames()));
}

class Bench {
 public:
  explicit Bench(server::files::Site& site)
      : pair_({.partial_checksum = false, .gso = false, .gather = false}),
        http_({}, {.connections = 1024, .small_buffers = 64, .large_buffers = 4}, site, {}),
        client_(now_, lane_config("10.66.0.1"), {}, pair_.first()),
        server_(now_, lane_config("10.66.0.2"), {}, pair_.second()) {
    server_.listen({{}, kPort}, http_);
    const stack::tcp::Endpoint remote{stack::wire::Address::parse("10.66.0.2").value(), kPort};
    for (Client& client : clients_) client_.connect(now_, remote, client);
    for (int round = 0; round < 8; ++round) exchange(false);
  }
  ~Bench() {
    client_.stop(now_);
    server_.stop(now_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  std::uint64_t run(std::uint64_t rounds, bool counted) {
    const std::uint64_t before = answers();
    for (std::uint64_t round = 0; round < rounds; ++round) {
      for (Client& client : clients_) {
        if (client.ready()) client.ask();
      }
      exchange(counted);
    }
    return answers() - before;
  }

 private:
  void exchange(bool counted) {
    turn(client_, pair_.first(), now_, client_leaving_, false);
    turn(server_, pair_.second(), now_, server_leaving_, counted);
    turn(client_, pair_.first(), now_, client_leaving_, false);
    now_ += std::chrono::microseconds(200);
  }

  std::uint64_t answers() const {
    std::uint64_t sum = 0;
    for (const Client& client : clients_) sum += client.answers();
    return sum;
  }

  Instant now_{std::chrono::seconds(1)};
  backends::memory::Pair pair_;
  server::http::Server http_;
  std::array<Client, kConnections> clients_;
  stack::lane::Stack client_;
  stack::lane::Stack server_;
  Burst client_leaving_;
  Burst server_leaving_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t rounds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1000;
  const auto root = std::filesystem::temp_directory_path() / fmt::format("windhover-bench-{}", getpid());
  std::filesystem::create_directory(root);
  std::ofstream(root / "hello.txt") << "hello, world\n";
  std::uint64_t answered = 0;
  {
    server::files::Site site({.root = root.string()});
    Bench bench(site);
    bench.run(64, false);  // Quick acknowledgements, first heads and cold tables are behind us.
    answered = bench.run(rounds, true);
  }
  std::filesystem::remove_all(root);
  fmt::print("requests: {}\n", answered);
  return answered == rounds * kConnections ? 0 : 1;
}
