#pragma once
// A request as an application sees it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/http/client.h"
#include "server/http/method.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// A field line: the name as it came, the value without the blanks around it.
struct Header {
  std::string_view name;
  std::string_view value;
};

/// Receives a request's body. Owned by the application; borrowed until respond() or abandoned(), one of which always
/// follows. Thread: the connection's lane.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// The next bytes of the body, framing removed. They die with the call.
  virtual void data(stack::base::Bytes bytes) = 0;
  /// The body ends here unfinished (bad framing, too slow, peer gone): respond() will not come.
  virtual void abandoned() = 0;
};

/// The bit of Request::name_sizes for a name.
constexpr std::uint32_t name_size_bit(std::string_view name) { return 1U << (name.size() % 32); }

/// ASCII letters compare equal in either case; everything else exactly.
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// A well-formed head, and where its body went. Every view lies in the connection's input or in the parser and dies
/// when the call that was given the request returns.
struct Request {
  Method method = Method::kGet;
  std::uint8_t version_minor = 1;    ///< HTTP/1.0 or HTTP/1.1.
  bool keep_alive = true;            ///< What version and Connection ask for.
  bool chunked = false;              ///< The body comes in chunks.
  bool expects_continue = false;     ///< Expect: 100-continue, in HTTP/1.1.
  std::uint64_t content_length = 0;  ///< 0 without a body and with a chunked one.

  std::string_view target;  ///< As it stood in the request line.
  std::string_view path;    ///< Percent-decoded once, dot segments removed; begins with '/'. "*" for OPTIONS *.
  std::string_view query;   ///< After '?', not decoded.
  std::string_view host;    ///< Of an absolute target, else of the Host field; with its port. Empty only in HTTP/1.0.

  std::span<const Header> headers;
  std::uint32_t name_sizes = 0;  ///< Bit n: some name's size is n modulo 32. Makes the usual "not there" cheap.

  Client client;             ///< In a Responder's calls: who asks.
  BodySink* sink = nullptr;  ///< In respond(): what Responder::begin_body() answered for this request.

  bool has_body() const { return chunked || content_length > 0; }

  /// The value of the first field of that name, in any case; nothing when there is none.
  std::optional<std::string_view> header(std::string_view name) const {
    if (!may_have_any(name_size_bit(name))) return std::nullopt;
    return find_header(name);
  }

  /// False when none of the names of these sizes (bits as in name_sizes) can be there: one look instead of several.
  bool may_have_any(std::uint32_t sizes) const { return (name_sizes & sizes) != 0; }

 private:
  std::optional<std::string_view> find_header(std::string_view name) const;
};

}  // namespace windhover::server::http
