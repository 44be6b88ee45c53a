#pragma once
// The request methods that this server knows.

#include <cstdint>
#include <optional>
#include <string_view>

namespace windhover::server::http {

/// Every method that is recognised, which is not to say offered: identifier, name. The same that llhttp knows (RFC 9110
/// 9, RFC 5789, RFC 4918 and its kin).
#define WINDHOVER_METHODS(X)     \
  X(kGet, "GET")                 \
  X(kHead, "HEAD")               \
  X(kPost, "POST")               \
  X(kPut, "PUT")                 \
  X(kDelete, "DELETE")           \
  X(kOptions, "OPTIONS")         \
  X(kPatch, "PATCH")             \
  X(kConnect, "CONNECT")         \
  X(kTrace, "TRACE")             \
  X(kCopy, "COPY")               \
  X(kLock, "LOCK")               \
  X(kMkcol, "MKCOL")             \
  X(kMove, "MOVE")               \
  X(kPropfind, "PROPFIND")       \
  X(kProppatch, "PROPPATCH")     \
  X(kSearch, "SEARCH")           \
  X(kUnlock, "UNLOCK")           \
  X(kBind, "BIND")               \
  X(kRebind, "REBIND")           \
  X(kUnbind, "UNBIND")           \
  X(kAcl, "ACL")                 \
  X(kReport, "REPORT")           \
  X(kMkactivity, "MKACTIVITY")   \
  X(kCheckout, "CHECKOUT")       \
  X(kMerge, "MERGE")             \
  X(kMsearch, "M-SEARCH")        \
  X(kNotify, "NOTIFY")           \
  X(kSubscribe, "SUBSCRIBE")     \
  X(kUnsubscribe, "UNSUBSCRIBE") \
  X(kPurge, "PURGE")             \
  X(kMkcalendar, "MKCALENDAR")   \
  X(kLink, "LINK")               \
  X(kUnlink, "UNLINK")           \
  X(kSource, "SOURCE")

enum class Method : std::uint8_t {
#define X(identifier, name) identifier,
  WINDHOVER_METHODS(X)
#undef X
};

std::string_view name(Method method);

/// The method of that name; methods are case-sensitive (RFC 9110 9.1).
std::optional<Method> parse_method(std::string_view name);

}  // namespace windhover::server::http
