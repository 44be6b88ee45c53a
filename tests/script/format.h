#pragma once
// Segments, times and differences as text, for messages.

#include <string>
#include <vector>

#include "tests/script/script.h"

namespace windhover::script {

/// "0.200000".
std::string to_text(Duration time);

/// "S. 0:0(0) ack 1 win 65535 <mss 1460>": what is given.
std::string to_text(const Segment& segment);

/// What of `actual`, of which every field is given, is not as `expected` says: names of fields, in the order of the
/// text.
std::vector<std::string> differences(const Segment& expected, const Segment& actual);

/// Both under each other in columns, with the fields that differ marked below.
std::string compare(const Segment& expected, const Segment& actual);

}  // namespace windhover::script
