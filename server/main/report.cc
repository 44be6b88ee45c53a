#include "server/main/report.h"

#include <fmt/format.h>

namespace windhover::server::main {
namespace {

using stack::base::Drop;
using stack::base::Event;

constexpr double kMebibyte = 1024.0 * 1024.0;

void add(std::string& line, std::string_view name, std::uint64_t value) {
  line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, value);
}

void add_if_any(std::string& line, std::string_view prefix, std::string_view name, std::uint64_t value) {
  if (value != 0) add(line, fmt::format("{}{}", prefix, name), value);
}

void add_drops(std::string& line, const stack::base::Counters& counters) {
  for (std::size_t i = 0; i < stack::base::kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    add_if_any(line, "dropped.", name(drop), counters.value(drop));
  }
}

void add_http(std::string& line, const http::HttpCounters& counters) {
  using http::HttpEvent;
  for (const HttpEvent event : {HttpEvent::kResponses2xx, HttpEvent::kResponses3xx, HttpEvent::kResponses4xx,
                                HttpEvent::kResponses5xx, HttpEvent::kConnectionsRefused, HttpEvent::kBackedUp}) {
    add_if_any(line, "", name(event), counters.value(event));
  }
  for (std::size_t i = 0; i < http::kBadRequestCount; ++i) {
    const auto reason = static_cast<http::BadRequest>(i);
    add_if_any(line, "refused.", name(reason), counters.value(reason));
  }
  for (std::size_t i = 0; i < http::kConnectionEndCount; ++i) {
    const auto end = static_cast<http::ConnectionEnd>(i);
    add_if_any(line, "ended.", name(end), counters.value(end));
  }
}

void add_closed(std::string& line, const stack::lane::Stack& stack) {
#define X(identifier, text) add_if_any(line, "closed.", text, stack.closed(stack::tcp::CloseReason::identifier));
  WINDHOVER_CLOSE_REASONS(X)
#undef X
}

}  // namespace

std::string backend_line(const stack::link::Device& device, std::string_view kind) {
  const stack::link::Caps& caps = device.caps();
  std::string offloads;
  const auto offer = [&](bool has, std::string_view name) {
    if (has) offloads += fmt::format("{}{}", offloads.empty() ? "" : ", ", name);
  };
  offer(caps.transmit_gso, "segmentation");
  offer(caps.transmit_checksum, "transmit checksum");
  offer(caps.receive_partial_checksum, "receive checksum");
  offer(caps.gather, "gather");
  offer(caps.zero_copy, "zero copy");
  return fmt::format("{} device {} ({}), MTU {}; offloads: {}", kind, device.name(),
                     caps.medium == stack::link::Medium::kIp ? "IP packets" : "Ethernet frames", caps.mtu,
                     offloads.empty() ? "none" : offloads);
}

std::string memory_line(const std::vector<std::pair<std::string_view, std::size_t>>& parts) {
  std::size_t sum = 0;
  std::string list;
  for (const auto& [name, size] : parts) {
    sum += size;
    list += fmt::format("{}{} {:.1f} MiB", list.empty() ? "" : ", ", name, static_cast<double>(size) / kMebibyte);
  }
  return fmt::format("{:.1f} MiB taken: {}", static_cast<double>(sum) / kMebibyte, list);
}

std::string summary_line(const stack::lane::Stack& stack, const http::HttpCounters& http,
                         const stack::link::DeviceStats& device) {
  const stack::base::Counters& counters = stack.counters();
  std::string line;
  add(line, "requests", http.value(http::HttpEvent::kRequests));
  add(line, "connections", http.value(http::HttpEvent::kConnections));
  for (const Event event : {Event::kFramesIn, Event::kFramesOut, Event::kFramesConsumed, Event::kFramesPassed}) {
    add(line, name(event), counters.value(event));
  }
  add(line, "frames_dropped", counters.received_dropped());
  add_http(line, http);
  add_if_any(line, "", name(Event::kTcpRetransmitted), counters.value(Event::kTcpRetransmitted));
  add_if_any(line, "", name(Event::kTcpResetsSent), counters.value(Event::kTcpResetsSent));
  add_closed(line, stack);
  add_drops(line, counters);
  add_if_any(line, "device.", "received_dropped", device.received_dropped);
  add_if_any(line, "device.", "transmit_dropped", device.transmit_dropped);
  add_if_any(line, "device.", "transmit_blocked", device.transmit_blocked);
  return line;
}

}  // namespace windhover::server::main
