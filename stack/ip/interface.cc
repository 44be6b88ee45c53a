#include "stack/ip/interface.h"

#include <algorithm>

#include "stack/base/setup_error.h"
#include "stack/wire/ndp.h"

namespace windhover::stack::ip {
namespace {

using base::SetupError;
using wire::Address;

constexpr std::uint32_t kLimitedBroadcast = 0xffffffff;

unsigned address_bits(const Address& address) { return address.is_v4() ? 32 : 128; }

/// ff01::1, beside wire's ff02::1.
Address interface_local_all_nodes() {
  auto octets = wire::all_nodes().mapped();
  octets[1] = 0x01;
  return Address::v6(octets);
}

}  // namespace

Interface::Interface(const Config& config, link::Medium medium)
    : medium_(medium),
      replies_to_sender_(config.reply_to_sender && medium == link::Medium::kEthernet),
      answers_neighbours_(config.answers_neighbours && !config.reply_to_sender && medium == link::Medium::kEthernet),
      mac_(config.mac),
      groups_{wire::all_nodes(), interface_local_all_nodes()} {
  static_assert(kAddressesMax <= 32, "not_local_ has a bit for each");
  if (config.addresses.size() > kAddressesMax) {
    throw SetupError("addresses", 0, "Name at most " + std::to_string(kAddressesMax) + " addresses.");
  }
  if (medium == link::Medium::kEthernet && !mac_.is_station()) {
    throw SetupError("mac", 0,
                     "Give the device a link address of its own: six octets, the first of them even, not all zero.");
  }
  configured_.reserve(config.addresses.size());
  addresses_.reserve(config.addresses.size());
  for (const InterfaceAddress& address : config.addresses) add(address);
  judge_routes();
  set_gateway(gateway_v4_, config.gateway_v4, true);
  set_gateway(gateway_v6_, config.gateway_v6, false);
  gateway_v6_configured_ = gateway_v6_.has_value();
}

void Interface::add(const InterfaceAddress& added) {
  const Address& address = added.address;
  const std::string text = address.to_string() + "/" + std::to_string(added.prefix_length);
  if (added.prefix_length > address_bits(address)) {
    throw SetupError("address " + text, 0,
                     "Give a prefix length of at most " + std::to_string(address_bits(address)) + ".");
  }
  if (is_ours(address)) throw SetupError("address " + text, 0, "Name each address once.");

  bool impossible = address.is_unspecified() || address.is_multicast() || address.is_loopback();
  if (address.is_v4()) {
    const std::uint32_t value = address.v4_value();
    const std::uint32_t host = added.prefix_length >= 31 ? 0 : 0xffffffffU >> added.prefix_length;
    // The first and the last address of a prefix are broadcast addresses (RFC 1122 3.2.1.3), but for /31 (RFC 3021).
    impossible = impossible || value >= 0xe0000000U || (host != 0 && ((value & host) == host || (value & host) == 0));
  }
  if (impossible) throw SetupError("address " + text, 0, "Choose an address that one host can have in that prefix.");
  if (!address.is_v4() && !added.quiet) groups_.push_back(wire::solicited_node(address));
  configured_.push_back(added);
  list_local(added);
}

void Interface::list_local(const InterfaceAddress& local) {
  addresses_.push_back(local);
  if (!local.address.is_v4()) return;
  const std::uint32_t value = local.address.v4_value();
  const std::uint32_t host = local.prefix_length >= 31 ? 0 : 0xffffffffU >> local.prefix_length;
  v4_[v4_count_++] = {value, value | host};
}

void Interface::set_local(const Address& address, bool local) {
  addresses_.clear();
  v4_count_ = 0;
  for (std::size_t at = 0; at < configured_.size(); ++at) {
    const std::uint32_t bit = 1U << at;
    if (configured_[at].address == address) not_local_ = local ? not_local_ & ~bit : not_local_ | bit;
    if ((not_local_ & bit) == 0) list_local(configured_[at]);
  }
  judge_routes();
}

void Interface::set_router(const std::optional<Address>& router) {
  if (gateway_v6_configured_ || router == gateway_v6_) return;
  router_replaced_ |= gateway_v6_.has_value();
  gateway_v6_ = router;
  judge_routes();
}

void Interface::set_gateway(std::optional<Address>& gateway, const std::optional<Address>& configured, bool v4) {
  if (!configured) return;
  const std::string setting = (v4 ? "gateway_v4 " : "gateway_v6 ") + configured->to_string();
  if (configured->is_v4() != v4) throw SetupError(setting, 0, "Name a gateway of that family.");
  if (is_ours(*configured) || configured->is_multicast() || configured->is_unspecified() || configured->is_loopback()) {
    throw SetupError(setting, 0, "Name the router's own address.");
  }
  gateway = configured;
}

bool Interface::is_ours(const Address& address) const {
  const auto same = [&](const InterfaceAddress& ours) { return ours.address == address; };
  return std::any_of(configured_.begin(), configured_.end(), same);
}

bool Interface::is_local(const Address& address) const {
  for (const InterfaceAddress& local : addresses_) {
    if (local.address == address) return true;
  }
  return false;
}

bool Interface::is_told(const Address& address) const {
  const auto told = [&](const InterfaceAddress& local) { return local.address == address && !local.quiet; };
  return std::any_of(addresses_.begin(), addresses_.end(), told);
}

bool Interface::is_broadcast_v4(std::uint32_t address) const {
  if (address == kLimitedBroadcast) return true;
  for (std::size_t at = 0; at < v4_count_; ++at) {
    if (v4_[at].broadcast == address && v4_[at].address != address) return true;
  }
  return false;
}

bool Interface::in_group_v6(const Address& address) const {
  return std::find(groups_.begin(), groups_.end(), address) != groups_.end();
}

bool Interface::is_bad_source_v6(const Address& address) const {
  return address.is_multicast() || address.is_loopback() || is_local(address);
}

const InterfaceAddress* Interface::longest_prefix(const Address& remote, bool with_quiet) const {
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& local : addresses_) {
    if (local.quiet && !with_quiet) continue;
    if (!remote.in_prefix(local.address, local.prefix_length)) continue;
    if (best == nullptr || local.prefix_length > best->prefix_length) best = &local;
  }
  return best;
}

bool Interface::is_on_link(const Address& address) const {
  if (longest_prefix(address, true) != nullptr) return true;
  if (address.is_v4()) return false;
  const auto around = [&](const Prefix& prefix) { return address.in_prefix(prefix.network, prefix.length); };
  return address.is_link_local() || std::any_of(prefixes_.begin(), prefixes_.end(), around);
}

std::optional<Address> Interface::source_for(const Address& remote) const {
  if (const InterfaceAddress* local = longest_prefix(remote, false)) return local->address;
  const std::optional<Address>& through = gateway(remote);
  if (through && !remote.is_link_local()) {
    const InterfaceAddress* beside = longest_prefix(*through, false);
    if (beside != nullptr && !beside->address.is_link_local()) return beside->address;
  }
  const InterfaceAddress* best = nullptr;
  for (const InterfaceAddress& local : addresses_) {
    if (local.quiet || local.address.is_v4() != remote.is_v4()) continue;
    const bool same_scope = local.address.is_link_local() == remote.is_link_local();
    if (best == nullptr || (same_scope && best->address.is_link_local() != remote.is_link_local())) best = &local;
  }
  return best == nullptr ? std::nullopt : std::optional(best->address);
}

std::optional<Hop> Interface::route(const Address& remote, const std::optional<Address>& source,
                                    const wire::MacAddress& heard_from) const {
  if (source && (source->is_v4() != remote.is_v4() || !is_local(*source))) return {};
  if (remote.is_unspecified() || remote.is_multicast() || remote.is_loopback() || is_local(remote)) return {};
  if (remote.is_v4() && (remote.v4_value() >= 0xf0000000U || is_broadcast_v4(remote.v4_value()))) return {};
  const std::optional<Address> from = source ? source : source_for(remote);
  if (!from) return {};
  if (replies_to_sender_) return heard_from.is_station() ? std::optional(Hop{*from, remote}) : std::nullopt;
  if (medium_ == link::Medium::kIp || is_on_link(remote)) return Hop{*from, remote};
  const std::optional<Address>& through = gateway(remote);
  if (!through) return {};
  return Hop{*from, *through};
}

}  // namespace windhover::stack::ip
