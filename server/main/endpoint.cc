#include "server/main/endpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "server/config/problem.h"

namespace windhover::server::main {

using stack::ip::InterfaceAddress;
using stack::wire::Address;

stack::tcp::Endpoint listener_of(const Endpoint& endpoint) {
  if (endpoint.url.host == "*") return {{}, endpoint.url.port};
  return {Address::parse(endpoint.url.host).value(), endpoint.url.port};
}

std::vector<stack::tcp::Endpoint> addresses_of(const Endpoint& endpoint,
                                               const std::vector<InterfaceAddress>& addresses) {
  if (endpoint.url.host != "*") return {listener_of(endpoint)};
  std::vector<stack::tcp::Endpoint> all;
  all.reserve(addresses.size());
  for (const InterfaceAddress& ours : addresses) all.push_back({ours.address, endpoint.url.port});
  return all;
}

std::string refusal(const Endpoint& endpoint, const std::vector<InterfaceAddress>& addresses) {
  if (endpoint.url.host == "*") return {};
  const auto address = Address::parse(endpoint.url.host);
  const bool ours = address && std::any_of(addresses.begin(), addresses.end(),
                                           [&](const InterfaceAddress& own) { return own.address == *address; });
  if (ours) return {};
  std::string all;
  for (const InterfaceAddress& own : addresses) all += fmt::format(", {}", own.address.to_string());
  return fmt::format("{} is not an address of the stack: write *{}", config::in_quotes(endpoint.url.host), all);
}

bool overlap(const Endpoint& one, const Endpoint& other) {
  if (one.url.port != other.url.port) return false;
  if (one.url.host == "*" || other.url.host == "*") return true;
  return Address::parse(one.url.host) == Address::parse(other.url.host);
}

}  // namespace windhover::server::main
