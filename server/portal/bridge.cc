#include "server/portal/bridge.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace windhover::server::portal {
namespace {

using stack::base::Bytes;
using stack::tcp::CloseReason;

/// Reads of one socket before others have their turn.
constexpr int kReadsMax = 4;

}  // namespace

Bridge::Bridge(BridgeOwner& owner, Socket socket, const ProxyHeader& header)
    : owner_(owner), socket_(std::move(socket)), header_(header) {}

Bridge::~Bridge() {
  if (!ended_) socket_.reset();
  owner_.unsent_.give(unsent_);
  owner_.unwritten_.give(unwritten_);
}

void Bridge::begin(stack::tcp::Connection* connection) {
  connection_ = connection;
  if (connection != nullptr) return;
  owner_.counters.count(Event::kNotConnected);
  socket_.reset();
  end();
}

void Bridge::end() {
  if (!std::exchange(ended_, true)) owner_.ended(*this);
}

// From the client to the server.

void Bridge::on_event(std::uint32_t events) {
  if (ended_ || socket_.fd() < 0) return;
  if ((events & EPOLLERR) != 0) return client_failed();
  readable_ |= (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0;
  client_finishing_ |= (events & (EPOLLRDHUP | EPOLLHUP)) != 0;
  if ((events & EPOLLOUT) != 0 && !std::exchange(writable_, true)) write();
  pump();
}

void Bridge::go_on() {
  more_due_ = false;
  pump();
}

void Bridge::on_established(stack::tcp::Connection& connection) {
  established_ = true;
  // A fresh connection takes so little, unless the stack has run out of blocks altogether.
  if (connection.send(header_.bytes()) != header_.bytes().size()) {
    owner_.counters.count(Event::kNotConnected);
    socket_.reset();
    return connection.abort();
  }
  // Most clients have sent their request by now: it leaves beside the header.
  pump();
}

void Bridge::on_sendable(stack::tcp::Connection&) { pump(); }

/// Moves what the socket has into the stack, and ends what has ended.
void Bridge::pump() {
  if (established_ && connection_ != nullptr && send_unsent()) {
    int reads = 0;
    while (reads < kReadsMax && read()) ++reads;
    if (reads == kReadsMax && !std::exchange(more_due_, true)) owner_.has_more(*this);
  }
  finish_what_is_finished();
}

/// False when there is nothing more to read, or no room for it.
bool Bridge::read() {
  if (!readable_ || client_finished_ || socket_.fd() < 0) return false;
  std::array<std::uint8_t, BridgeOwner::kReadSize> bytes;
  const ssize_t size = ::recv(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size < 0) {
    if (errno == EINTR) return true;
    readable_ = false;
    if (errno != EAGAIN && errno != EWOULDBLOCK) client_failed();
    return false;
  }
  const auto count = static_cast<std::size_t>(size);
  if (count == 0) {
    client_finished_ = true;
    return false;
  }
  // Less than asked for: that was all, and more makes another edge; except an end, whose edge may have been this one.
  if (count < bytes.size() && !client_finishing_) readable_ = false;
  const std::size_t taken = connection_->send(Bytes(bytes).first(count));
  if (taken == count) return readable_;
  owner_.counters.count(Event::kClientWaited);
  unsent_ = owner_.unsent_.take();
  owner_.unsent_.append(*unsent_, Bytes(bytes).subspan(taken, count - taken));
  return false;
}

/// True when nothing is left of what the stack has not taken.
bool Bridge::send_unsent() {
  if (unsent_ == nullptr) return true;
  unsent_->begin += connection_->send(unsent_->bytes());
  if (!unsent_->bytes().empty()) return false;
  owner_.unsent_.give(unsent_);
  return true;
}

/// The client's kernel has reset the connection, or it is gone otherwise.
void Bridge::client_failed() {
  owner_.counters.count(Event::kClientReset);
  socket_.close();
  owner_.unwritten_.give(unwritten_);
  if (connection_ == nullptr) return end();
  connection_->abort();
}

// From the server to the client.

void Bridge::on_data(stack::tcp::Connection& connection, Bytes bytes) {
  if (socket_.fd() < 0) return;
  if (unwritten_ == nullptr) unwritten_ = owner_.unwritten_.take();
  owner_.unwritten_.append(*unwritten_, bytes);
  if (unwritten_->bytes().size() > BridgeOwner::kPendingMax) {
    write();
    if (unwritten_ != nullptr && unwritten_->bytes().size() > BridgeOwner::kPendingMax) {
      owner_.counters.count(Event::kServerWaited);
      paused_ = true;
      connection.pause_reading();
    }
  }
  if (unwritten_ != nullptr && !std::exchange(flush_due_, true)) owner_.wrote(*this);
}

void Bridge::flush() {
  flush_due_ = false;
  write();
  finish_what_is_finished();
}

void Bridge::write() {
  while (unwritten_ != nullptr && writable_ && socket_.fd() >= 0) {
    const Bytes bytes = unwritten_->bytes();
    const ssize_t size = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return client_failed();
      writable_ = false;
      return;
    }
    unwritten_->begin += static_cast<std::size_t>(size);
    if (unwritten_->bytes().empty()) owner_.unwritten_.give(unwritten_);
  }
  if (unwritten_ == nullptr && connection_ != nullptr && std::exchange(paused_, false)) connection_->resume_reading();
}

void Bridge::on_peer_finished(stack::tcp::Connection&) {
  server_finished_ = true;
  finish_what_is_finished();
}

void Bridge::finish_what_is_finished() {
  if (connection_ != nullptr && client_finished_ && unsent_ == nullptr && !std::exchange(shut_down_, true)) {
    connection_->shutdown();
  }
  if (socket_.fd() >= 0 && server_finished_ && unwritten_ == nullptr && !std::exchange(write_shut_, true)) {
    ::shutdown(socket_.fd(), SHUT_WR);
  }
  if (connection_ != nullptr || unwritten_ != nullptr) return;
  socket_.close();
  end();
}

void Bridge::on_closed(stack::tcp::Connection&, CloseReason reason) {
  connection_ = nullptr;
  // A server that has said all and waits no longer for the client's end resets what it takes for done with: every byte
  // has been acknowledged, by us. The client may still be reading.
  if (reason == CloseReason::kFinished || server_finished_) return finish_what_is_finished();
  if (socket_.fd() >= 0) {
    owner_.counters.count(established_ ? Event::kServerReset : Event::kNotConnected);
    // What came before the reset was sent in good faith: an answer, most likely.
    write();
    socket_.reset();
  }
  owner_.unwritten_.give(unwritten_);
  end();
}

}  // namespace windhover::server::portal
