// rfc_script [-v] FILE NAME: plays the packet script NAME that lies in a file rfcNNNN.md; exits with 1 when it fails.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tests/script/parser.h"
#include "tests/script/runner.h"

namespace {

using namespace windhover::script;

/// The script's lines, behind as many empty ones as stand before them in the file, so that its numbers are the file's.
std::optional<std::string> extract(std::string_view text, const std::string& name) {
  const std::string fence = "\n```script " + name + "\n";
  const std::size_t at = text.find(fence);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t begin = at + fence.size();
  std::string script;
  for (const char c : text.substr(0, begin)) {
    if (c == '\n') script += c;
  }
  script += text.substr(begin, text.find("```\n", begin) - begin);
  return script;
}

bool play(const std::string& file, const std::string& name, bool verbose) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const std::optional<std::string> script = extract(text, name);
  if (!script) {
    std::fprintf(stderr, "%s: has no script %s\n", file.c_str(), name.c_str());
    return false;
  }
  const auto parsed = parse(*script);
  if (const auto* error = std::get_if<Error>(&parsed)) {
    std::fprintf(stderr, "%s\n", error->to_string(file).c_str());
    return false;
  }
  const Outcome outcome = run(std::get<Script>(parsed), file);
  if (verbose) std::fputs(outcome.history.c_str(), stdout);
  if (!outcome.passed) std::fputs(outcome.report.c_str(), stderr);
  return outcome.passed;
}

}  // namespace

int main(int argc, char** argv) {
  const bool verbose = argc == 4 && std::string_view(argv[1]) == "-v";
  if (argc != 3 && !verbose) {
    std::fputs("usage: rfc_script [-v] FILE NAME\n", stderr);
    return 2;
  }
  return play(argv[argc - 2], argv[argc - 1], verbose) ? 0 : 1;
}
