#include "server/portal/portal.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "server/portal/bridge.h"
#include "server/portal/listener.h"
#include "stack/base/pool.h"
#include "stack/base/setup_error.h"

namespace windhover::server::portal {
namespace {

using stack::base::Handle;
using stack::base::Instant;
using stack::base::SetupError;
using stack::tcp::Endpoint;

/// Of one run().
constexpr std::size_t kEventsMax = 256;
constexpr int kAcceptsMax = 64;

/// What an event of epoll's carries: a bridge's handle, whose generation is never 0, or the number of a listener.
std::uint64_t token_of(Handle handle) { return std::uint64_t{handle.generation} << 32 | handle.index; }
Handle handle_of(std::uint64_t token) {
  return {static_cast<std::uint32_t>(token), static_cast<std::uint32_t>(token >> 32)};
}

/// The error is of this machine, not of the client that was to be accepted: the next one would meet it too.
bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

/// A list of handles that nothing is twice on; its memory is taken at construction.
class Handles {
 public:
  explicit Handles(std::size_t count_max) {
    now_.reserve(count_max);
    next_.reserve(count_max);
  }
  void add(Handle handle) { next_.push_back(handle); }
  bool empty() const { return next_.empty(); }
  /// Those that were added so far; what is added from now on is of the next round.
  const std::vector<Handle>& take() {
    now_.clear();
    std::swap(now_, next_);
    return now_;
  }

 private:
  std::vector<Handle> now_;
  std::vector<Handle> next_;
};

}  // namespace

struct Portal::Parts final : BridgeOwner {
  Parts(const Config& config, const std::vector<Endpoint>& wanted, Connector& to);

  void wrote(Bridge& bridge) override { to_flush.add(bridges.handle_of(&bridge)); }
  void has_more(Bridge& bridge) override { to_read.add(bridges.handle_of(&bridge)); }
  void ended(Bridge& bridge) override { to_release.add(bridges.handle_of(&bridge)); }

  bool flush();
  bool take_events();
  bool read_on();
  bool accept(Instant now);
  bool accept(std::size_t listener, Instant now);
  void welcome(Socket socket, const sockaddr_storage& peer, const Endpoint& at);
  void release();

  Connector& connector;
  std::vector<Listener> listeners;
  std::vector<Endpoint> addresses;
  std::vector<bool> acceptable;  // Of each listener: accept() has not said that nobody waits.
  Socket epoll;
  stack::base::Pool<Bridge> bridges;
  Handles to_flush;
  Handles to_read;
  Handles to_release;
  std::array<epoll_event, kEventsMax> events{};
  Instant accept_again{};
};

Portal::Parts::Parts(const Config& config, const std::vector<Endpoint>& wanted, Connector& to)
    : BridgeOwner(config.connections_max),
      connector(to),
      listeners(listen_on(wanted)),
      acceptable(listeners.size(), true),
      epoll(epoll_create1(EPOLL_CLOEXEC)),
      bridges(config.connections_max),
      to_flush(config.connections_max),
      to_read(config.connections_max),
      to_release(config.connections_max) {
  if (epoll.fd() < 0) throw SetupError("epoll_create1", errno, "Raise the limit of open files: ulimit -n.");
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    addresses.push_back(listeners[i].address);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = token_of({static_cast<std::uint32_t>(i), 0});
    if (epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, listeners[i].socket.fd(), &event) != 0) {
      throw SetupError("epoll_ctl", errno, "Raise the limit: sysctl fs.epoll.max_user_watches.");
    }
  }
}

bool Portal::Parts::flush() {
  if (to_flush.empty()) return false;
  for (const Handle handle : to_flush.take()) {
    if (Bridge* const bridge = bridges.get(handle)) bridge->flush();
  }
  return true;
}

bool Portal::Parts::take_events() {
  const int count = epoll_wait(epoll.fd(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const Handle handle = handle_of(events[static_cast<std::size_t>(i)].data.u64);
    if (!handle) {
      acceptable[handle.index] = true;
      continue;
    }
    if (Bridge* const bridge = bridges.get(handle)) bridge->on_event(events[static_cast<std::size_t>(i)].events);
  }
  return count > 0;
}

bool Portal::Parts::read_on() {
  if (to_read.empty()) return false;
  for (const Handle handle : to_read.take()) {
    if (Bridge* const bridge = bridges.get(handle)) bridge->go_on();
  }
  return true;
}

bool Portal::Parts::accept(Instant now) {
  if (now < accept_again) return false;
  bool accepted = false;
  for (std::size_t i = 0; i < listeners.size(); ++i) accepted |= accept(i, now);
  return accepted;
}

bool Portal::Parts::accept(std::size_t listener, Instant now) {
  const int fd = listeners[listener].socket.fd();
  int accepts = 0;
  while (acceptable[listener] && accepts < kAcceptsMax && bridges.size() < bridges.capacity()) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    Socket socket(::accept4(fd, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.fd() >= 0) {
      welcome(std::move(socket), peer, listeners[listener].address);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      acceptable[listener] = false;
      break;
    } else if (is_shortage(errno)) {
      counters.count(Event::kNoFiles);
      accept_again = now + kAcceptPause;
      break;
    } else {
      counters.count(Event::kAcceptFailed);
    }
    ++accepts;
  }
  return accepts > 0;
}

void Portal::Parts::welcome(Socket socket, const sockaddr_storage& peer, const Endpoint& at) {
  counters.count(Event::kAccepted);
  const int fd = socket.fd();
  Bridge* const bridge = bridges.allocate(*this, std::move(socket), ProxyHeader(from_sockaddr(peer).value_or(at), at));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = token_of(bridges.handle_of(bridge));
  const bool watched = epoll_ctl(epoll.fd(), EPOLL_CTL_ADD, fd, &event) == 0;
  bridge->begin(watched ? connector.connect(*bridge) : nullptr);
}

void Portal::Parts::release() {
  if (to_release.empty()) return;
  for (const Handle handle : to_release.take()) bridges.release(bridges.get(handle));
  accept_again = {};
}

Portal::Portal(const Config& config, const std::vector<Endpoint>& addresses, Connector& connector)
    : parts_(std::make_unique<Parts>(config, addresses, connector)) {}

Portal::~Portal() = default;

const std::vector<Endpoint>& Portal::addresses() const { return parts_->addresses; }

int Portal::fd() const { return parts_->epoll.fd(); }

bool Portal::run(Instant now) {
  Parts& parts = *parts_;
  bool moved = parts.flush();
  moved |= parts.read_on();
  moved |= parts.take_events();
  parts.release();
  moved |= parts.accept(now);
  parts.release();
  return moved || !parts.to_read.empty() || !parts.to_flush.empty();
}

void Portal::drain() {
  for (Listener& listener : parts_->listeners) listener.socket.close();
  parts_->listeners.clear();
}

std::size_t Portal::connection_count() const { return parts_->bridges.size(); }

const Counters& Portal::counters() const { return parts_->counters; }

std::size_t Portal::memory_size() const {
  return sizeof(Parts) + parts_->bridges.memory_size() + parts_->buffers_size() +
         6 * sizeof(Handle) * parts_->bridges.capacity();
}

}  // namespace windhover::server::portal
