#include "tests/script/settings.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

#include "tests/script/cursor.h"

namespace windhover::script {
namespace {

using stack::tcp::CongestionControl;
using stack::tcp::EcnMode;
using TcpConfig = stack::tcp::Config;
using WireConfig = backends::memory::Config;

struct Key {
  std::string_view name;
  std::variant<std::uint32_t TcpConfig::*, Duration TcpConfig::*, bool TcpConfig::*, std::uint16_t WireConfig::*,
               bool WireConfig::*>
      field;
};

const std::array kKeys = {
    Key{"connections_max", &TcpConfig::connections_max},
    Key{"backlog", &TcpConfig::backlog},
    Key{"half_open_max", &TcpConfig::half_open_max},
    Key{"syn_cookies", &TcpConfig::syn_cookies},
    Key{"connections_per_source_max", &TcpConfig::connections_per_source_max},
    Key{"fin_wait_2", &TcpConfig::fin_wait_2},
    Key{"user_timeout", &TcpConfig::user_timeout},
    Key{"time_wait_max", &TcpConfig::time_wait_max},
    Key{"receive_window", &TcpConfig::receive_window},
    Key{"receive_window_initial", &TcpConfig::receive_window_initial},
    Key{"send_buffer", &TcpConfig::send_buffer},
    Key{"send_buffer_initial", &TcpConfig::send_buffer_initial},
    Key{"reassembly_blocks", &TcpConfig::reassembly_blocks},
    Key{"initial_window", &TcpConfig::initial_window},
    Key{"rto_initial", &TcpConfig::rto_initial},
    Key{"rto_min", &TcpConfig::rto_min},
    Key{"rto_max", &TcpConfig::rto_max},
    Key{"retransmissions_max", &TcpConfig::retransmissions_max},
    Key{"syn_retransmissions_max", &TcpConfig::syn_retransmissions_max},
    Key{"delayed_ack", &TcpConfig::delayed_ack},
    Key{"time_wait", &TcpConfig::time_wait},
    Key{"keep_alive_idle", &TcpConfig::keep_alive_idle},
    Key{"keep_alive_interval", &TcpConfig::keep_alive_interval},
    Key{"keep_alive_probes", &TcpConfig::keep_alive_probes},
    Key{"timestamps", &TcpConfig::timestamps},
    Key{"sack", &TcpConfig::sack},
    Key{"mtu", &WireConfig::mtu},
    Key{"gso", &WireConfig::gso},
};

bool flag(Cursor& cursor) {
  if (cursor.take_word("on")) return true;
  if (cursor.take_word("off")) return false;
  cursor.fail("on or off");
}

void set(Cursor& cursor, const Key& key, World& world) {
  TcpConfig& tcp = world.stack.tcp;
  if (const auto* number = std::get_if<std::uint32_t TcpConfig::*>(&key.field)) {
    tcp.** number = static_cast<std::uint32_t>(cursor.digits(1U << 30, "a number"));
  } else if (const auto* time = std::get_if<Duration TcpConfig::*>(&key.field)) {
    tcp.** time = cursor.duration("a time such as 200ms");
  } else if (const auto* on = std::get_if<bool TcpConfig::*>(&key.field)) {
    tcp.** on = flag(cursor);
  } else if (const auto* size = std::get_if<std::uint16_t WireConfig::*>(&key.field)) {
    world.wire.** size = static_cast<std::uint16_t>(cursor.digits(9000, "a number"));
  } else {
    world.wire.*std::get<bool WireConfig::*>(key.field) = flag(cursor);
  }
}

void set(Cursor& cursor, const std::string& name, World& world) {
  if (name == "ip") {
    world.v6 = cursor.take_word("6");
    if (!world.v6 && !cursor.take_word("4")) cursor.fail("4 or 6");
  } else if (name == "tolerance") {
    world.tolerance = cursor.duration("a time such as 2ms");
  } else if (name == "congestion") {
    const bool reno = cursor.take_word("newreno");
    if (!reno && !cursor.take_word("cubic")) cursor.fail("newreno or cubic");
    world.stack.tcp.congestion_control = reno ? CongestionControl::kNewReno : CongestionControl::kCubic;
  } else if (name == "ecn") {
    const bool ask = cursor.take_word("ask");
    const bool accept = !ask && cursor.take_word("accept");
    if (!ask && !accept && !cursor.take_word("off")) cursor.fail("off, accept or ask");
    world.stack.tcp.ecn = ask ? EcnMode::kAsk : accept ? EcnMode::kAccept : EcnMode::kOff;
  } else {
    const auto found = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& key) { return key.name == name; });
    if (found == kKeys.end()) cursor.fail("the value of a known setting; '" + name + "' is none");
    set(cursor, *found, world);
  }
  cursor.expect_end();
}

}  // namespace

World::World() {
  const auto address = [](std::string_view text) { return stack::wire::Address::parse(text).value(); };
  stack.ip.addresses = {{address("10.66.0.2"), 24}, {address("fd66::2"), 64}};
  stack.tcp.connections_max = 16;
  stack.tcp.time_wait_max = 16;
  stack.tcp.send_blocks = 512;
  stack.tcp.send_entries = 512;
  stack.tcp.reassembly_blocks = 512;
  stack.tcp.receive_window = 0xffff;
  wire.transmit_frames = 256;
  wire.receive_frames = 64;
}

std::optional<SettingError> apply(const std::vector<Setting>& settings, World& world) {
  for (const Setting& setting : settings) {
    try {
      Cursor cursor(setting.value, setting.line);
      set(cursor, setting.key, world);
    } catch (const Wrong& wrong) {
      return SettingError{setting.line, "config " + setting.key + ": " + wrong.error.what};
    }
  }
  return std::nullopt;
}

}  // namespace windhover::script
