#include "tests/server/http/echo.h"

#include <utility>

namespace windhover::server::http::test {

void Echo::respond(const Request& request, Response& response) {
  if (request.target == "/large") return response.share_body(large);
  if (request.target == "/middle") return response.share_body(middle);
  if (request.target == "/no-content") return response.set_status(204);
  if (request.target == "/close") response.close_connection();
  if (request.sink != nullptr) {
    body += ".";
    return response.copy_body(std::to_string(body.size()));
  }
  response.copy_body(request.target.substr(0, 100));
}

BodySink* Echo::begin_body(const Request& request) { return request.target.starts_with("/sink") ? this : nullptr; }

std::string get(const std::string& target, const std::string& fields) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

std::string post(const std::string& target, const std::string& fields, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

std::vector<Answer> parse(std::string_view text, bool to_head) {
  std::vector<Answer> answers;
  while (text.starts_with("HTTP/1.1 ")) {
    Answer answer;
    answer.status = std::stoi(std::string(text.substr(9, 3)));
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) break;
    answer.head = text.substr(0, end + 2);
    text.remove_prefix(end + 4);
    const std::size_t length = answer.head.find("Content-Length: ");
    if (length != std::string::npos && !to_head) {
      answer.body = text.substr(0, std::stoul(answer.head.substr(length + 16)));
      text.remove_prefix(answer.body.size());
    }
    answers.push_back(std::move(answer));
  }
  if (!text.empty()) answers.push_back({-1, "", std::string(text)});
  return answers;
}

bool says_close(const Answer& answer) { return answer.head.find("\r\nConnection: close\r\n") != std::string::npos; }

}  // namespace windhover::server::http::test
