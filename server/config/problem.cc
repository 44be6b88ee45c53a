#include "server/config/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

namespace windhover::server::config {
namespace {

constexpr std::size_t kQuotedMax = 60;
constexpr std::size_t kNameCompared = 64;  // Longer names are compared by their beginning: the distance is quadratic.

char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(right.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::vector<std::size_t> row(right.size() + 1, i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = lower(left[i - 1]) == lower(right[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(left[i - 1]) == lower(right[j - 2]) && lower(left[i - 2]) == lower(right[j - 1])) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

}  // namespace

std::string Origin::to_string() const {
  if (line == 0) return source->name;
  return fmt::format("{}:{}:{}", source->name, line, column);
}

std::string Problem::to_string() const {
  if (pointer.empty()) return fmt::format("{}: {}", origin.to_string(), message);
  return fmt::format("{}: {}: {}", origin.to_string(), pointer, message);
}

void Problems::add(Origin origin, std::string pointer, std::string message) {
  if (problems_.size() == kProblemsMax) {
    ++left_out_;
    return;
  }
  problems_.push_back({std::move(origin), std::move(pointer), std::move(message)});
}

std::vector<std::string> Problems::lines() const {
  // Found by the order of the keys in the code; read by the order of the lines in the file.
  std::vector<const Source*> sources;
  std::vector<std::tuple<std::size_t, std::uint32_t, std::uint32_t, const Problem*>> sorted;
  for (const Problem& problem : problems_) {
    const auto at = std::find(sources.begin(), sources.end(), problem.origin.source.get());
    sorted.emplace_back(at - sources.begin(), problem.origin.line, problem.origin.column, &problem);
    if (at == sources.end()) sources.push_back(problem.origin.source.get());
  }
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& left, const auto& right) {
    return std::tie(std::get<0>(left), std::get<1>(left), std::get<2>(left)) <
           std::tie(std::get<0>(right), std::get<1>(right), std::get<2>(right));
  });
  std::vector<std::string> lines;
  lines.reserve(sorted.size() + 1);
  for (const auto& entry : sorted) lines.push_back(std::get<const Problem*>(entry)->to_string());
  if (left_out_ != 0) lines.push_back(fmt::format("and {} more", left_out_));
  return lines;
}

std::string pointer_to(std::string_view parent, std::string_view token) {
  std::string pointer(parent);
  pointer += '/';
  for (const char letter : token) {
    if (letter == '~') {
      pointer += "~0";
    } else if (letter == '/') {
      pointer += "~1";
    } else {
      pointer += letter;
    }
  }
  return pointer;
}

std::string in_quotes(std::string_view text) {
  std::size_t size = std::min(text.size(), kQuotedMax);
  // Never between the bytes of one character.
  while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  std::string out = "\"";
  for (const char letter : text.substr(0, size)) out += static_cast<unsigned char>(letter) < 0x20 ? '?' : letter;
  if (size < text.size()) out += "...";
  out += '"';
  return out;
}

std::string_view nearest(std::string_view name, const std::vector<std::string>& candidates) {
  name = name.substr(0, kNameCompared);
  std::string_view best;
  // A third of the letters may be wrong; beyond that the guess would be noise.
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace windhover::server::config
