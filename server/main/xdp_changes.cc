#include "server/main/xdp_changes.h"

#include <fmt/format.h>

#include <algorithm>

namespace windhover::server::main {
namespace {

using backends::host::Change;
using backends::host::Interface;

std::string of_mtu(std::uint32_t mtu, const Interface& start) {
  if (mtu == start.mtu) return fmt::format("The MTU of {} is {} again.", start.name, mtu);
  const std::string_view effect =
      mtu < start.mtu ? "larger packets are lost" : "the server goes on with packets of its old MTU";
  return fmt::format(
      "The MTU of {} is {} now and was {} at the start: {}. Restart the server, or set it back: ip link "
      "set {} mtu {}.",
      start.name, mtu, start.mtu, effect, start.name, start.mtu);
}

}  // namespace

std::string consequence_of(const Change& change, const Interface& start, const stack::ip::Config& ours, bool shared) {
  const auto same = [&](const stack::ip::InterfaceAddress& own) { return own.address == change.address.address; };
  const bool is_ours = std::any_of(ours.addresses.begin(), ours.addresses.end(), same);
  const std::string address = change.address.address.to_string();
  switch (change.kind) {
    case Change::Kind::kDown:
      return fmt::format("{} is down: nothing arrives and nothing leaves until it is up again (ip link set {} up).",
                         start.name, start.name);
    case Change::Kind::kUp:
      return fmt::format("{} is up.", start.name);
    case Change::Kind::kNoCarrier:
      return fmt::format("{} has no carrier: nothing arrives and nothing leaves until what it is connected to is back.",
                         start.name);
    case Change::Kind::kCarrier:
      return fmt::format("{} has a carrier{}.", start.name, shared ? "" : ": the server's addresses are announced");
    case Change::Kind::kMtu:
      return of_mtu(change.mtu, start);
    case Change::Kind::kAddressAdded:
      if (shared == is_ours) return {};
      if (is_ours) {
        return fmt::format(
            "{} is the server's own and was given to the host on {} too: take it back there, or the host "
            "answers for it (ip address delete {}/{} dev {}).",
            address, start.name, address, change.address.prefix_length, start.name);
      }
      return fmt::format("{} is new on {} and not served: restart the server to share it.", address, start.name);
    case Change::Kind::kAddressRemoved:
      if (!shared || !is_ours) return {};
      return fmt::format(
          "{} was taken from {}: clients do not find the server there any more. Give it back (ip address "
          "add {}/{} dev {}), or restart the server.",
          address, start.name, address, change.address.prefix_length, start.name);
    case Change::Kind::kGone:
      return fmt::format("{} is gone.", start.name);
  }
  return {};
}

}  // namespace windhover::server::main
