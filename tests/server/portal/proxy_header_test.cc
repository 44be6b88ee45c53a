#include "server/portal/proxy_header.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace windhover::server::portal {
namespace {

using Address = decltype(stack::tcp::Endpoint::address);

std::string header(std::string_view client, std::string_view server) {
  const ProxyHeader made({*Address::parse(client), 49153}, {*Address::parse(server), 8080});
  return std::string(stack::base::as_text(made.bytes()));
}

using namespace std::string_view_literals;

TEST(ProxyHeader, of_ipv4) {
  EXPECT_EQ(header("192.0.2.1", "127.0.0.1"), "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\x7f\0\0\1\xc0\1\x1f\x90"sv);
}

TEST(ProxyHeader, of_ipv6) {
  EXPECT_EQ(header("::1", "fd66::2"),
            "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24"
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xfd\x66\0\0\0\0\0\0\0\0\0\0\0\0\0\2\xc0\1\x1f\x90"sv);
}

TEST(ProxyHeader, of_both_writes_both_as_ipv6) {
  EXPECT_EQ(header("127.0.0.1", "::1").substr(12, 20), "\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1"sv);
}

}  // namespace
}  // namespace windhover::server::portal
