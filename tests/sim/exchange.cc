#include "tests/sim/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "tests/sim/application.h"

namespace windhover::sim {

using stack::base::Bytes;
using stack::tcp::Connection;

void Library::respond(const server::http::Request& request, server::http::Response& response) {
  std::uint64_t key = 0;
  std::uint64_t size = 0;
  const std::string_view path = request.path.substr(1);
  const std::size_t slash = path.find('/');
  std::from_chars(path.data(), path.data() + slash, key);
  std::from_chars(path.data() + slash + 1, path.data() + path.size(), size);
  std::vector<std::uint8_t> text(size);
  for (std::uint64_t at = 0; at < size; ++at) text[at] = stream_byte(key, at);
  response.share_body(stack::base::copy_to_heap(text));
}

void Reader::ask(Connection& connection) {
  const std::uint32_t wanted = 1 + static_cast<std::uint32_t>(random_.below(kPipelineMax));
  while (left_ > 0 && asked_count_ < wanted) {
    const Text text{random_.next() >> 1, random_.below(random_.chance(0.1) ? 30'000 : 500)};
    asked_[asked_count_++] = text;
    unsent_ += fmt::format("GET /{}/{} HTTP/1.1\r\nHost: library\r\n\r\n", text.key, text.size);
    --left_;
  }
  const std::size_t taken = connection.send(stack::base::as_bytes(unsent_));
  unsent_.erase(0, taken);
}

void Reader::on_data(Connection& connection, Bytes bytes) {
  for (const std::uint8_t byte : bytes) {
    if (!take(byte)) return connection.abort();
  }
  if (asked_count_ == 0 && left_ == 0) {
    connection.shutdown();
  } else {
    ask(connection);
  }
}

bool Reader::take(std::uint8_t byte) {
  if (asked_count_ == 0) {
    violation_ = "an answer that nobody asked for";
    return false;
  }
  if (!in_body_) {
    head_.push_back(static_cast<char>(byte));
    return !head_.ends_with("\r\n\r\n") || take_head_end();
  }
  if (byte != stream_byte(asked_[0].key, position_)) {
    violation_ = fmt::format("byte {} of an answer is wrong", position_);
    return false;
  }
  if (++position_ == asked_[0].size) end_text();
  return true;
}

bool Reader::take_head_end() {
  const bool right = head_.starts_with("HTTP/1.1 200 ") &&
                     head_.find(fmt::format("\r\nContent-Length: {}\r\n", asked_[0].size)) != std::string::npos;
  if (!right) {
    // The server may give up a connection that is too slow for it, never answer wrongly.
    if (!head_.starts_with("HTTP/1.1 408 ")) violation_ = "an answer with another head: " + head_;
    return false;
  }
  in_body_ = true;
  if (asked_[0].size == 0) end_text();
  return true;
}

void Reader::end_text() {
  ++answers_;
  bytes_ += asked_[0].size;
  in_body_ = false;
  position_ = 0;
  head_.clear();
  std::copy(asked_ + 1, asked_ + asked_count_, asked_);
  --asked_count_;
}

void Reader::on_peer_finished(Connection& connection) {
  if (in_body_) violation_ = "an answer that ends before its length";
  connection.shutdown();
}

void Reader::on_closed(Connection&, stack::tcp::CloseReason reason) {
  if (closed_) violation_ = "a reader that was closed twice";
  closed_ = true;
  finished_ = reason == stack::tcp::CloseReason::kFinished && left_ == 0 && asked_count_ == 0;
}

}  // namespace windhover::sim
