#pragma once
// One HTTP/1.1 connection: requests in, answers out in the same order.
//
// A head that arrives whole is parsed where it lies in the received frame and answered at once: nothing is kept or
// allocated. Only what arrives in parts is copied, into a buffer of the lane's pool: a head until it is complete, a
// head until its body is complete, requests that must wait because the answers before them are not being taken.

#include <array>
#include <cstddef>
#include <cstdint>

#include "server/http/body.h"
#include "server/http/buffer_pool.h"
#include "server/http/counters.h"
#include "server/http/head_memory.h"
#include "server/http/head_scan.h"
#include "server/http/head_writer.h"
#include "server/http/limits.h"
#include "server/http/output.h"
#include "server/http/parser.h"
#include "server/http/proxy_protocol.h"
#include "server/http/responder.h"
#include "stack/base/pool.h"
#include "stack/tcp/app.h"

namespace windhover::server::http {

class Connection;

/// Gets a connection back when it has ended.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// The connection may be destroyed; it touches nothing of its own after this returns.
  virtual void ended(Connection& connection) = 0;
};

/// What all connections of a lane share. Outlives them.
struct ConnectionContext {
  ConnectionContext(const Limits& limits_in, const ProxyProtocol& proxy_in, Responder& responder_in,
                    BufferPool& pool_in, std::uint32_t connections, ConnectionOwner& owner_in, ClockOffset clock_offset)
      : limits(limits_in),
        proxy(proxy_in),
        responder(responder_in),
        pool(pool_in),
        owner(owner_in),
        named_clients(proxy.from.empty() ? 0 : connections),
        parser(limits),
        head_writer(clock_offset) {}

  const Limits limits;
  const ProxyProtocol proxy;
  Responder& responder;
  BufferPool& pool;
  ConnectionOwner& owner;
  stack::base::Pool<stack::tcp::Endpoint> named_clients;  ///< As many as connections, where proxies are believed.
  Parser parser;
  HeadMemory heads;
  HeadWriter head_writer;
  HttpCounters counters;
  Request request;    ///< Of the call that is going on.
  Response response;  ///< Likewise.
  bool draining = false;
  std::array<std::uint8_t, HeadWriter::kHeadMax + Response::kPlainBodyMax> scratch;  ///< An answer before it is sent.
};

/// Thread: the connection's lane.
class Connection final : public stack::tcp::Handler {
 public:
  /// After an error the rest of the request is read and thrown away, so that the answer is not lost to a reset
  /// (RFC 9112 9.6): at most this much, and this long after the answer has arrived; never less than until it has. From
  /// then on TCP resets whoever goes on sending, and waits for the peer's end no longer than its own bounds say.
  static constexpr std::uint64_t kLingerSizeMax = 16 * 1024 * 1024;
  static constexpr stack::base::Duration kLingerTime = std::chrono::seconds(5);

  Connection(ConnectionContext& context, stack::tcp::Connection& connection)
      : context_(context), connection_(connection) {}
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_established(stack::tcp::Connection& connection) override;
  void on_data(stack::tcp::Connection& connection, stack::base::Bytes bytes) override;
  void on_sendable(stack::tcp::Connection& connection) override;
  void on_peer_finished(stack::tcp::Connection& connection) override;
  void on_timer(stack::tcp::Connection& connection) override;
  void on_drained(stack::tcp::Connection& connection) override;
  void on_closed(stack::tcp::Connection& connection, stack::tcp::CloseReason reason) override;

  /// Ends the connection now if it is between requests. Otherwise ConnectionContext::draining ends it after the answer.
  void drain();

 private:
  enum class State : std::uint8_t {
    kProxyHeader,  // What a proxy puts in front is coming.
    kHead,         // Idle, or a head is coming.
    kBody,         // The head is held in input_, its body is coming.
    kLingering,    // Our direction is finished or about to be; input is thrown away.
  };

  bool reading() const { return state_ != State::kLingering; }
  bool before_head() const { return state_ == State::kHead || state_ == State::kProxyHeader; }
  bool idle() const { return before_head() && !head_begun_ && input_ == nullptr; }
  bool backed_up() const;  // The next request has to wait.
  stack::base::Bytes unread() const { return input_ == nullptr ? stack::base::Bytes{} : input_->bytes(); }

  // Input.
  void take_input(stack::base::Bytes bytes);
  std::size_t consume(stack::base::Bytes input);
  std::size_t take_proxy_header(stack::base::Bytes input);
  std::size_t take_head(stack::base::Bytes input);
  std::size_t take_request_with_body(stack::base::Bytes input);
  std::size_t take_body(stack::base::Bytes input);
  bool hold_head(stack::base::Bytes head);
  std::size_t store(stack::base::Bytes bytes);
  bool reserve_input(std::size_t size);
  void discard_input();
  void resume();
  void finish_if_peer_did();

  // Answers and ends.
  void respond(Request& request, ConnectionEnd end_if_closing);
  void refuse(BadRequest reason, bool head_only);
  bool send_response(Persistence persistence, bool head_only);
  bool send_continue();
  void finish(ConnectionEnd end);
  void leave();
  void give_up(ConnectionEnd end);
  void abandon_sink();

  // Time.
  void arm(stack::base::Instant at);
  void check_input(stack::base::Instant now);
  stack::base::Instant body_deadline() const;

  ConnectionContext& context_;
  stack::tcp::Connection& connection_;
  PooledBuffer* input_ = nullptr;  // [0, held_size_): the head whose body is coming; [begin, end): input not yet used.
  BodySink* sink_ = nullptr;
  stack::tcp::Endpoint* named_ = nullptr;  // The client, when a proxy has named it. From the lane's pool.
  Output output_;
  HeadScan scan_;  // Of the head at the front of the input, or of the one that is held.
  BodyReader body_;
  stack::base::Instant since_{};  // When the wait began: idle, head, body, lingering.
  stack::base::Instant armed_ = stack::base::kNever;
  std::uint64_t lingered_size_ = 0;
  std::uint32_t held_size_ = 0;
  State state_ = State::kHead;
  ConnectionEnd end_ = ConnectionEnd::kTransport;
  bool head_begun_ = false;  // A head's first byte has come, or a proxy's header's, not its last.
  bool paused_ = false;
  bool peer_finished_ = false;
  bool shut_down_ = false;  // shutdown() was called.
  bool left_ = false;       // close() was called: nothing but the end comes any more.
};

static_assert(sizeof(Connection) <= 256, "an idle connection must stay small");

}  // namespace windhover::server::http
