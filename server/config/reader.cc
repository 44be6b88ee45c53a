#include "server/config/reader.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

namespace windhover::server::config {
namespace {

using Json = Reader::Json;

Json reference(std::string_view type) { return {{"$ref", fmt::format("#/$defs/{}", type)}}; }

Json nullable_reference(std::string_view type, bool nullable) {
  if (!nullable) return reference(type);
  return {{"oneOf", {reference(type), {{"type", "null"}}}}};
}

/// A schema with its help and default, in the order in which people read it.
Json described(Key key, const Json& schema, Json fallback, std::string_view bounds = {}) {
  Json out = {{"description", bounds.empty() ? std::string(key.help) : fmt::format("{} {}", key.help, bounds)}};
  out.update(schema);
  out["default"] = std::move(fallback);
  return out;
}

const std::string* bare_or_text(const Value& value) {
  if (const auto* bare = std::get_if<BareText>(&value.data)) return &bare->text;
  return std::get_if<std::string>(&value.data);
}

std::optional<std::int64_t> whole_number(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return *number;
  const auto* bare = std::get_if<BareText>(&value.data);
  if (bare == nullptr) return {};
  std::int64_t number = 0;
  const char* const end = bare->text.data() + bare->text.size();
  const auto [stop, error] = std::from_chars(bare->text.data(), end, number);
  if (error != std::errc{} || stop != end) return {};
  return number;
}

std::optional<double> any_number(const Value& value) {
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const auto number = whole_number(value)) return static_cast<double>(*number);
  const auto* bare = std::get_if<BareText>(&value.data);
  if (bare == nullptr) return {};
  double number = 0;
  const char* const end = bare->text.data() + bare->text.size();
  const auto [stop, error] = std::from_chars(bare->text.data(), end, number);
  if (error != std::errc{} || stop != end) return {};
  return number;
}

/// How a message shows a value that it refuses.
std::string shown(const Value& value) {
  if (const std::string* text = bare_or_text(value)) return in_quotes(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value.data)) return std::to_string(*number);
  if (const auto* number = std::get_if<double>(&value.data)) return fmt::format("{}", *number);
  if (const auto* boolean = std::get_if<bool>(&value.data)) return *boolean ? "true" : "false";
  return std::string(value.kind());
}

}  // namespace

std::string resolve_path(const std::string& path, const Origin& origin) {
  const std::filesystem::path whole = origin.source->folder / path;
  // "config/../www" reads better as "www", but only the file system knows whether it is that.
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(whole, error);
  return (error ? whole : canonical).string();
}

const Value* Reader::find(Key key, Json schema) {
  known_.emplace_back(key.name);
  if (describing_) properties_[std::string(key.name)] = std::move(schema);
  return value_ == nullptr ? nullptr : value_->find(key.name);
}

bool Reader::is_null(Key key) const {
  const Value* value = value_ == nullptr ? nullptr : value_->find(key.name);
  if (value == nullptr) return false;
  const auto* bare = std::get_if<BareText>(&value->data);
  return std::holds_alternative<std::nullptr_t>(value->data) || (bare != nullptr && bare->text == "null");
}

void Reader::wrong(Key key, const Value& value, std::string message) {
  problems_->add(value.origin, pointer_to(pointer_, key.name), std::move(message));
}

void Reader::problem(std::string_view key, std::string message) {
  const Value* value = value_ == nullptr ? nullptr : value_->find(key);
  if (value != nullptr) {
    problems_->add(value->origin, pointer_to(pointer_, key), std::move(message));
  } else if (value_ != nullptr) {
    problems_->add(value_->origin, pointer_, std::move(message));
  } else if (!describing_) {
    problems_->add({std::make_shared<const Source>(Source{"the defaults", {}}), 0, 0}, pointer_to(pointer_, key),
                   std::move(message));
  }
}

void Reader::boolean(Key key, bool& to) {
  const Value* value = find(key, described(key, {{"type", "boolean"}}, to));
  if (value == nullptr) return;
  if (const auto* boolean = std::get_if<bool>(&value->data)) {
    to = *boolean;
    return;
  }
  if (const auto* bare = std::get_if<BareText>(&value->data)) {
    const bool yes = equal_ignoring_case(bare->text, "true");
    if (yes || equal_ignoring_case(bare->text, "false")) {
      to = yes;
      return;
    }
  }
  wrong(key, *value, fmt::format("{} is not true or false", shown(*value)));
}

std::optional<std::int64_t> Reader::read_integer(Key key, Json fallback, Range range, bool nullable) {
  Json type = nullable ? Json{"integer", "null"} : Json("integer");
  const Value* value =
      find(key, described(key, {{"type", type}, {"minimum", range.min}, {"maximum", range.max}}, std::move(fallback)));
  if (value == nullptr || (nullable && is_null(key))) return {};
  const auto number = whole_number(*value);
  if (!number) {
    wrong(key, *value, fmt::format("{} is not a whole number{}", shown(*value), nullable ? " or null" : ""));
    return {};
  }
  if (*number < range.min || *number > range.max) {
    wrong(key, *value, fmt::format("{} is out of range: {} to {}", *number, range.min, range.max));
    return {};
  }
  return number;
}

std::optional<std::vector<std::int64_t>> Reader::read_integers(Key key, Json fallback, Range range) {
  const Json items = {{"type", "integer"}, {"minimum", range.min}, {"maximum", range.max}};
  const Json schema = {{"oneOf", {{{"type", "array"}, {"items", items}}, {{"type", "null"}}}}};
  const Value* value = find(key, described(key, schema, std::move(fallback)));
  if (value == nullptr || is_null(key)) return {};
  const auto* elements = std::get_if<Value::Array>(&value->data);
  const std::span<const Value> all = elements == nullptr ? std::span(value, 1) : std::span<const Value>(*elements);
  std::vector<std::int64_t> numbers;
  for (const Value& element : all) {
    const auto number = whole_number(element);
    std::string at = pointer_to(pointer_, key.name);
    if (elements != nullptr) at = pointer_to(at, std::to_string(numbers.size()));
    if (!number) {
      const std::string_view wanted = elements == nullptr ? "a list of whole numbers or null" : "a whole number";
      problems_->add(element.origin, at, fmt::format("{} is not {}", shown(element), wanted));
      return {};
    }
    if (*number < range.min || *number > range.max) {
      problems_->add(element.origin, at, fmt::format("{} is out of range: {} to {}", *number, range.min, range.max));
      return {};
    }
    numbers.push_back(*number);
  }
  return numbers;
}

void Reader::number(Key key, double& to, double min, double max) {
  const Value* value = find(key, described(key, {{"type", "number"}, {"minimum", min}, {"maximum", max}}, to));
  if (value == nullptr) return;
  const auto number = any_number(*value);
  if (!number) return wrong(key, *value, fmt::format("{} is not a number", shown(*value)));
  if (!(*number >= min && *number <= max)) {
    return wrong(key, *value, fmt::format("{} is out of range: {} to {}", *number, min, max));
  }
  to = *number;
}

std::optional<std::uint64_t> Reader::read_size(Key key, std::uint64_t fallback, Range range) {
  const auto min = static_cast<std::uint64_t>(range.min);
  const auto max = static_cast<std::uint64_t>(range.max);
  const std::string bounds = range.max == std::numeric_limits<std::int64_t>::max()
                                 ? fmt::format("At least {}.", print_size(min))
                                 : fmt::format("From {} to {}.", print_size(min), print_size(max));
  const Json shown_fallback =
      print_size(fallback) == std::to_string(fallback) ? Json(fallback) : Json(print_size(fallback));
  const Value* value = find(key, described(key, reference("size"), shown_fallback, bounds));
  if (value == nullptr) return {};
  std::optional<std::uint64_t> size;
  if (const auto* number = std::get_if<std::int64_t>(&value->data); number != nullptr && *number >= 0) {
    size = static_cast<std::uint64_t>(*number);
  } else if (const std::string* text = bare_or_text(*value)) {
    size = parse_size(*text);
  }
  if (!size) {
    wrong(key, *value, fmt::format("{} is not a size: write \"8KiB\", \"1MiB\" or a number of bytes", shown(*value)));
    return {};
  }
  if (*size < min || *size > max) {
    wrong(key, *value, fmt::format("{} is out of range: {} to {}", shown(*value), print_size(min), print_size(max)));
    return {};
  }
  return size;
}

void Reader::duration(Key key, Duration& to, DurationRange range) {
  const std::string bounds = range.max == Duration::max()
                                 ? fmt::format("At least {}.", print_duration(range.min))
                                 : fmt::format("From {} to {}.", print_duration(range.min), print_duration(range.max));
  const Value* value = find(key, described(key, reference("duration"), print_duration(to), bounds));
  if (value == nullptr) return;
  const std::string* text = bare_or_text(*value);
  const auto duration = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!duration) {
    return wrong(key, *value,
                 fmt::format("{} is not a duration: write \"130s\", \"200ms\", \"5m\" or \"00:02:10\"", shown(*value)));
  }
  if (*duration < range.min || *duration > range.max) {
    return wrong(key, *value,
                 fmt::format("{} is out of range: {} to {}", shown(*value), print_duration(range.min),
                             print_duration(range.max)));
  }
  to = *duration;
}

void Reader::text(Key key, std::string& to) {
  if (auto text = read_text(key, "text", Json(to), false)) to = std::move(text->text);
}

void Reader::path(Key key, std::string& to, std::string_view fallback) {
  if (const auto text = read_text(key, "path", Json(fallback), false)) to = resolve_path(text->text, text->origin);
}

void Reader::path(Key key, std::optional<std::string>& to) {
  if (is_null(key)) to.reset();
  if (const auto text = read_text(key, "path", Json(nullptr), true)) to = resolve_path(text->text, text->origin);
}

std::optional<std::size_t> Reader::read_choice(Key key, const std::string& fallback,
                                               const std::vector<std::string>& words) {
  const Value* value = find(key, described(key, {{"enum", words}}, fallback));
  if (value == nullptr) return {};
  const std::string* text = bare_or_text(*value);
  for (std::size_t i = 0; text != nullptr && i < words.size(); ++i) {
    if (equal_ignoring_case(*text, words[i])) return i;
  }
  std::string all;
  for (const std::string& word : words) all += fmt::format("{}{}", all.empty() ? "" : ", ", in_quotes(word));
  wrong(key, *value, fmt::format("{} is not one of {}", shown(*value), all));
  return {};
}

std::optional<Reader::Text> Reader::read_text(Key key, std::string_view type, Json fallback, bool nullable) {
  const Value* value = find(key, described(key, nullable_reference(type, nullable), std::move(fallback)));
  if (value == nullptr || (nullable && is_null(key))) return {};
  const std::string* text = bare_or_text(*value);
  if (text == nullptr) {
    wrong(key, *value, fmt::format("{} is not text in quotes{}", shown(*value), nullable ? " or null" : ""));
    return {};
  }
  if (text->empty()) {
    wrong(key, *value, "is empty");
    return {};
  }
  return Text{*text, value->origin, pointer_to(pointer_, key.name)};
}

std::optional<std::vector<Reader::Text>> Reader::read_list(Key key, std::string_view type, Json fallback) {
  const Json schema = {{"oneOf", {{{"type", "array"}, {"items", reference(type)}}, reference(type)}}};
  const Value* value = find(key, described(key, schema, std::move(fallback)));
  if (value == nullptr) return {};
  const std::string pointer = pointer_to(pointer_, key.name);
  if (const std::string* text = bare_or_text(*value)) return {{{*text, value->origin, pointer}}};
  const auto* elements = std::get_if<Value::Array>(&value->data);
  if (elements == nullptr) {
    wrong(key, *value, fmt::format("{} is not a list", shown(*value)));
    return {};
  }
  std::vector<Text> texts;
  for (std::size_t i = 0; i < elements->size(); ++i) {
    const Value& element = (*elements)[i];
    const std::string at = pointer_to(pointer, std::to_string(i));
    if (const std::string* text = bare_or_text(element)) {
      texts.push_back({*text, element.origin, at});
    } else {
      problems_->add(element.origin, at, fmt::format("{} is not text in quotes", shown(element)));
    }
  }
  return texts;
}

Reader Reader::open(Key key) {
  const Value* value = find(key, {});
  if (value != nullptr && !std::holds_alternative<Value::Object>(value->data)) {
    wrong(key, *value, fmt::format("{} is not an object", shown(*value)));
    value = nullptr;
  }
  return {value, pointer_to(pointer_, key.name), problems_, describing_};
}

void Reader::close(Key key, Reader& inner) {
  inner.finish();
  if (!describing_) return;
  Json schema = {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(inner.properties_)}};
  if (!key.help.empty()) schema["description"] = key.help;
  properties_[std::string(key.name)] = std::move(schema);
}

Reader Reader::open_map(Key key, std::vector<std::string>& names) {
  Reader map = open(key);
  if (describing_) names.emplace_back("NAME");
  if (map.value_ == nullptr) return map;
  for (const Member& member : std::get<Value::Object>(map.value_->data)) names.push_back(member.key);
  return map;
}

void Reader::close_map(Key key, Reader& map) {
  if (!describing_) return;
  properties_[std::string(key.name)] = {
      {"type", "object"}, {"description", key.help}, {"additionalProperties", map.properties_["NAME"]}};
}

void Reader::finish() {
  if (value_ == nullptr) return;
  for (const Member& member : std::get<Value::Object>(value_->data)) {
    const bool known = std::any_of(known_.begin(), known_.end(),
                                   [&](const std::string& name) { return equal_ignoring_case(name, member.key); });
    if (known) continue;
    const std::string_view guess = nearest(member.key, known_);
    problems_->add(member.key_origin, pointer_to(pointer_, member.key),
                   guess.empty() ? "unknown key" : fmt::format("unknown key; did you mean \"{}\"?", guess));
  }
}

}  // namespace windhover::server::config
