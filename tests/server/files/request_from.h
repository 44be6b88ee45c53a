#pragma once
// A parsed request for tests of what answers requests.

#include <string>

#include "server/http/head_scan.h"
#include "server/http/limits.h"
#include "server/http/parser.h"
#include "server/http/request.h"
#include "stack/base/check.h"

namespace windhover::server::files::test {

/// Holds the bytes that the request's views lie in.
class RequestFrom {
 public:
  /// `line` such as "GET /a"; `fields` are whole lines.
  explicit RequestFrom(const std::string& line, const std::string& fields = "")
      : bytes_(line + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"), parser_(limits_) {
    http::HeadScan scan;
    CHECK(scan.scan(limits_, stack::base::as_bytes(bytes_)) == http::HeadScan::Status::kComplete);
    CHECK(!parser_.parse(scan, stack::base::as_bytes(bytes_), request_));
  }
  RequestFrom(const RequestFrom&) = delete;
  RequestFrom& operator=(const RequestFrom&) = delete;

  const http::Request& get() const { return request_; }

 private:
  http::Limits limits_;
  std::string bytes_;
  http::Parser parser_;
  http::Request request_;
};

}  // namespace windhover::server::files::test
