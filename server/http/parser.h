#pragma once
// From the bytes of a complete, scanned head to a Request: llhttp in strict mode, then what llhttp does not check.
//
// After HeadScan and llhttp this holds to RFC 9112 3.2 and 6, RFC 9110 10.1.1: Transfer-Encoding only in HTTP/1.1,
// once, and exactly "chunked"; never beside Content-Length, which comes once, in digits, below 2^63; one valid Host in
// HTTP/1.1 and at most one in HTTP/1.0; an absolute target's authority overrides it and has no userinfo; "*" only with
// OPTIONS; CONNECT and TRACE refused; no expectation but 100-continue.

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "server/http/counters.h"
#include "server/http/head_scan.h"
#include "server/http/limits.h"
#include "server/http/request.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// One lane's parser. It keeps nothing of a request but what the Request last filled refers to, and the last valid
/// Host.
class Parser {
 public:
  /// Takes the memory for as many headers and as long a path as `limits` allow; `limits` must outlive the parser.
  explicit Parser(const Limits& limits);
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// Fills `request` from the head that `scan` found in `input`; nothing when it is well-formed, else the reason
  /// against it. The request's views lie in `input` and in this parser and are good until the next call. Precondition:
  /// scan has answered kComplete for `input`.
  std::optional<BadRequest> parse(const HeadScan& scan, stack::base::Bytes input, Request& request);

  /// Bytes taken at construction.
  std::size_t memory_size() const;

 private:
  struct Machine;

  std::optional<BadRequest> read_target(const HeadScan& scan, Request& request);
  std::optional<BadRequest> read_absolute(Request& request, std::string_view& path);
  bool valid_host(std::string_view text);

  const Limits& limits_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<char[]> path_;

  // Nearly all requests of a lane name the same host, so it is not judged each time.
  static constexpr std::size_t kHostMemorySize = 64;
  std::array<char, kHostMemorySize> last_host_{};
  std::size_t last_host_size_ = 0;
};

}  // namespace windhover::server::http
