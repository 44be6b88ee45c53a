#include "server/main/log.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace windhover::server::main {
namespace {

constexpr int kGreen = 32;
constexpr int kYellow = 33;
constexpr int kRed = 31;
constexpr int kGrey = 90;

constexpr int kWaitMaxMilliseconds = 1000;

std::atomic<LogLevel> least{LogLevel::kInfo};

/// Neither a file nor a pipe that has lost its reader makes a writer wait.
bool has_room(std::FILE* stream, int wait_milliseconds) {
  pollfd output{fileno(stream), POLLOUT, 0};
  return poll(&output, 1, wait_milliseconds) != 0;
}

void write_line(std::FILE* stream, std::string_view level, int colour, std::string_view message) {
  if (!has_room(stream, kWaitMaxMilliseconds)) return;
  const bool coloured = isatty(fileno(stream)) == 1 && std::getenv("NO_COLOR") == nullptr;
  const std::string line = coloured ? fmt::format("\x1b[{}m{}\x1b[0m: {}\n", colour, level, message)
                                    : fmt::format("{}: {}\n", level, message);
  // A reader that has gone is no reason to stop serving.
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fflush(stream);
}

}  // namespace

void set_log_level(LogLevel level) { least.store(level, std::memory_order_relaxed); }
bool log_says(LogLevel level) { return level <= least.load(std::memory_order_relaxed); }

void log_debug(std::string_view message) {
  if (log_says(LogLevel::kDebug)) write_line(stdout, "debug", kGrey, message);
}
void log_info(std::string_view message) {
  if (log_says(LogLevel::kInfo)) write_line(stdout, "info", kGreen, message);
}
void log_warning(std::string_view message) {
  if (log_says(LogLevel::kWarning)) write_line(stderr, "warn", kYellow, message);
}
void log_error(std::string_view message) { write_line(stderr, "error", kRed, message); }

bool log_has_room() { return has_room(stdout, 0); }

}  // namespace windhover::server::main
