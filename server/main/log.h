#pragma once
// Messages for the operator: one line each with its level, information to standard output, the rest to standard error.
// Coloured on a terminal unless NO_COLOR is set. Thread: any but a lane's.

#include <string_view>

namespace windhover::server::main {

void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace windhover::server::main
