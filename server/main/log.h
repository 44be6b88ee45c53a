#pragma once
// Messages for the operator, with their level: information and details to standard output, the rest to standard error.
// Coloured on a terminal unless NO_COLOR is set. A message is one line, or several of which all but the first are
// indented. One that nobody takes within a second is lost: whoever does not read our log must not keep us from our
// signals. Thread: any but a lane's.

#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace windhover::server::main {

/// What is said at least; each includes those before it.
enum class LogLevel : std::uint8_t { kError, kWarning, kInfo, kDebug };

/// From now on. At first it is kInfo.
void set_log_level(LogLevel level);
bool log_says(LogLevel level);

void log_debug(std::string_view message);
void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

/// The largest message that a pipe with room takes without waiting, and does not mix with what others write (pipe(7)),
/// less what stands around it.
inline constexpr std::size_t kLogPieceMax = PIPE_BUF - 32;
/// Whether standard output would take a message of that size at once.
bool log_has_room();

}  // namespace windhover::server::main
