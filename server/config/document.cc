#include "server/config/document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <system_error>

namespace windhover::server::config {
namespace {

using Json = nlohmann::json;

/// Follows the parser through the text, token by token, because the parser itself only reports where it failed. The
/// parser has accepted each token before it tells about it, so this can be as simple as it is.
class TokenCursor {
 public:
  explicit TokenCursor(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = line_begin_ = 3;
  }

  struct Position {
    std::uint32_t line;
    std::uint32_t column;
  };

  /// Steps over one token and returns where it begins.
  Position next() {
    skip_to_token();
    const Position position = here();
    const char first = at_ < text_.size() ? text_[at_] : '\0';
    if (first == '"') {
      skip_string();
    } else if (first == '{' || first == '}' || first == '[' || first == ']') {
      ++at_;
    } else {
      while (at_ < text_.size() && !is_separator(text_[at_])) ++at_;
    }
    return position;
  }

  /// Where the token begins that the parser refused when it had read the byte at `offset`.
  Position refused(std::size_t offset) {
    TokenCursor token = *this;
    token.skip_to_token();
    if (token.at_ <= offset) return token.here();
    while (at_ < text_.size() && at_ < offset) step();
    return here();
  }

 private:
  static bool is_separator(char letter) {
    return std::string_view(" \t\r\n,:]}/").find(letter) != std::string_view::npos;
  }

  Position here() const {
    std::uint32_t column = 1;
    for (std::size_t i = line_begin_; i < at_; ++i) {
      if ((static_cast<unsigned char>(text_[i]) & 0xc0) != 0x80) ++column;
    }
    return {line_, column};
  }

  void step() {
    if (text_[at_++] == '\n') {
      ++line_;
      line_begin_ = at_;
    }
  }

  void skip_to_token() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        while (at_ < text_.size() && text_[at_] != '\n') step();
      } else if (rest.starts_with("/*")) {
        const std::size_t end = rest.find("*/", 2);
        const std::size_t stop = end == std::string_view::npos ? text_.size() : at_ + end + 2;
        while (at_ < stop) step();
      } else if (std::string_view(" \t\r\n,:").find(rest.front()) != std::string_view::npos) {
        step();
      } else {
        return;
      }
    }
  }

  void skip_string() {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  std::uint32_t line_ = 1;
};

/// Builds the tree from the parser's events.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, std::shared_ptr<const Source> source, std::string pointer, Problems& problems)
      : cursor_(text), source_(std::move(source)), base_pointer_(std::move(pointer)), problems_(problems) {}

  bool null() override { return place(nullptr); }
  bool boolean(bool value) override { return place(value); }
  bool number_integer(std::int64_t value) override { return place(value); }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return place(static_cast<double>(value));
    return place(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& /*text*/) override { return place(value); }
  bool string(std::string& value) override { return place(std::move(value)); }
  bool binary(Json::binary_t& /*value*/) override { return false; }

  bool start_object(std::size_t /*size*/) override { return place(Value::Object{}) && open(); }
  bool start_array(std::size_t /*size*/) override { return place(Value::Array{}) && open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    key_origin_ = next_origin();
    key_ = std::move(name);
    for (const Member& member : std::get<Value::Object>(open_.back()->data)) {
      if (!equal_ignoring_case(member.key, key_)) continue;
      problems_.add(key_origin_, pointer_to(pointer(), key_),
                    fmt::format("this key is already given in line {}{}", member.key_origin.line,
                                member.key == key_ ? "" : " (upper and lower case are equal)"));
      break;
    }
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& error) override {
    const auto place = cursor_.refused(position == 0 ? 0 : position - 1);
    // "[json.exception.parse_error.101] parse error at line 3, column 7: syntax error while parsing ...": the position
    // is ours to give.
    std::string_view message = error.what();
    if (const std::size_t colon = message.find(": "); colon != std::string_view::npos) message.remove_prefix(colon + 2);
    problems_.add({source_, place.line, place.column}, base_pointer_, std::string(message));
    return false;
  }

  Value take_root() { return std::move(root_); }

 private:
  Origin next_origin() {
    const auto position = cursor_.next();
    return {source_, position.line, position.column};
  }

  std::string pointer() const {
    std::string text = base_pointer_;
    for (std::size_t i = 1; i < open_.size(); ++i) text = pointer_to(text, names_[i - 1]);
    return text;
  }

  /// Puts a value where the parser stands.
  template <typename Data>
  bool place(Data data) {
    Value value{std::move(data), next_origin()};
    if (open_.empty()) {
      root_ = std::move(value);
      placed_ = &root_;
      return true;
    }
    Value& parent = *open_.back();
    if (auto* array = std::get_if<Value::Array>(&parent.data)) {
      if (array->size() == kMembersMax)
        return refuse(value.origin, fmt::format("a list may have {} elements", kMembersMax));
      placed_name_ = std::to_string(array->size());
      placed_ = &array->emplace_back(std::move(value));
      return true;
    }
    auto& object = std::get<Value::Object>(parent.data);
    if (object.size() == kMembersMax)
      return refuse(value.origin, fmt::format("an object may have {} keys", kMembersMax));
    placed_name_ = key_;
    placed_ = &object.emplace_back(Member{key_, key_origin_, std::move(value)}).value;
    return true;
  }

  bool open() {
    if (open_.size() == kDepthMax) {
      return refuse(placed_->origin, fmt::format("objects and lists may lie {} deep in each other", kDepthMax));
    }
    if (!open_.empty()) names_.push_back(placed_name_);
    open_.push_back(placed_);  // Stays put: its parent grows again only after it is closed.
    return true;
  }

  bool close() {
    cursor_.next();
    open_.pop_back();
    if (!names_.empty()) names_.pop_back();
    return true;
  }

  bool refuse(const Origin& origin, std::string message) {
    problems_.add(origin, pointer(), std::move(message));
    return false;
  }

  TokenCursor cursor_;
  std::shared_ptr<const Source> source_;
  std::string base_pointer_;
  Problems& problems_;
  Value root_;
  std::vector<Value*> open_;
  std::vector<std::string> names_;  // Of the open values after the root.
  std::string key_;
  Origin key_origin_;
  Value* placed_ = nullptr;
  std::string placed_name_;
};

std::optional<Value> parse(std::string_view text, std::shared_ptr<const Source> source, std::string pointer,
                           Problems& problems) {
  if (text.size() > kDocumentSizeMax) {
    problems.add({std::move(source), 0, 0}, std::move(pointer), fmt::format("longer than {} bytes", kDocumentSizeMax));
    return {};
  }
  Builder builder(text, std::move(source), std::move(pointer), problems);
  if (!Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json, true, true)) return {};
  return builder.take_root();
}

bool is_index(std::string_view text) {
  return !text.empty() && text.size() <= 4 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// The slot named `token` in `parent`, made when it is not there; nullptr, and a problem, when there can be none.
Value* child_of(Value& parent, const std::string& token, const std::string& pointer, const Origin& origin,
                Problems& problems) {
  if (std::holds_alternative<std::nullptr_t>(parent.data)) {
    parent.origin = origin;
    if (is_index(token)) {
      parent.data = Value::Array{};
    } else {
      parent.data = Value::Object{};
    }
  }
  if (auto* array = std::get_if<Value::Array>(&parent.data)) {
    const std::size_t index = is_index(token) ? std::stoul(token) : kMembersMax;
    if (index > array->size() || index >= kMembersMax) {
      problems.add(origin, pointer,
                   fmt::format("{} is no index of a list with {} elements", in_quotes(token), array->size()));
      return nullptr;
    }
    if (index == array->size()) array->push_back({nullptr, origin});
    return &(*array)[index];
  }
  auto* object = std::get_if<Value::Object>(&parent.data);
  if (object == nullptr) {
    problems.add(origin, pointer, fmt::format("is {} and has no {}", parent.kind(), in_quotes(token)));
    return nullptr;
  }
  for (Member& member : *object) {
    if (equal_ignoring_case(member.key, token)) return &member.value;
  }
  if (object->size() == kMembersMax) {
    problems.add(origin, pointer, fmt::format("an object may have {} keys", kMembersMax));
    return nullptr;
  }
  return &object->emplace_back(Member{token, origin, {nullptr, origin}}).value;
}

/// Splits a path and refuses empty keys and impossible depths.
std::optional<std::vector<std::string>> split_path(std::string_view path, std::string_view separator) {
  std::vector<std::string> keys;
  while (true) {
    const std::size_t end = path.find(separator);
    const std::string_view key = path.substr(0, end);
    if (key.empty() || keys.size() == kDepthMax) return {};
    keys.emplace_back(key);
    if (end == std::string_view::npos) return keys;
    path.remove_prefix(end + separator.size());
  }
}

/// "[fd66::2]:80" begins as a list does.
bool begins_with_host(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789abcdefABCDEF:.", 1);
  return end != std::string_view::npos && text[end] == ']' && text.substr(0, end).find(':') != std::string_view::npos;
}

}  // namespace

std::string_view Value::kind() const {
  static constexpr std::array<std::string_view, 8> kKinds = {"null", "true or false", "a number", "a number",
                                                             "text", "text",          "a list",   "an object"};
  return kKinds.at(data.index());
}

const Value* Value::find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&data);
  if (object == nullptr) return nullptr;
  for (const Member& member : *object) {
    if (equal_ignoring_case(member.key, key)) return &member.value;
  }
  return nullptr;
}

std::optional<Value> parse_document(std::string_view text, Source source, Problems& problems) {
  return parse(text, std::make_shared<const Source>(std::move(source)), "", problems);
}

std::optional<Value> load_document(const std::filesystem::path& file, Problems& problems) {
  Source source{file.string(), file.parent_path()};
  const auto unreadable = [&](int error) {
    problems.add({std::make_shared<const Source>(source), 0, 0}, "",
                 fmt::format("cannot be read: {} (errno {})", std::generic_category().message(error), error));
    return std::nullopt;
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) return unreadable(EISDIR);
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return unreadable(errno);
  std::string text(kDocumentSizeMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return unreadable(errno == 0 ? EIO : errno);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_document(text, std::move(source), problems);
}

void apply_override(const Override& change, Value& document, Problems& problems) {
  const Origin origin{std::make_shared<const Source>(change.source), 0, 0};
  Value* at = &document;
  std::string pointer;
  for (const std::string& token : change.path) {
    at = child_of(*at, token, pointer, origin, problems);
    if (at == nullptr) return;
    pointer = pointer_to(pointer, token);
  }
  if (change.text.starts_with('{') || (change.text.starts_with('[') && !begins_with_host(change.text))) {
    std::optional<Value> value = parse(change.text, origin.source, pointer, problems);
    if (value) *at = std::move(*value);
    return;
  }
  *at = {BareText{change.text}, origin};
}

std::optional<Override> override_from_option(std::string_view option, Problems& problems) {
  const std::size_t equals = option.find('=');
  auto path = split_path(option.substr(0, equals), ".");
  if (equals == std::string_view::npos || !path) {
    problems.add({std::make_shared<const Source>(Source{fmt::format("option --set {}", option), {}}), 0, 0}, "",
                 "is not of the form key=value, such as limits.keepAliveTimeout=5s");
    return {};
  }
  return Override{std::move(*path), std::string(option.substr(equals + 1)),
                  Source{fmt::format("option --set {}", option.substr(0, equals)), {}}};
}

std::vector<Override> overrides_from_environment(const char* const* environment, std::string_view prefix,
                                                 Problems& problems) {
  std::vector<Override> overrides;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable = *environment;
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos || !variable.starts_with(prefix)) continue;
    Source source{fmt::format("environment variable {}", variable.substr(0, equals)), {}};
    auto path = split_path(variable.substr(prefix.size(), equals - prefix.size()), "__");
    if (!path) {
      problems.add({std::make_shared<const Source>(std::move(source)), 0, 0}, "",
                   fmt::format("names no setting: write {}LIMITS__KEEPALIVETIMEOUT", prefix));
      continue;
    }
    overrides.push_back({std::move(*path), std::string(variable.substr(equals + 1)), std::move(source)});
  }
  std::sort(overrides.begin(), overrides.end(),
            [](const Override& left, const Override& right) { return left.source.name < right.source.name; });
  return overrides;
}

}  // namespace windhover::server::config
