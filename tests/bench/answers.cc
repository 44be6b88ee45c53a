#include "tests/bench/answers.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

namespace windhover::bench {
namespace {

std::string answer(std::string_view status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {}\r\nServer: bench\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n{}", status,
      body.size(), body);
}

}  // namespace

Answers::Answers(const std::filesystem::path& root) : not_found_(answer("404 Not Found", "")) {
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string body{std::istreambuf_iterator<char>(file), {}};
    answers_.push_back({fmt::format("GET /{} ", entry.path().filename().string()), answer("200 OK", body)});
  }
}

std::string_view Answers::find(std::string_view request) const {
  for (const Answer& each : answers_) {
    if (request.starts_with(each.begins_with)) return each.text;
  }
  return not_found_;
}

}  // namespace windhover::bench
