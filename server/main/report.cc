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

using Lanes = std::vector<LaneFigures>;

template <typename Counter>
std::uint64_t sum(const Lanes& lanes, Counter counter) {
  std::uint64_t total = 0;
  for (const LaneFigures& lane : lanes) total += counter(lane);
  return total;
}

template <typename E>
std::uint64_t sum_of_stack(const Lanes& lanes, E what) {
  return sum(lanes, [&](const LaneFigures& lane) { return lane.stack.counters().value(what); });
}

template <typename E>
std::uint64_t sum_of_http(const Lanes& lanes, E what) {
  return sum(lanes, [&](const LaneFigures& lane) { return lane.http.value(what); });
}

void add_http(std::string& line, const Lanes& lanes) {
  using http::HttpEvent;
  for (const HttpEvent event : {HttpEvent::kResponses2xx, HttpEvent::kResponses3xx, HttpEvent::kResponses4xx,
                                HttpEvent::kResponses5xx, HttpEvent::kConnectionsRefused, HttpEvent::kBackedUp}) {
    add_if_any(line, "", name(event), sum_of_http(lanes, event));
  }
  for (std::size_t i = 0; i < http::kBadRequestCount; ++i) {
    const auto reason = static_cast<http::BadRequest>(i);
    add_if_any(line, "refused.", name(reason), sum_of_http(lanes, reason));
  }
  for (std::size_t i = 0; i < http::kConnectionEndCount; ++i) {
    const auto end = static_cast<http::ConnectionEnd>(i);
    add_if_any(line, "ended.", name(end), sum_of_http(lanes, end));
  }
}

void add_closed(std::string& line, const Lanes& lanes) {
  const auto closed = [&](stack::tcp::CloseReason reason) {
    return sum(lanes, [&](const LaneFigures& lane) { return lane.stack.closed(reason); });
  };
#define X(identifier, text) add_if_any(line, "closed.", text, closed(stack::tcp::CloseReason::identifier));
  WINDHOVER_CLOSE_REASONS(X)
#undef X
}

void add_drops(std::string& line, const Lanes& lanes) {
  for (std::size_t i = 0; i < stack::base::kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    add_if_any(line, "dropped.", name(drop), sum_of_stack(lanes, drop));
  }
}

void add_device(std::string& line, const Lanes& lanes) {
  using stack::link::DeviceStats;
  const auto device = [&](std::string_view what, std::uint64_t DeviceStats::*counter) {
    add_if_any(line, "device.", what, sum(lanes, [&](const LaneFigures& lane) { return lane.device.*counter; }));
  };
  device("received_dropped", &DeviceStats::received_dropped);
  device("transmit_dropped", &DeviceStats::transmit_dropped);
  device("transmit_blocked", &DeviceStats::transmit_blocked);
}

void add_mail(std::string& line, const Lanes& lanes) {
  using stack::base::Counter;
  using stack::lane::MailStats;
  const auto mail = [&](std::string_view what, Counter MailStats::*counter) {
    add_if_any(line, "mail.", what, sum(lanes, [&](const LaneFigures& lane) {
                 return lane.mail == nullptr ? 0 : (lane.mail->*counter).value();
               }));
  };
  mail("posted", &MailStats::posted);
  mail("received", &MailStats::received);
  mail("dropped", &MailStats::dropped);
  mail("rung", &MailStats::rung);
}

}  // namespace

std::string backend_line(const stack::link::Device& device, std::string_view kind, std::string_view details) {
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
  return fmt::format("{} device {} ({}), MTU {}; offloads: {}{}{}", kind, device.name(),
                     caps.medium == stack::link::Medium::kIp ? "IP packets" : "Ethernet frames", caps.mtu,
                     offloads.empty() ? "none" : offloads, details.empty() ? "" : "; ", details);
}

std::string memory_line(const std::vector<std::pair<std::string_view, std::size_t>>& parts) {
  std::size_t sum = 0;
  std::string list;
  for (const auto& [name, size] : parts) {
    sum += size;
    list += fmt::format("{}{} {:.1f} MiB", list.empty() ? "" : ", ", name, static_cast<double>(size) / kMebibyte);
  }
  return fmt::format("{:.1f} MiB reserved: {}", static_cast<double>(sum) / kMebibyte, list);
}

std::string summary_line(const std::vector<LaneFigures>& lanes,
                         const std::vector<std::pair<std::string, std::uint64_t>>& more) {
  std::string line;
  add(line, "requests", sum_of_http(lanes, http::HttpEvent::kRequests));
  add(line, "connections", sum_of_http(lanes, http::HttpEvent::kConnections));
  for (const Event event : {Event::kFramesIn, Event::kFramesOut, Event::kFramesConsumed, Event::kFramesPassed}) {
    add(line, name(event), sum_of_stack(lanes, event));
  }
  add(line, "frames_dropped",
      sum(lanes, [](const LaneFigures& lane) { return lane.stack.counters().received_dropped(); }));
  add_http(line, lanes);
  for (const Event event :
       {Event::kTcpRetransmitted, Event::kTcpResetsSent, Event::kAddressConflicts, Event::kAddressesLost}) {
    add_if_any(line, "", name(event), sum_of_stack(lanes, event));
  }
  add_closed(line, lanes);
  add_drops(line, lanes);
  add_device(line, lanes);
  add_mail(line, lanes);
  for (const auto& [name, value] : more) add_if_any(line, "", name, value);
  return line;
}

}  // namespace windhover::server::main
