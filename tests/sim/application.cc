#include "tests/sim/application.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace windhover::sim {

using stack::base::Bytes;
using stack::tcp::Connection;

std::uint8_t stream_byte(std::uint64_t key, std::uint64_t position) {
  const std::uint64_t mixed = (key + position / 8) * 0x9e3779b97f4a7c15;
  return static_cast<std::uint8_t>((mixed ^ (mixed >> 29)) >> (position % 8 * 8));
}

void Application::violate(std::string text) {
  if (violation_.empty()) violation_ = std::move(text);
}

void Application::tell(const Connection& connection, std::string_view event) const {
  if (!trace_) return;
  const auto info = connection.info();
  trace_(connection.now(),
         fmt::format("{} sent {} received {} cwnd {} {}", event, sent_, received_, info.snd_cwnd, info.state));
}

void Application::on_established(Connection& connection) {
  tell(connection, "established");
  if (established_) violate("established twice");
  established_ = true;
  send_more(connection);
}

void Application::send_more(Connection& connection) {
  constexpr std::uint64_t kChunkMax = 20'000;
  while (sent_ < behaviour_.send_size) {
    const std::uint64_t size = std::min(behaviour_.send_size - sent_, 1 + random_.below(kChunkMax));
    std::vector<std::uint8_t> chunk(size);
    for (std::uint64_t at = 0; at < size; ++at) chunk[at] = stream_byte(behaviour_.send_key, sent_ + at);
    if (random_.chance(0.3)) {
      if (!connection.send(stack::base::copy_to_heap(chunk))) return;
      sent_ += size;
    } else {
      const std::size_t taken = connection.send(Bytes(chunk));
      sent_ += taken;
      if (taken < size) return;
    }
  }
  finish_if_done(connection);
}

void Application::finish_if_done(Connection& connection) {
  if (shut_down_ || sent_ < behaviour_.send_size || (behaviour_.shutdown_waits && !peer_finished_)) return;
  shut_down_ = true;
  connection.shutdown();
}

void Application::on_data(Connection& connection, Bytes bytes) {
  if (!established_ || closed_ || peer_finished_) violate("data outside of the connection's life");
  if (bytes.empty()) violate("an empty delivery");
  for (const std::uint8_t byte : bytes) {
    if (byte == stream_byte(behaviour_.receive_key, received_++)) continue;
    return violate(fmt::format("byte {} is wrong", received_ - 1));
  }
  tell(connection, fmt::format("data of {} bytes", bytes.size()));
  if (behaviour_.abort_after != 0 && received_ >= behaviour_.abort_after) return connection.abort();
  if (!paused_ && random_.chance(behaviour_.pause_chance)) {
    paused_ = true;
    tell(connection, "pauses");
    connection.pause_reading();
    connection.set_timer(connection.now() + std::chrono::milliseconds(random_.below(5000)));
  }
}

void Application::on_sendable(Connection& connection) {
  tell(connection, "sendable");
  send_more(connection);
}

void Application::on_peer_finished(Connection& connection) {
  if (peer_finished_) violate("the peer finished twice");
  peer_finished_ = true;
  tell(connection, "the peer has finished");
  finish_if_done(connection);
}

void Application::on_timer(Connection& connection) {
  if (!paused_) violate("a timer that was not set");
  paused_ = false;
  tell(connection, "reads again");
  connection.resume_reading();
}

void Application::on_drained(Connection& connection) {
  tell(connection, "drained");
  if (connection.unacknowledged() != 0) violate("drained with bytes queued");
}

void Application::on_closed(Connection& connection, stack::tcp::CloseReason reason) {
  tell(connection, fmt::format("closed: {}", name(reason)));
  if (closed_) violate("closed twice");
  closed_ = true;
  reason_ = reason;
}

}  // namespace windhover::sim
