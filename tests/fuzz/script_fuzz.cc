// Any text as a packet script: it is parsed, or the message says where it is wrong, and what was parsed can be written
// as text that is read as the same again.

#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include "tests/script/format.h"
#include "tests/script/options.h"
#include "tests/script/packet.h"
#include "tests/script/parser.h"

namespace {

using namespace windhover::script;

void check_segment(const Segment& segment, bool inbound) {
  const std::string line = (inbound ? "< " : "> ") + to_text(segment);
  const auto again = parse(line);
  const auto* const script = std::get_if<Script>(&again);
  if (script == nullptr) std::abort();
  const auto& what = script->steps.at(0).what;
  const Segment& read = inbound ? std::get<Inbound>(what).segment : std::get<Outbound>(what).segment;
  if (to_text(read) != to_text(segment)) std::abort();
  if (!inbound) return;
  Flow flow;
  flow.local = {*windhover::stack::wire::Address::parse("10.66.0.2"), 80};
  flow.remote = {*windhover::stack::wire::Address::parse("10.66.0.1"), 40000};
  (void)build(segment, flow, {});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse(text);
  if (const auto* error = std::get_if<Error>(&parsed)) {
    if (error->line < 1 || error->column < 1 || error->what.empty()) std::abort();
    return 0;
  }
  std::size_t checked = 0;
  for (const Step& step : std::get<Script>(parsed).steps) {
    if (++checked > 64) break;  // Rows of `each` are alike.
    if (const auto* inbound = std::get_if<Inbound>(&step.what)) check_segment(inbound->segment, true);
    if (const auto* outbound = std::get_if<Outbound>(&step.what)) check_segment(outbound->segment, false);
  }
  return 0;
}
