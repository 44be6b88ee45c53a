#include "tests/server/http/loopback.h"

#include <algorithm>
#include <utility>

#include "stack/base/check.h"
#include "stack/wire/address.h"

namespace windhover::server::http::test {
namespace {

using stack::base::as_bytes;
using stack::wire::Address;

constexpr std::uint16_t kPort = 80;
constexpr std::size_t kRoundsMax = 1'000'000;  // A test that needs more is stuck.

stack::lane::Config stack_config(std::uint32_t address, const stack::tcp::Config& tcp) {
  stack::lane::Config config;
  config.ip.addresses = {{Address::v4(address), 24}};
  config.tcp = tcp;
  return config;
}

constexpr std::uint32_t kServerAddress = 0x0a420002;
constexpr std::uint32_t kClientAddress = 0x0a420001;

}  // namespace

void Client::on_established(stack::tcp::Connection&) {
  established = true;
  push();
}

void Client::on_data(stack::tcp::Connection&, stack::base::Bytes bytes) { received += stack::base::as_text(bytes); }

void Client::on_sendable(stack::tcp::Connection&) { push(); }

void Client::on_closed(stack::tcp::Connection&, stack::tcp::CloseReason why) {
  connection = nullptr;
  closed = true;
  reason = why;
}

void Client::send(std::string_view text) {
  unsent_ += text;
  push();
}

void Client::push() {
  if (connection == nullptr || !established || unsent_.empty()) return;
  unsent_.erase(0, connection->send(as_bytes(unsent_)));
}

LoopbackOptions::LoopbackOptions() {
  for (stack::tcp::Config* tcp : {&server_tcp, &client_tcp}) {
    tcp->connections_max = 128;
    tcp->backlog = 64;
    tcp->time_wait_max = 1024;
    tcp->send_blocks = 1024;
    tcp->send_entries = 4096;
    tcp->reassembly_blocks = 1024;
  }
}

Loopback::Loopback(Responder& responder, const LoopbackOptions& options)
    : now_(std::chrono::seconds(1000)), pair_(std::make_unique<backends::memory::Pair>(backends::memory::Config{})) {
  server_ = std::make_unique<Server>(options.limits, options.capacity, responder, std::chrono::seconds(784110777),
                                     options.proxy);
  server_stack_ = std::make_unique<stack::lane::Stack>(now_, stack_config(kServerAddress, options.server_tcp),
                                                       stack::tcp::Keys{}, pair_->first());
  client_stack_ = std::make_unique<stack::lane::Stack>(now_, stack_config(kClientAddress, options.client_tcp),
                                                       stack::tcp::Keys{}, pair_->second());
  server_stack_->listen({Address{}, kPort}, *server_);
}

Loopback::~Loopback() {
  client_stack_->stop(now_);
  server_stack_->stop(now_);
  CHECK(server_->connection_count() == 0);
}

Client& Loopback::connect() {
  Client& client = clients_.emplace_back();
  client.connection = client_stack_->connect(now_, {Address::v4(kServerAddress), kPort}, client);
  CHECK(client.connection != nullptr);
  settle();
  return client;
}

bool Loopback::move(stack::lane::Stack& stack, stack::link::Device& device) {
  stack::link::Burst in;
  stack::link::Burst out;
  bool moved = device.receive(in) > 0;
  stack.input(now_, in);
  stack.advance(now_);
  stack.output(now_, out);
  moved = moved || !out.empty();
  while (!out.empty()) {
    const bool lost = &stack == server_stack_.get() && out[0].total_size() > server_frame_max;
    out.drop_front(lost ? 1 : device.transmit(out.frames().first(1)));
  }
  device.flush();
  return moved;
}

void Loopback::settle() {
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    const bool server_moved = move(*server_stack_, pair_->first());
    const bool client_moved = move(*client_stack_, pair_->second());
    if (!server_moved && !client_moved) return;
  }
  CHECK(false);
}

void Loopback::advance(stack::base::Duration time) {
  const stack::base::Instant end = now_ + time;
  settle();
  for (std::size_t round = 0; round < kRoundsMax; ++round) {
    const stack::base::Instant next = std::min(server_stack_->next_deadline(), client_stack_->next_deadline());
    if (next > end) break;
    now_ = std::max(now_ + std::chrono::microseconds(100), next);
    settle();
  }
  now_ = std::max(now_, end);
  settle();
}

std::string Loopback::exchange(Client& client, std::string_view request) {
  client.send(request);
  advance(std::chrono::milliseconds(50));
  return std::exchange(client.received, {});
}

}  // namespace windhover::server::http::test
