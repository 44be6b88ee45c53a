#include "tests/live/programs/transfer_application.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace windhover::live {

using stack::base::as_bytes;
using stack::base::Bytes;
using stack::tcp::Connection;

class TransferApplication::Transfer final : public stack::tcp::Handler {
 public:
  explicit Transfer(TransferApplication& owner) : owner_(owner) {}

  void on_established(Connection&) override {}

  void on_data(Connection& connection, Bytes bytes) override {
    if (!asked_) {
      const std::size_t line = take_line(connection, bytes);
      if (!asked_) return;
      bytes = bytes.subspan(line);
      if (request_.verb == Verb::kGet) return give(connection);
    }
    if (!bytes.empty()) take(connection, bytes);
  }

  void on_sendable(Connection& connection) override {
    if (asked_ && request_.verb == Verb::kGet) give(connection);
  }

  /// "taken" has arrived: nobody is timing any more.
  void on_drained(Connection& connection) override {
    if (!asked_ || request_.verb == Verb::kGet || done_ != request_.size || answered_) return;
    answered_ = true;
    connection.send(as_bytes(sha256(owner_.store_.bytes().first(done_)) + "\n"));
    connection.shutdown();
    owner_.storing_ = nullptr;  // The end of this connection may get lost, and take its time.
  }

  void on_peer_finished(Connection& connection) override {
    if (!asked_ || done_ != request_.size) connection.abort();
  }

  void on_timer(Connection& connection) override { connection.resume_reading(); }

  void on_closed(Connection&, stack::tcp::CloseReason) override {
    if (owner_.storing_ == this) owner_.storing_ = nullptr;
    owner_.transfers_.remove_if([this](const auto& each) { return each.get() == this; });
  }

 private:
  /// Returns how many of the bytes belong to the request's line.
  std::size_t take_line(Connection& connection, Bytes bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != '\n') {
        line_.push_back(static_cast<char>(bytes[i]));
        if (line_.size() < kRequestSizeMax) continue;
        break;
      }
      const auto request = parse_request(line_);
      const bool stores = request && request->verb != Verb::kGet;
      if (!request || (stores && owner_.storing_ != nullptr)) break;
      if (stores) owner_.storing_ = this;
      request_ = *request;
      asked_ = true;
      return i + 1;
    }
    if (line_.size() >= kRequestSizeMax || std::find(bytes.begin(), bytes.end(), '\n') != bytes.end()) {
      connection.abort();
    }
    return 0;
  }

  void give(Connection& connection) {
    while (done_ < request_.size) {
      stack::base::Slice part = owner_.pattern_.part(done_, request_.size - done_);
      const std::size_t size = part.size;
      if (!connection.send(std::move(part))) return;
      done_ += size;
    }
    if (!answered_) connection.shutdown();
    answered_ = true;
  }

  void take(Connection& connection, Bytes bytes) {
    if (request_.verb == Verb::kGet || bytes.size() > request_.size - done_) return connection.abort();
    std::memcpy(owner_.store_.bytes().data() + done_, bytes.data(), bytes.size());
    done_ += bytes.size();
    if (done_ == request_.size) {
      connection.send(as_bytes(kTaken));
    } else if (request_.verb == Verb::kSip && done_ - sipped_ >= kSipSize) {
      sipped_ = done_;
      connection.pause_reading();
      connection.set_timer(connection.now() + std::chrono::milliseconds(kSipPauseMs));
    }
  }

  TransferApplication& owner_;
  std::string line_;
  Request request_;
  bool asked_ = false;
  bool answered_ = false;
  std::uint64_t done_ = 0;    // Bytes given to the connection, or taken from it.
  std::uint64_t sipped_ = 0;  // Of them, when it last paused.
};

TransferApplication::TransferApplication(const Pattern& pattern, Store& store) : pattern_(pattern), store_(store) {}

TransferApplication::~TransferApplication() = default;

stack::tcp::Handler* TransferApplication::accept(Connection&) {
  return transfers_.emplace_back(std::make_unique<Transfer>(*this)).get();
}

}  // namespace windhover::live
