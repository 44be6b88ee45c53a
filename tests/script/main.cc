// script_runner [-v] FILE...: plays scripts; exits with 1 when one fails. With -v prints everything that happened.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <variant>

#include "tests/script/parser.h"
#include "tests/script/runner.h"

namespace {

using namespace windhover::script;

bool play(const std::string& file, bool verbose) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    std::fprintf(stderr, "%s: cannot be read\n", file.c_str());
    return false;
  }
  const auto parsed = parse(text);
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
  bool verbose = false;
  int failed = 0;
  for (int at = 1; at < argc; ++at) {
    if (std::string_view(argv[at]) == "-v") {
      verbose = true;
    } else if (!play(argv[at], verbose)) {
      ++failed;
    }
  }
  if (argc > 2) std::printf("%d failed\n", failed);
  return failed == 0 ? 0 : 1;
}
