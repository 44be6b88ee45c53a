#pragma once
// The hook through which something answers requests: static files, and later the application with its routes.

#include "server/http/request.h"
#include "server/http/response.h"

namespace windhover::server::http {

/// Answers requests. Thread: one lane calls; an object shared by lanes must not change, or lock.
class Responder {
 public:
  virtual ~Responder() = default;

  /// Composes the answer to a request whose body, if any, has been read whole. Must not throw or block.
  virtual void respond(const Request& request, Response& response) = 0;

  /// Asked once for each request with a body, before any of it is read: who takes the body? With nullptr it is read and
  /// thrown away, within the limits, and a client that waits for 100 Continue gets the final answer at once instead.
  virtual BodySink* begin_body(const Request& request);

  /// Composes the page for a request that was refused with `status` before anybody could respond to it. `response`
  /// comes empty with its status set. By default a line of text, and for 405 the Allow of a server of files.
  virtual void refuse(std::uint16_t status, Response& response);
};

}  // namespace windhover::server::http
