#include "server/http/proxy_protocol.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace windhover::server::http {
namespace {

using Address = decltype(stack::tcp::Endpoint::address);
using Status = ProxyHeader::Status;
using Octets = std::vector<std::uint8_t>;

ProxyHeader parse(const Octets& bytes) { return parse_proxy_header(bytes); }
ProxyHeader parse(std::string_view text) { return parse(Octets(text.begin(), text.end())); }

std::string client_of(const ProxyHeader& header) { return header.client ? header.client->to_string() : "none"; }

/// A header of version 2 with so many further octets, and 'G' behind it.
Octets binary(int command, int family, Octets rest) {
  Octets bytes = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
  for (const int octet : {command, family, static_cast<int>(rest.size() >> 8), static_cast<int>(rest.size() & 255)}) {
    bytes.push_back(static_cast<std::uint8_t>(octet));
  }
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

const Octets kAddresses4 = {192, 0, 2, 1, 10, 66, 0, 2, 0xc0, 0x01, 0x1f, 0x90};
const Octets kAddresses6 = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7,  // 2001:db8::7
                            0xfd, 1, 0,   0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,  // fd01::2
                            0x30, 1, 0,   80};

Octets with(Octets octets, std::size_t more) {
  octets.resize(octets.size() + more, 0xee);
  return octets;
}

TEST(ProxyLine, names_the_client) {
  const std::string_view v4 = "PROXY TCP4 192.0.2.1 10.66.0.2 49153 8080\r\nGET";
  EXPECT_EQ(parse(v4).status, Status::kComplete);
  EXPECT_EQ(parse(v4).size, v4.size() - 3);
  EXPECT_EQ(client_of(parse(v4)), "192.0.2.1:49153");
  EXPECT_EQ(client_of(parse("PROXY TCP6 2001:db8::7 fd01::2 0 65535\r\n")), "[2001:db8::7]:0");
}

TEST(ProxyLine, unknown_leaves_the_connections_own_peer) {
  for (const std::string_view line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ff:: ff:: 65535 65535\r\n"}) {
    EXPECT_EQ(parse(line).status, Status::kComplete) << line;
    EXPECT_EQ(parse(line).size, line.size());
    EXPECT_EQ(client_of(parse(line)), "none");
  }
}

TEST(ProxyLine, of_107_bytes_is_the_longest) {
  const std::string longest = "PROXY UNKNOWN " + std::string(kProxyLineMax - 16, 'a');
  EXPECT_EQ(parse(longest).status, Status::kNeedMore);
  EXPECT_EQ(parse(longest + "\r\n").status, Status::kComplete);
  EXPECT_EQ(parse(longest + "a").status, Status::kNeedMore);
  EXPECT_EQ(parse(longest + "a\r").status, Status::kBad);
  EXPECT_EQ(parse(longest + "a\r\n").status, Status::kBad);
}

TEST(ProxyLine, that_is_not_to_the_letter_is_refused) {
  for (const std::string_view line : {"PROXY\r\n",
                                      "PROXY \r\n",
                                      "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
                                      "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
                                      "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
                                      "PROXY TCP4 ::1 ::1 1 2\r\n",
                                      "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
                                      "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
                                      "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n",
                                      "PROXY UNKNOWNN\r\n",
                                      "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
                                      "GET / HTTP/1.1\r\n",
                                      "\r\nPROXY UNKNOWN\r\n"}) {
    EXPECT_EQ(parse(line).status, Status::kBad) << line;
  }
}

TEST(ProxyBinary, names_the_client) {
  const ProxyHeader v4 = parse(binary(0x21, 0x11, kAddresses4));
  EXPECT_EQ(v4.status, Status::kComplete);
  EXPECT_EQ(v4.size, 28U);
  EXPECT_EQ(client_of(v4), "192.0.2.1:49153");
  const ProxyHeader v6 = parse(binary(0x21, 0x21, kAddresses6));
  EXPECT_EQ(v6.size, 52U);
  EXPECT_EQ(client_of(v6), "[2001:db8::7]:12289");
}

TEST(ProxyBinary, skips_what_follows_the_addresses) {
  const ProxyHeader header = parse(binary(0x21, 0x11, with(kAddresses4, 300)));
  EXPECT_EQ(header.status, Status::kComplete);
  EXPECT_EQ(header.size, 328U);
  EXPECT_EQ(client_of(header), "192.0.2.1:49153");
}

TEST(ProxyBinary, that_speaks_for_nobody_with_a_tcp_address_leaves_the_connections_own_peer) {
  EXPECT_EQ(client_of(parse(binary(0x20, 0x11, kAddresses4))), "none");    // LOCAL.
  EXPECT_EQ(parse(binary(0x20, 0x00, {})).status, Status::kComplete);      // LOCAL with nothing.
  EXPECT_EQ(client_of(parse(binary(0x21, 0x00, with({}, 9)))), "none");    // AF_UNSPEC.
  EXPECT_EQ(client_of(parse(binary(0x21, 0x12, kAddresses4))), "none");    // UDP.
  EXPECT_EQ(client_of(parse(binary(0x21, 0x31, with({}, 216)))), "none");  // AF_UNIX.
  EXPECT_EQ(parse(binary(0x21, 0x31, with({}, 216))).status, Status::kComplete);
}

TEST(ProxyBinary, that_is_longer_than_the_bound_is_refused_before_it_has_come) {
  const Octets longest = binary(0x21, 0x11, with(kAddresses4, kProxyHeaderMax - 28));
  EXPECT_EQ(parse(longest).size, kProxyHeaderMax);
  Octets longer = binary(0x21, 0x11, with(kAddresses4, kProxyHeaderMax - 27));
  longer.resize(15);
  EXPECT_EQ(parse(longer).status, Status::kNeedMore);
  longer.push_back(static_cast<std::uint8_t>((kProxyHeaderMax - 15) & 255));
  EXPECT_EQ(parse(longer).status, Status::kBad);
}

TEST(ProxyBinary, that_is_malformed_is_refused) {
  EXPECT_EQ(parse(binary(0x11, 0x11, kAddresses4)).status, Status::kBad);  // Version 1.
  EXPECT_EQ(parse(binary(0x31, 0x11, kAddresses4)).status, Status::kBad);
  EXPECT_EQ(parse(binary(0x22, 0x11, kAddresses4)).status, Status::kBad);  // A third command.
  EXPECT_EQ(parse(binary(0x21, 0x41, kAddresses4)).status, Status::kBad);  // A fifth family.
  EXPECT_EQ(parse(binary(0x21, 0x13, kAddresses4)).status, Status::kBad);  // A fourth transport.
  EXPECT_EQ(parse(binary(0x21, 0x11, with({}, 11))).status, Status::kBad);
  EXPECT_EQ(parse(binary(0x21, 0x21, with({}, 35))).status, Status::kBad);
  Octets signature = binary(0x21, 0x11, kAddresses4);
  signature[11] = '\r';
  EXPECT_EQ(parse(signature).status, Status::kBad);
}

TEST(ProxyHeader, cut_anywhere_wants_more_and_then_is_whole) {
  const std::string_view line = "PROXY TCP6 2001:db8::7 fd01::2 49153 8080\r\n";
  for (const Octets& whole : {Octets(line.begin(), line.end()), binary(0x21, 0x11, with(kAddresses4, 7)),
                              binary(0x21, 0x21, kAddresses6), binary(0x20, 0, {})}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(parse(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))).status,
                Status::kNeedMore)
          << size;
    }
    EXPECT_EQ(parse(whole).status, Status::kComplete);
    EXPECT_EQ(parse(whole).size, whole.size());
  }
}

TEST(ProxyProtocol, is_spoken_by_the_listed_networks_alone) {
  const ProxyProtocol proxies{{{*Address::parse("10.66.0.0"), 24}, {*Address::parse("fd66::1"), 128}}};
  const auto speaks = [&](std::string_view text) { return proxies.speaks({*Address::parse(text), 1}); };
  EXPECT_TRUE(speaks("10.66.0.255"));
  EXPECT_FALSE(speaks("10.66.1.0"));
  EXPECT_TRUE(speaks("fd66::1"));
  EXPECT_FALSE(speaks("fd66::2"));
}

}  // namespace
}  // namespace windhover::server::http
