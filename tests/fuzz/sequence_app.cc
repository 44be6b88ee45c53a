#include "tests/fuzz/sequence_app.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <vector>

#include "stack/base/check.h"

namespace windhover::fuzz {
namespace {

using stack::base::Bytes;
using stack::tcp::Connection;
using stack::tcp::Info;

constexpr std::size_t kPeriod = 251;
constexpr std::size_t kSliceMax = 64 * 1024;

const std::vector<std::uint8_t>& stream() {
  static const std::vector<std::uint8_t> bytes = [] {
    std::vector<std::uint8_t> made(kSliceMax + kPeriod);
    for (std::size_t at = 0; at < made.size(); ++at) made[at] = pattern(at);
    return made;
  }();
  return bytes;
}

/// The part of the stream that begins at place `at`.
Bytes stream_at(std::uint64_t at, std::size_t size) { return Bytes(stream()).subspan(at % kPeriod, size); }

stack::base::BufferRef shared_stream() {
  static stack::base::Buffer buffer(stream().data(), stream().size(), [](stack::base::Buffer*) noexcept {});
  static const stack::base::BufferRef kept(&buffer);
  return kept;
}

struct Transition {
  std::string_view from;
  std::string_view to;
};

/// RFC 9293 figure 5, as far as a connection has states.
constexpr std::array kTransitions = {
    Transition{"SYN-SENT", "SYN-RECEIVED"},    Transition{"SYN-SENT", "ESTABLISHED"},
    Transition{"SYN-RECEIVED", "ESTABLISHED"}, Transition{"SYN-RECEIVED", "FIN-WAIT-1"},
    Transition{"ESTABLISHED", "FIN-WAIT-1"},   Transition{"ESTABLISHED", "CLOSE-WAIT"},
    Transition{"FIN-WAIT-1", "FIN-WAIT-2"},    Transition{"FIN-WAIT-1", "CLOSING"},
    Transition{"CLOSE-WAIT", "LAST-ACK"},
};

bool is_state(std::string_view name) {
  return std::ranges::any_of(kTransitions, [&](const Transition& one) { return one.from == name || one.to == name; });
}

/// By any number of transitions: more than one may happen between two looks.
bool may_follow(std::string_view from, std::string_view to) {
  if (from == to) return true;
  return std::ranges::any_of(kTransitions,
                             [&](const Transition& one) { return one.from == from && may_follow(one.to, to); });
}

}  // namespace

void App::check_open() const { CHECK(established_ && !closed_ && !left_); }

void App::on_established(Connection& connection) {
  CHECK(!established_ && !closed_);
  established_ = true;
  connection_ = &connection;
}

void App::on_data(Connection&, Bytes bytes) {
  check_open();
  CHECK(!peer_finished_ && !bytes.empty());
  if (!placed_) place_ = bytes.front();
  placed_ = true;
  for (const std::uint8_t byte : bytes) CHECK(byte == pattern(place_++));
  received_ += bytes.size();
}

void App::on_peer_finished(Connection&) {
  check_open();
  CHECK(!peer_finished_);
  peer_finished_ = true;
}

// It may be set before the handshake is done.
void App::on_timer(Connection&) { CHECK(!closed_ && !left_); }

void App::on_closed(Connection&, stack::tcp::CloseReason why) {
  CHECK(!closed_);
  closed_ = true;
  reason_ = why;
  connection_ = nullptr;
}

void App::act(Verb verb, std::uint32_t amount) {
  if (connection_ == nullptr) return;
  Connection& connection = *connection_;
  switch (verb) {
    case Verb::kSend: {
      const std::size_t taken = connection.send(stream_at(sent_, std::min<std::size_t>(amount, kSliceMax)));
      CHECK(taken <= amount && (taken == 0 || !shut_down_));
      sent_ += taken;
      return;
    }
    case Verb::kSendSlice: {
      const std::size_t size = std::min<std::size_t>(std::max(amount, 1U), kSliceMax);
      if (!connection.send(stack::base::Slice{shared_stream(), sent_ % kPeriod, size})) return;
      CHECK(!shut_down_);
      sent_ += size;
      return;
    }
    case Verb::kShutdown:
      shut_down_ = true;
      return connection.shutdown();
    case Verb::kClose:
      shut_down_ = left_ = true;
      return connection.close(amount == 0 ? Connection::kUnlimited : std::chrono::milliseconds(amount));
    case Verb::kAbort:
      left_ = true;
      return connection.abort();
    case Verb::kPause:
      return connection.pause_reading();
    case Verb::kResume:
      return connection.resume_reading();
    case Verb::kCork:
      return connection.cork(true);
    case Verb::kUncork:
      return connection.cork(false);
    case Verb::kUserTimeout:
      return connection.set_user_timeout(std::chrono::milliseconds(amount));
    case Verb::kTimer:
      return connection.set_timer(connection.now() + std::chrono::milliseconds(amount));
  }
}

void App::inspect() {
  if (connection_ == nullptr) return;
  const Info info = connection_->info();
  CHECK(is_state(info.state));
  CHECK(state_.empty() || may_follow(state_, info.state));
  state_ = info.state;
  constexpr std::uint64_t kControlMax = 2;  // SYN and FIN.
  CHECK(info.unacked <= info.bytes_sent + kControlMax);
  CHECK(std::uint64_t{info.sacked} + info.lost <= info.unacked);
  CHECK(info.bytes_acked <= sent_ + kControlMax && info.bytes_acked <= info.bytes_sent + kControlMax);
  CHECK(info.bytes_acked <= info.delivered);
  CHECK(info.retransmitted <= info.segments_sent);
  CHECK(connection_->unacknowledged() <= sent_);
  CHECK(left_ || info.bytes_received >= received_);
  CHECK(info.snd_mss > 0 && info.snd_cwnd > 0);
}

}  // namespace windhover::fuzz
