#include "server/http/proxy_protocol.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace windhover::server::http {
namespace {

using stack::base::Bytes;
using stack::base::load_be;
using stack::tcp::Endpoint;
using Address = decltype(Endpoint::address);
using Status = ProxyHeader::Status;

constexpr ProxyHeader kBad{.status = Status::kBad, .size = 0, .client = {}};
constexpr ProxyHeader kNeedMore{.status = Status::kNeedMore, .size = 0, .client = {}};

constexpr std::string_view kLineStart = "PROXY ";

// Version 2: the signature, version and command, family and protocol, the size of what follows (section 2.2).
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kCommandAt = 12;
constexpr std::size_t kFamilyAt = 13;
constexpr std::size_t kSizeAt = 14;
constexpr std::size_t kFixedSize = 16;
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kFamilyMax = 3;
constexpr std::uint8_t kTransportMax = 2;
constexpr std::size_t kTcp4Size = 12;
constexpr std::size_t kTcp6Size = 36;

/// One of the two begins with the other.
bool may_become(std::string_view input, std::string_view wanted) {
  const std::size_t size = std::min(input.size(), wanted.size());
  return input.substr(0, size) == wanted.substr(0, size);
}

/// The text before the next space, which is taken out of `line` too; all of it when there is none.
std::string_view take_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<Address> parse_address(std::string_view word, bool v4) {
  const bool looks_v4 = word.find(':') == std::string_view::npos;
  return looks_v4 == v4 ? Address::parse(word) : std::nullopt;
}

/// No sign, no leading zero (section 2.1).
std::optional<std::uint16_t> parse_port(std::string_view word) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  if (error != std::errc{} || end != word.data() + word.size()) return std::nullopt;
  if (word.size() > 1 && word.front() == '0') return std::nullopt;
  return port;
}

/// `line`: what is between "PROXY " and CRLF.
ProxyHeader parse_line(std::string_view line, std::size_t size) {
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return {Status::kComplete, size, {}};
  const bool v4 = family == "TCP4";
  if (!v4 && family != "TCP6") return kBad;
  const auto spaces = std::count(line.begin(), line.end(), ' ');
  const auto source = parse_address(take_word(line), v4);
  const auto destination = parse_address(take_word(line), v4);
  const auto source_port = parse_port(take_word(line));
  const auto destination_port = parse_port(take_word(line));
  if (spaces != 3 || !source || !destination || !source_port || !destination_port) return kBad;
  return {Status::kComplete, size, Endpoint{*source, *source_port}};
}

ProxyHeader parse_version_1(std::string_view input) {
  const std::size_t end = input.substr(0, kProxyLineMax).find('\n');
  if (end == std::string_view::npos) return input.size() < kProxyLineMax ? kNeedMore : kBad;
  if (end == 0 || input[end - 1] != '\r' || end - 1 < kLineStart.size()) return kBad;
  return parse_line(input.substr(kLineStart.size(), end - 1 - kLineStart.size()), end + 1);
}

ProxyHeader parse_version_2(Bytes input) {
  if (input.size() > kCommandAt && input[kCommandAt] != kLocal && input[kCommandAt] != kProxy) return kBad;
  if (input.size() > kFamilyAt && (input[kFamilyAt] >> 4 > kFamilyMax || (input[kFamilyAt] & 15) > kTransportMax)) {
    return kBad;
  }
  if (input.size() < kFixedSize) return kNeedMore;
  const bool proxied = input[kCommandAt] == kProxy;
  const std::uint8_t family = input[kFamilyAt];
  const std::size_t rest = load_be<std::uint16_t>(input.data() + kSizeAt);
  const std::size_t size = kFixedSize + rest;
  if (size > kProxyHeaderMax) return kBad;
  if (proxied && ((family == kTcp4 && rest < kTcp4Size) || (family == kTcp6 && rest < kTcp6Size))) return kBad;
  if (input.size() < size) return kNeedMore;
  ProxyHeader header{Status::kComplete, size, {}};
  const std::uint8_t* const at = input.data() + kFixedSize;
  if (proxied && family == kTcp4) header.client = {Address::v4(Bytes(at, 4)), load_be<std::uint16_t>(at + 8)};
  if (proxied && family == kTcp6) header.client = {Address::v6(Bytes(at, 16)), load_be<std::uint16_t>(at + 32)};
  return header;
}

}  // namespace

bool ProxyProtocol::speaks(const Endpoint& peer) const {
  return std::any_of(from.begin(), from.end(), [&](const Network& network) {
    return peer.address.in_prefix(network.address, network.prefix_length);
  });
}

ProxyHeader parse_proxy_header(Bytes input) {
  const std::string_view text = stack::base::as_text(input);
  if (may_become(text, kLineStart)) return text.size() < kLineStart.size() ? kNeedMore : parse_version_1(text);
  if (may_become(text, kSignature)) return parse_version_2(input);
  return kBad;
}

}  // namespace windhover::server::http
