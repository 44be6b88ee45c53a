#include "server/http/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "stack/base/check.h"

namespace windhover::server::http {

using stack::base::Bytes;
using stack::base::Instant;
using stack::base::kNever;

Connection::~Connection() {
  if (named_ != nullptr) context_.named_clients.release(named_);
  output_.discard(context_.pool);
  discard_input();
}

void Connection::on_established(stack::tcp::Connection&) {
  since_ = connection_.now();
  if (!context_.proxy.from.empty() && context_.proxy.speaks(connection_.info().remote)) {
    state_ = State::kProxyHeader;
    return arm(since_ + context_.limits.request_headers_timeout);
  }
  arm(since_ + context_.limits.keep_alive_timeout);
}

void Connection::on_data(stack::tcp::Connection&, Bytes bytes) {
  if (reading()) return take_input(bytes);
  lingered_size_ += bytes.size();
  if (lingered_size_ <= kLingerSizeMax) return;
  // A reset may overtake an answer that has been lost once: first it must have arrived.
  if (!output_.outstanding(connection_)) return give_up(ConnectionEnd::kLingerTimeout);
  if (!std::exchange(paused_, true)) connection_.pause_reading();
}

void Connection::on_sendable(stack::tcp::Connection&) {
  if (!output_.flush(connection_, context_.pool)) return;
  if (reading()) return resume();
  if (!std::exchange(shut_down_, true)) connection_.shutdown();
}

void Connection::on_drained(stack::tcp::Connection&) {
  if (output_.waiting()) return;
  output_.reset_check();
  if (!reading()) {
    if (lingered_size_ > kLingerSizeMax) return give_up(ConnectionEnd::kLingerTimeout);
    since_ = connection_.now();
    return arm(since_ + kLingerTime);
  }
  if (idle()) {
    since_ = connection_.now();
    arm(since_ + context_.limits.keep_alive_timeout);
  }
  if (paused_ || input_ != nullptr) resume();
}

void Connection::on_peer_finished(stack::tcp::Connection&) {
  peer_finished_ = true;
  finish_if_peer_did();
}

void Connection::on_closed(stack::tcp::Connection&, stack::tcp::CloseReason) {
  abandon_sink();
  context_.counters.count(end_);
  context_.owner.ended(*this);
}

void Connection::drain() {
  if (left_) connection_.abort();
  if (idle() && !output_.waiting()) finish(ConnectionEnd::kShutdown);
}

// Input.

bool Connection::backed_up() const {
  return output_.waiting() || connection_.unacknowledged() > context_.limits.max_response_buffer_size;
}

void Connection::take_input(Bytes bytes) {
  while (reading()) {
    std::size_t used = 0;
    if (unread().empty()) {
      used = consume(bytes);
      bytes = bytes.subspan(used);
      if (bytes.empty() || !reading()) break;
    }
    const std::size_t stored = store(bytes);
    bytes = bytes.subspan(stored);
    if (input_ != nullptr) {
      used = consume(unread());
      if (input_ != nullptr) input_->begin += static_cast<std::uint32_t>(used);
    }
    if (bytes.empty()) break;
    if (used + stored > 0) continue;
    if (backed_up()) return give_up(ConnectionEnd::kOutOfMemory);
    return refuse(BadRequest::kNoBuffer, false);
  }
  if (!reading()) return;
  if (unread().empty()) {
    if (held_size_ == 0) discard_input();
  } else if (!paused_ && !head_begun_) {
    // Whole requests wait for the answers before them.
    paused_ = true;
    connection_.pause_reading();
    context_.counters.count(HttpEvent::kBackedUp);
  }
  if (peer_finished_) finish_if_peer_did();
}

std::size_t Connection::consume(Bytes input) {
  std::size_t used = 0;
  while (reading() && used < input.size()) {
    if (state_ == State::kHead && backed_up()) break;
    const Bytes rest = input.subspan(used);
    std::size_t taken = 0;
    if (state_ == State::kHead) {
      taken = take_head(rest);
    } else {
      taken = state_ == State::kBody ? take_body(rest) : take_proxy_header(rest);
    }
    if (taken == 0) break;
    used += taken;
  }
  return used;
}

std::size_t Connection::take_proxy_header(Bytes input) {
  const ProxyHeader header = parse_proxy_header(input);
  head_begun_ = header.status == ProxyHeader::Status::kNeedMore;
  if (header.status == ProxyHeader::Status::kBad) give_up(ConnectionEnd::kProxyHeaderMalformed);
  if (header.status != ProxyHeader::Status::kComplete) return 0;
  context_.counters.count(HttpEvent::kProxyHeaders);
  if (header.client) named_ = context_.named_clients.allocate(*header.client);
  state_ = State::kHead;
  since_ = connection_.now();
  return header.size;
}

std::size_t Connection::take_head(Bytes input) {
  if (!head_begun_) {
    if (const HeadMemory::Known* known = context_.heads.find(input)) {
      context_.counters.count(HttpEvent::kRequests);
      context_.request = known->request;
      respond(context_.request, ConnectionEnd::kAsked);
      return known->size;
    }
  }
  const HeadScan::Status status = scan_.scan(context_.limits, input);
  if (status == HeadScan::Status::kNeedMore) {
    if (!std::exchange(head_begun_, true)) {
      since_ = connection_.now();
      arm(since_ + context_.limits.request_headers_timeout);
    }
    return 0;
  }
  if (status == HeadScan::Status::kBad) {
    refuse(scan_.reason(), false);
    return 0;
  }
  head_begun_ = false;
  Request& request = context_.request;
  if (const auto bad = context_.parser.parse(scan_, input, request)) {
    refuse(*bad, request.method == Method::kHead);
    return 0;
  }
  context_.counters.count(HttpEvent::kRequests);
  if (request.has_body()) return take_request_with_body(input);
  const std::size_t size = scan_.size();
  scan_ = {};
  context_.heads.remember(input.first(size), request);
  respond(request, ConnectionEnd::kAsked);
  return size;
}

std::size_t Connection::take_request_with_body(Bytes input) {
  Request& request = context_.request;
  const std::size_t head_size = scan_.size();
  const Bytes rest = input.subspan(head_size);
  request.client = Client(connection_, named_);
  sink_ = context_.responder.begin_body(request);
  if (request.expects_continue && rest.empty()) {
    if (sink_ == nullptr) {
      // Whether the client sends the body after this answer is its choice, so what follows could not be told apart.
      request.keep_alive = false;
      respond(request, ConnectionEnd::kExpectationUnmet);
      return head_size;
    }
    if (!send_continue()) return 0;
  }
  body_ = BodyReader(request);
  const BodyReader::Step step = body_.take(rest, context_.limits.max_request_body_size, sink_);
  if (step.bad) {
    refuse(*step.bad, false);
    return 0;
  }
  if (step.complete) {
    request.sink = std::exchange(sink_, nullptr);
    scan_ = {};
    respond(request, ConnectionEnd::kAsked);
    return head_size + step.consumed;
  }
  if (!hold_head(input.first(head_size))) {
    refuse(BadRequest::kNoBuffer, false);
    return 0;
  }
  state_ = State::kBody;
  since_ = connection_.now();
  arm(body_deadline());
  return head_size + step.consumed;
}

std::size_t Connection::take_body(Bytes input) {
  const BodyReader::Step step = body_.take(input, context_.limits.max_request_body_size, sink_);
  if (step.bad) {
    refuse(*step.bad, false);
    return 0;
  }
  if (!step.complete) return step.consumed;
  // The head is read a second time: cheaper than keeping what was read of every request whose body is under way.
  Request& request = context_.request;
  CHECK(!context_.parser.parse(scan_, {input_->data, held_size_}, request));
  request.sink = std::exchange(sink_, nullptr);
  scan_ = {};
  state_ = State::kHead;
  respond(request, ConnectionEnd::kAsked);
  held_size_ = 0;
  return step.consumed;
}

bool Connection::hold_head(Bytes head) {
  const bool in_input = input_ != nullptr && !unread().empty();
  if (!in_input) {
    if (!reserve_input(head.size())) return false;
    input_->begin = input_->end = static_cast<std::uint32_t>(head.size());
  }
  // Within the input the head moves to the front, over bytes that were used up.
  std::memmove(input_->data, head.data(), head.size());
  held_size_ = static_cast<std::uint32_t>(head.size());
  return true;
}

/// Makes room for `size` bytes behind what is held and unread, or for as many as any buffer has.
bool Connection::reserve_input(std::size_t size) {
  const std::size_t kept = held_size_ + unread().size();
  if (input_ != nullptr && input_->capacity > kept) {
    std::memmove(input_->data + held_size_, input_->data + input_->begin, kept - held_size_);
    input_->begin = held_size_;
    input_->end = static_cast<std::uint32_t>(kept);
    if (input_->room() >= size || input_->capacity == context_.pool.large_size()) return true;
  }
  PooledBuffer* larger = context_.pool.take(std::min(kept + size, context_.pool.large_size()));
  if (larger == nullptr || larger->capacity <= kept) {
    context_.pool.give(larger);
    return false;
  }
  if (input_ != nullptr) {
    larger->append({input_->data, held_size_});
    larger->append(unread());
    larger->begin = held_size_;
    context_.pool.give(input_);
  }
  input_ = larger;
  return true;
}

/// Copies as much as there is room for; grows only when there is none.
std::size_t Connection::store(Bytes bytes) {
  if (bytes.empty()) return 0;
  if ((input_ == nullptr || input_->room() == 0) && !reserve_input(bytes.size())) return 0;
  const std::size_t allowed = context_.limits.max_request_buffer_size -
                              std::min<std::size_t>(unread().size(), context_.limits.max_request_buffer_size);
  const std::size_t size = std::min({bytes.size(), input_->room(), allowed});
  input_->append(bytes.first(size));
  return size;
}

void Connection::discard_input() {
  context_.pool.give(std::exchange(input_, nullptr));
  held_size_ = 0;
}

void Connection::resume() {
  if (backed_up()) return;
  if (!unread().empty() && !head_begun_) take_input({});
  const bool waits = !unread().empty() && !head_begun_;
  if (reading() && !waits && std::exchange(paused_, false)) connection_.resume_reading();
}

void Connection::finish_if_peer_did() {
  if (!reading()) return;
  const bool whole_requests_wait = state_ == State::kHead && !unread().empty() && !head_begun_;
  if (whole_requests_wait) return;
  const bool between_requests = state_ == State::kHead && !head_begun_;
  finish(between_requests ? ConnectionEnd::kPeerFinished : ConnectionEnd::kPeerFinishedEarly);
}

// Answers and ends.

void Connection::respond(Request& request, ConnectionEnd end_if_closing) {
  Response& response = context_.response;
  response.reset();
  request.client = Client(connection_, named_);
  context_.responder.respond(request, response);
  const bool close = !request.keep_alive || response.closes_connection() || context_.draining;
  Persistence persistence = request.version_minor == 0 ? Persistence::kKeepAlive : Persistence::kDefault;
  if (close) persistence = Persistence::kClose;
  if (!send_response(persistence, request.method == Method::kHead)) return;
  if (close) finish(context_.draining && request.keep_alive ? ConnectionEnd::kShutdown : end_if_closing);
}

void Connection::refuse(BadRequest reason, bool head_only) {
  context_.counters.count(reason);
  Response& response = context_.response;
  response.reset();
  response.set_status(status_of(reason));
  context_.responder.refuse(status_of(reason), response);
  if (send_response(Persistence::kClose, head_only)) finish(ConnectionEnd::kBadRequest);
}

bool Connection::send_response(Persistence persistence, bool head_only) {
  Response& response = context_.response;
  auto& scratch = context_.scratch;
  const Instant now = connection_.now();
  std::size_t size = context_.head_writer.write(now, response, persistence, scratch);
  const bool body = !head_only && admits_body(response.status());
  bool sent = false;
  if (body && response.has_shared_body()) {
    sent = output_.send(connection_, context_.pool, {scratch.data(), size}, response.take_shared_body());
  } else {
    const Bytes plain = body ? response.plain_body() : Bytes{};
    if (!plain.empty()) std::memcpy(scratch.data() + size, plain.data(), plain.size());
    size += plain.size();
    sent = output_.send(connection_, context_.pool, {scratch.data(), size});
  }
  context_.counters.count_response(response.status());
  if (!sent) {
    give_up(ConnectionEnd::kOutOfMemory);
    return false;
  }
  if (context_.limits.min_response_data_rate.bytes_per_second > 0) {
    arm(now + context_.limits.min_response_data_rate.grace);
  }
  return true;
}

bool Connection::send_continue() {
  context_.counters.count(HttpEvent::kContinues);
  const bool sent = output_.send(connection_, context_.pool, stack::base::as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  if (!sent) give_up(ConnectionEnd::kOutOfMemory);
  return sent;
}

void Connection::finish(ConnectionEnd end) {
  if (!reading()) return;
  state_ = State::kLingering;
  end_ = end;
  abandon_sink();
  discard_input();
  if (std::exchange(paused_, false)) connection_.resume_reading();
  since_ = connection_.now();
  if (!output_.waiting()) {
    shut_down_ = true;
    connection_.shutdown();
  }
  arm(since_ + kLingerTime);
}

void Connection::leave() {
  // What the peer's TCP has acknowledged its application may not have read, and a reset would take it away.
  if (context_.draining) return give_up(ConnectionEnd::kLingerTimeout);
  left_ = true;
  end_ = ConnectionEnd::kLingerTimeout;
  connection_.close(kLingerTime);
}

void Connection::give_up(ConnectionEnd end) {
  state_ = State::kLingering;
  end_ = end;
  shut_down_ = true;
  abandon_sink();
  discard_input();
  output_.discard(context_.pool);
  connection_.abort();
}

void Connection::abandon_sink() {
  if (BodySink* sink = std::exchange(sink_, nullptr)) sink->abandoned();
}

// Time.

void Connection::arm(Instant at) {
  if (at >= armed_) return;
  armed_ = at;
  connection_.set_timer(at);
}

Instant Connection::body_deadline() const {
  const DataRate& rate = context_.limits.min_request_body_data_rate;
  if (rate.bytes_per_second == 0) return kNever;
  // When the average falls below the rate if nothing more comes; beyond an hour it is looked at again.
  constexpr double kSecondsMax = 3600;
  const double seconds = static_cast<double>(body_.received()) / rate.bytes_per_second;
  const std::chrono::duration<double> earned(std::min(seconds, kSecondsMax));
  return since_ + std::max(rate.grace, std::chrono::duration_cast<stack::base::Duration>(earned));
}

void Connection::on_timer(stack::tcp::Connection&) {
  armed_ = kNever;
  const Instant now = connection_.now();
  const DataRate& rate = context_.limits.min_response_data_rate;
  if (!output_.outstanding(connection_)) {
    output_.reset_check();
  } else if (rate.bytes_per_second > 0) {
    if (now >= output_.next_check() && !output_.keeps_up(connection_, rate, now)) {
      return give_up(ConnectionEnd::kResponseTooSlow);
    }
    arm(output_.next_check());
  }
  check_input(now);
}

void Connection::check_input(Instant now) {
  Instant deadline = kNever;
  if (state_ == State::kBody) {
    deadline = body_deadline();
    if (now >= deadline) return refuse(BadRequest::kBodyTooSlow, false);
  } else if (state_ == State::kProxyHeader) {
    deadline = since_ + context_.limits.request_headers_timeout;
    if (now >= deadline) return give_up(ConnectionEnd::kProxyHeaderTimeout);
  } else if (state_ == State::kHead && head_begun_) {
    deadline = since_ + context_.limits.request_headers_timeout;
    if (now >= deadline) return refuse(BadRequest::kHeadersTimeout, false);
  } else if (!output_.outstanding(connection_)) {
    // Idle or lingering. While output is outstanding neither wait has begun: on_drained() begins it.
    deadline = since_ + (reading() ? context_.limits.keep_alive_timeout : kLingerTime);
    if (now >= deadline) return reading() ? finish(ConnectionEnd::kKeepAliveTimeout) : leave();
  }
  arm(deadline);
}

}  // namespace windhover::server::http
