#include "server/files/preconditions.h"

namespace windhover::server::files {
namespace {

enum class Comparison : std::uint8_t { kStrong, kWeak };

void skip_blanks_and_commas(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == ',')) text.remove_prefix(1);
}

/// True when a list of entity tags (RFC 9110 8.8.3), or "*", names `etag`. What is not such a list names nothing
/// further.
bool names(std::string_view list, std::string_view etag, Comparison comparison) {
  if (list == "*") return true;
  for (skip_blanks_and_commas(list); !list.empty(); skip_blanks_and_commas(list)) {
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    const std::size_t end = list.starts_with('"') ? list.find('"', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return false;
    if (list.substr(0, end + 1) == etag && (!weak || comparison == Comparison::kWeak)) return true;
    list.remove_prefix(end + 1);
  }
  return false;
}

/// Lists may come in several fields of the same name. Nothing when there is no such field.
std::optional<bool> any_names(const http::Request& request, std::string_view field, std::string_view etag,
                              Comparison comparison) {
  if (!request.header(field)) return std::nullopt;
  for (const http::Header& header : request.headers) {
    if (http::equals_ignoring_case(header.name, field) && names(header.value, etag, comparison)) return true;
  }
  return false;
}

std::optional<http::UnixSeconds> date_of(const http::Request& request, std::string_view field, http::UnixSeconds now) {
  const auto value = request.header(field);
  return value ? http::parse_date(*value, now) : std::nullopt;
}

}  // namespace

std::optional<std::uint16_t> check_preconditions(const http::Request& request, const Validators& validators,
                                                 http::UnixSeconds now) {
  if (const auto match = any_names(request, "if-match", validators.etag, Comparison::kStrong)) {
    if (!*match) return std::uint16_t{412};
  } else if (const auto date = date_of(request, "if-unmodified-since", now)) {
    if (validators.last_modified > *date) return std::uint16_t{412};
  }
  if (const auto match = any_names(request, "if-none-match", validators.etag, Comparison::kWeak)) {
    if (*match) return std::uint16_t{304};
  } else if (const auto date = date_of(request, "if-modified-since", now)) {
    if (validators.last_modified <= *date) return std::uint16_t{304};
  }
  return std::nullopt;
}

bool range_applies(const http::Request& request, const Validators& validators, http::UnixSeconds now) {
  const auto condition = request.header("if-range");
  if (!condition) return true;
  if (condition->starts_with('"')) return *condition == validators.etag;
  return http::parse_date(*condition, now) == validators.last_modified;
}

}  // namespace windhover::server::files
