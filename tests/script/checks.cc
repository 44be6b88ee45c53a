#include "tests/script/checks.h"

#include <array>
#include <functional>
#include <string_view>
#include <variant>

#include "stack/base/counters.h"

namespace windhover::script {
namespace {

using stack::base::Drop;
using stack::base::Event;
using stack::tcp::Info;
using Kind = Check::Kind;

struct InfoField {
  std::string_view name;
  std::variant<std::uint32_t Info::*, std::uint64_t Info::*, Duration Info::*> field;
};
const std::array kInfoFields = {
    InfoField{"mss", &Info::snd_mss},
    InfoField{"rcv_mss", &Info::rcv_mss},
    InfoField{"cwnd", &Info::snd_cwnd},
    InfoField{"ssthresh", &Info::snd_ssthresh},
    InfoField{"snd_wnd", &Info::snd_wnd},
    InfoField{"rcv_wnd", &Info::rcv_wnd},
    InfoField{"srtt", &Info::srtt},
    InfoField{"rttvar", &Info::rttvar},
    InfoField{"rto", &Info::rto},
    InfoField{"bytes_sent", &Info::bytes_sent},
    InfoField{"bytes_acked", &Info::bytes_acked},
    InfoField{"bytes_received", &Info::bytes_received},
    InfoField{"segments_sent", &Info::segments_sent},
    InfoField{"segments_received", &Info::segments_received},
    InfoField{"retransmitted", &Info::retransmitted},
};

std::optional<std::uint64_t> info_value(const Info& info, std::string_view name) {
  for (const InfoField& known : kInfoFields) {
    if (known.name != name) continue;
    if (const auto* small = std::get_if<std::uint32_t Info::*>(&known.field)) return info.**small;
    if (const auto* large = std::get_if<std::uint64_t Info::*>(&known.field)) return info.**large;
    return static_cast<std::uint64_t>((info.*std::get<Duration Info::*>(known.field)).count());
  }
  return std::nullopt;
}

std::optional<std::uint64_t> counter_value(const stack::base::Counters& counters, std::string_view wanted) {
  for (std::size_t at = 0; at < stack::base::kDropCount; ++at) {
    if (stack::base::name(static_cast<Drop>(at)) == wanted) return counters.value(static_cast<Drop>(at));
  }
  for (std::size_t at = 0; at < stack::base::kEventCount; ++at) {
    if (stack::base::name(static_cast<Event>(at)) == wanted) return counters.value(static_cast<Event>(at));
  }
  return std::nullopt;
}

std::optional<std::string> within(const Bounds& bounds, std::uint64_t value, std::uint32_t segment) {
  std::uint64_t low = bounds.low;
  std::uint64_t high = bounds.high;
  if (bounds.unit == Bounds::Unit::kSegments) {
    low = low * segment / 10;
    high = high > UINT64_MAX / segment ? UINT64_MAX : high * segment / 10;
  }
  if (value >= low && value <= high) return std::nullopt;
  std::string text = "it is " + std::to_string(value);
  if (bounds.unit == Bounds::Unit::kDuration) text += " ns";
  if (bounds.unit == Bounds::Unit::kSegments) text += ", in segments of " + std::to_string(segment);
  return text;
}

std::optional<std::string> holds(bool condition, std::string_view otherwise) {
  if (condition) return std::nullopt;
  return std::string(otherwise);
}

std::optional<std::string> verify_info(const Check& check, const Subject& subject) {
  const Info info = subject.app->connection->info();
  if (check.kind == Kind::kState) return holds(info.state == check.name, "it is in " + std::string(info.state));
  const auto value = info_value(info, check.name);
  if (!value) return "tcp::Info has no field of that name for scripts";
  return within(check.bounds, *value, info.snd_mss - (subject.timestamps ? 12 : 0));
}

std::string ending(const App& app) {
  if (!app.closed) return "it is open";
  return "it was closed: " + std::string(stack::tcp::name(*app.closed));
}

std::optional<std::string> verify_app(const Check& check, const Subject& subject) {
  const App& app = *subject.app;
  switch (check.kind) {
    case Kind::kOpen:
      return holds(!app.closed, ending(app));
    case Kind::kClosed:
      return holds(app.closed && stack::tcp::name(*app.closed) == check.name, ending(app));
    case Kind::kPeerFinished:
      return holds(app.peer_finished, "the application was not told so");
    case Kind::kNotPeerFinished:
      return holds(!app.peer_finished, "the application was told that the peer has finished");
    case Kind::kDrained:
      return holds(app.drained > 0, "the application was not told so");
    case Kind::kSendable:
      return holds(app.sendable > 0, "the application was not told so");
    case Kind::kData:
      return within(check.bounds, app.received, 1);
    default:
      return app.connection == nullptr ? ending(app) : verify_info(check, subject);
  }
}

}  // namespace

std::optional<std::string> verify(const Check& check, const Subject& subject) {
  const bool established = subject.app != nullptr && subject.app->established;
  switch (check.kind) {
    case Kind::kEstablished:
      return holds(established, "the application was not told so");
    case Kind::kNotEstablished:
      return holds(!established, "the application was told that it is established");
    case Kind::kConnections:
      return within(check.bounds, subject.stack.connection_count(), 1);
    case Kind::kTimeWait:
      return within(check.bounds, subject.stack.time_wait_count(), 1);
    case Kind::kCounter: {
      const auto value = counter_value(subject.stack.counters(), check.name);
      return value ? within(check.bounds, *value, 1) : std::optional<std::string>("no counter has that name");
    }
    default:
      if (subject.app == nullptr) return "the application has no such connection";
      return verify_app(check, subject);
  }
}

}  // namespace windhover::script
