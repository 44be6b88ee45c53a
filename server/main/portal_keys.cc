#include "server/main/portal_keys.h"

#include <fmt/format.h>

#include "server/main/settings_formats.h"

namespace windhover::server::main {

using config::Reader;
using stack::wire::Address;
using Mode = PortalSettings::Mode;

void read_portal(Reader& reader, Settings& settings) {
  PortalSettings& portal = settings.portal;
  reader.object(
      {"portal",
       "A way in for programs on this machine: sockets of the kernel's, joined to the server's first endpoint by a "
       "stack of this process. It needs no privilege."},
      [&](Reader& inner) {
        inner.choice<Mode>({"mode", "auto: on with backend.type auto."}, portal.mode,
                           {{"auto", Mode::kAuto}, {"on", Mode::kOn}, {"off", Mode::kOff}});
        inner.formatted({"url",
                         "Where it listens: http:// and localhost (127.0.0.1 and ::1), an address of this machine, or "
                         "* for all of them. null: http://localhost:8080, or the next port "
                         "that is free; one that is named is that or an error."},
                        portal.url, kEndpointUrl);
        inner.integer({"connectionsMax", "As many at a time; more wait in the kernel's backlog."},
                      portal.portal.connections_max, {1, 65536});
      });
  reader.object({"proxyProtocol", "The PROXY protocol of HAProxy, versions 1 and 2: a proxy says whose bytes follow."},
                [&](Reader& inner) {
                  inner.list({"from",
                              "Who is such a proxy. A connection from one of these networks must begin with a header, "
                              "and from anywhere else may not. The portal needs no entry."},
                             settings.proxy.from, kNetwork<http::Network>);
                });
}

void check_portal(Reader& reader, const PortalSettings& portal) {
  if (!portal.url) return;
  const config::Url& url = *portal.url;
  if (url.scheme != "http") {
    reader.problem("url", fmt::format("{} is not offered by this version: write http", url.scheme));
  } else if (url.host != "*" && url.host != "localhost" && !Address::parse(url.host)) {
    reader.problem("url", fmt::format("{} is not localhost, an address, nor *", config::in_quotes(url.host)));
  }
}

}  // namespace windhover::server::main
