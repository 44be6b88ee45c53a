#include "stack/tcp/closing.h"

#include <utility>

#include "stack/tcp/engine.h"
#include "stack/tcp/output.h"
#include "stack/tcp/timers.h"

namespace windhover::stack::tcp {
namespace {

/// Stands in for an application that has closed: it reads nothing, and its one timer bounds how long the end may take.
/// So the paths that data takes need not ask whether anybody is there. Stateless: one serves every connection.
class Departed final : public Handler {
 public:
  void on_established(Connection&) override {}
  void on_data(Connection& connection, base::Bytes) override {
    Tcb& tcb = static_cast<Tcb&>(connection);
    tcb.engine.counters.drop(base::Drop::kTcpUnread);
    reset(tcb.engine, tcb, CloseReason::kUnread);
  }
  void on_sendable(Connection&) override {}
  void on_peer_finished(Connection&) override {}
  void on_timer(Connection& connection) override {
    Tcb& tcb = static_cast<Tcb&>(connection);
    // What we had to say has arrived: there is nothing to take back.
    if (tcb.state == State::kFinWait2) return tcb.engine.finish(tcb, CloseReason::kCloseTimedOut);
    reset(tcb.engine, tcb, CloseReason::kCloseTimedOut);
  }
  void on_closed(Connection& connection, CloseReason reason) override {
    Handler* const application = std::exchange(static_cast<Tcb&>(connection).closing, nullptr);
    application->on_closed(connection, reason);
  }
};

Departed departed;

}  // namespace

void reset(Engine& engine, Tcb& tcb, CloseReason reason) {
  if (tcb.state != State::kSynSent) {
    send_control(engine, tcb, tcb.snd_nxt, wire::kTcpRst | wire::kTcpAck);
    engine.counters.count(base::Event::kTcpResetsSent);
  }
  engine.finish(tcb, reason);
}

void begin_close(Engine& engine, Tcb& tcb, base::Duration linger) {
  const wire::Seq data_end = tcb.fin_received && after(tcb.rcv_nxt, tcb.fin_seq) ? tcb.fin_seq : tcb.rcv_nxt;
  if (before(tcb.rcv_read, data_end)) {
    engine.counters.drop(base::Drop::kTcpUnread);
    return reset(engine, tcb, CloseReason::kUnread);
  }
  tcb.closing = std::exchange(tcb.handler, &departed);
  disarm(tcb, Deadline::kApplication);
  tcb.shutdown();
  if (tcb.state == State::kClosed) return;
  if (tcb.paused) tcb.resume_reading();  // A FIN may have waited for the application.
  if (tcb.state == State::kFinWait2) return await_peers_fin(engine, tcb);
  if (linger != Connection::kUnlimited) arm(engine, tcb, Deadline::kApplication, engine.now + linger);
}

void await_peers_fin(Engine& engine, Tcb& tcb) {
  if (tcb.closing != nullptr) arm(engine, tcb, Deadline::kApplication, engine.now + engine.config.fin_wait_2);
}

}  // namespace windhover::stack::tcp
