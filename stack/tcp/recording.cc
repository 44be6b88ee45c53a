#include "stack/tcp/recording.h"

#include <cstdio>

#include "stack/tcp/app.h"
#include "stack/tcp/state.h"

namespace windhover::stack::tcp {
namespace {

struct EventText {
  std::string_view name;
  std::string_view first;
  std::string_view second;
};

constexpr std::array kTexts{
#define X(identifier, name, first, second) EventText{name, first, second},
    WINDHOVER_FLIGHT_EVENTS(X)
#undef X
};

std::string time_text(base::Duration since) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  char text[32];
  std::snprintf(text, sizeof text, "+%lld.%06lld", static_cast<long long>(micros / 1'000'000),
                static_cast<long long>(micros % 1'000'000));
  return text;
}

/// As tcpdump: S, F, P, R, E (ECE), W (CWR); a dot when there is nothing but an acknowledgement.
std::string flags_text(wire::TcpFlags flags) {
  std::string text;
  if (flags.syn()) text += 'S';
  if (flags.fin()) text += 'F';
  if (flags.psh()) text += 'P';
  if (flags.rst()) text += 'R';
  if (flags.ece()) text += 'E';
  if (flags.cwr()) text += 'W';
  return text.empty() ? "." : text;
}

std::string segment_text(const FlightEvent& event) {
  std::string text = event.kind == FlightEventKind::kSegmentIn ? "< " : "> ";
  text += flags_text(event.flags) + " " + std::to_string(event.first);
  if (event.length > 0) text += ":" + std::to_string(event.first + event.length);
  return text + " ack " + std::to_string(event.second) + " win " + std::to_string(event.window);
}

std::string other_text(const FlightEvent& event) {
  const EventText& text = kTexts.at(static_cast<std::size_t>(event.kind) - 2);
  std::string line(text.name);
  if (event.kind == FlightEventKind::kState) return line + " " + std::string(name(static_cast<State>(event.first)));
  if (event.kind == FlightEventKind::kClosed) {
    return line + " " + std::string(name(static_cast<CloseReason>(event.first)));
  }
  if (!text.first.empty()) line += " " + std::string(text.first) + " " + std::to_string(event.first);
  if (!text.second.empty()) line += " " + std::string(text.second) + " " + std::to_string(event.second);
  return line;
}

}  // namespace

std::string to_string(const FlightEvent& event, base::Instant start) {
  const bool segment = event.kind == FlightEventKind::kSegmentIn || event.kind == FlightEventKind::kSegmentOut;
  return time_text(event.at - start) + " " + (segment ? segment_text(event) : other_text(event));
}

std::string to_string(const Recording& recording) {
  std::string text;
  for (const FlightEvent& event : recording.all()) text += to_string(event, recording.events[0].at) + "\n";
  return text;
}

}  // namespace windhover::stack::tcp
