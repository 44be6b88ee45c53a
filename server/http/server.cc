#include "server/http/server.h"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include "server/http/buffer_pool.h"
#include "server/http/connection.h"
#include "stack/base/check.h"

namespace windhover::server::http {
namespace {

constexpr std::size_t kSmallBufferSize = 2 * 1024;
constexpr std::size_t kLargeBufferSizeMin = 64 * 1024;

std::size_t large_buffer_size(const Limits& limits) {
  const std::size_t head_size_max =
      std::size_t{2} * HeadScan::kEmptyLinesMax + limits.max_request_line_size + limits.max_request_headers_total_size;
  return std::max(head_size_max, kLargeBufferSizeMin);
}

}  // namespace

struct Server::Parts final : ConnectionOwner {
  Parts(const Limits& limits, const Capacity& capacity, Responder& responder, ClockOffset clock_offset,
        const ProxyProtocol& proxy)
      : pool(kSmallBufferSize, capacity.small_buffers, large_buffer_size(limits), capacity.large_buffers),
        context(limits, proxy, responder, pool, capacity.connections, *this, clock_offset),
        slots(std::make_unique_for_overwrite<Slot[]>(capacity.connections)),
        live(capacity.connections, false),
        connections_max(
            std::min(capacity.connections, limits.max_concurrent_connections.value_or(capacity.connections))) {
    free.reserve(capacity.connections);
    for (std::uint32_t i = capacity.connections; i > 0; --i) free.push_back(i - 1);
  }
  ~Parts() override {
    for (std::uint32_t i = 0; i < live.size(); ++i) {
      if (live[i]) std::destroy_at(at(i));
    }
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  struct Slot {
    alignas(Connection) std::byte bytes[sizeof(Connection)];
  };

  Connection* at(std::uint32_t index) { return std::launder(reinterpret_cast<Connection*>(slots[index].bytes)); }
  std::size_t count() const { return live.size() - free.size(); }

  void ended(Connection& connection) override {
    const auto index = static_cast<std::uint32_t>(reinterpret_cast<Slot*>(&connection) - slots.get());
    CHECK(index < live.size() && live[index]);
    std::destroy_at(&connection);
    live[index] = false;
    free.push_back(index);
  }

  BufferPool pool;
  ConnectionContext context;
  std::unique_ptr<Slot[]> slots;
  std::vector<bool> live;
  std::vector<std::uint32_t> free;
  std::size_t connections_max;
};

Server::Server(const Limits& limits, const Capacity& capacity, Responder& responder, ClockOffset clock_offset,
               const ProxyProtocol& proxy)
    : parts_(std::make_unique<Parts>(limits, capacity, responder, clock_offset, proxy)) {}

Server::~Server() = default;

stack::tcp::Handler* Server::accept(stack::tcp::Connection& connection) {
  Parts& parts = *parts_;
  if (parts.context.draining || parts.count() >= parts.connections_max) {
    parts.context.counters.count(HttpEvent::kConnectionsRefused);
    return nullptr;
  }
  const std::uint32_t index = parts.free.back();
  parts.free.pop_back();
  parts.live[index] = true;
  parts.context.counters.count(HttpEvent::kConnections);
  return std::construct_at(reinterpret_cast<Connection*>(parts.slots[index].bytes), parts.context, connection);
}

void Server::drain() {
  parts_->context.draining = true;
  for (std::uint32_t i = 0; i < parts_->live.size(); ++i) {
    if (parts_->live[i]) parts_->at(i)->drain();
  }
}

std::size_t Server::connection_count() const { return parts_->count(); }

const HttpCounters& Server::counters() const { return parts_->context.counters; }

std::size_t Server::memory_size() const {
  const std::size_t per_connection = sizeof(Parts::Slot) + sizeof(std::uint32_t);
  return sizeof(Parts) + parts_->pool.memory_size() + parts_->context.parser.memory_size() +
         parts_->context.named_clients.memory_size() + parts_->live.size() * per_connection + parts_->live.size() / 8;
}

}  // namespace windhover::server::http
