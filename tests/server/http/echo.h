#pragma once
// A responder for tests, requests to send it, and its answers taken apart.

#include <string>
#include <string_view>
#include <vector>

#include "server/http/responder.h"
#include "stack/base/buffer.h"

namespace windhover::server::http::test {

/// Answers with the target; "/large" and "/middle" with a shared body, "/sink" with how much was sent to it so far.
class Echo final : public Responder, public BodySink {
 public:
  void respond(const Request& request, Response& response) override;
  BodySink* begin_body(const Request& request) override;
  void data(stack::base::Bytes bytes) override { body += stack::base::as_text(bytes); }
  void abandoned() override { ++abandoned_count; }

  stack::base::Slice large = stack::base::copy_to_heap(std::vector<std::uint8_t>(4 << 20, 'x'));
  stack::base::Slice middle = stack::base::copy_to_heap(std::vector<std::uint8_t>(40'000, 'y'));
  std::string body;  ///< Of all requests to "/sink", each ended by a dot.
  int abandoned_count = 0;
};

/// Requests; `fields` are whole lines.
std::string get(const std::string& target, const std::string& fields = "");
std::string post(const std::string& target, const std::string& fields, const std::string& body);

struct Answer {
  int status = 0;
  std::string head;
  std::string body;
};

/// Takes a run of answers apart; what is left over comes last, with the status -1. `to_head`: none of them has a body.
std::vector<Answer> parse(std::string_view text, bool to_head = false);
bool says_close(const Answer& answer);

}  // namespace windhover::server::http::test
