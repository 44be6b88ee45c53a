#include "server/main/log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace windhover::server::main {
namespace {

constexpr int kGreen = 32;
constexpr int kYellow = 33;
constexpr int kRed = 31;

void write_line(std::FILE* stream, std::string_view level, int colour, std::string_view message) {
  const bool coloured = isatty(fileno(stream)) == 1 && std::getenv("NO_COLOR") == nullptr;
  const std::string line = coloured ? fmt::format("\x1b[{}m{}\x1b[0m: {}\n", colour, level, message)
                                    : fmt::format("{}: {}\n", level, message);
  // A reader that has gone is no reason to stop serving.
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fflush(stream);
}

}  // namespace

void log_info(std::string_view message) { write_line(stdout, "info", kGreen, message); }
void log_warning(std::string_view message) { write_line(stderr, "warn", kYellow, message); }
void log_error(std::string_view message) { write_line(stderr, "error", kRed, message); }

}  // namespace windhover::server::main
