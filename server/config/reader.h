#pragma once
// Fills settings structs from a document, and describes what it would have read.
//
// A room's struct is filled by a function that names each key once, with its bounds and a sentence of help:
//
//   void read(Reader& reader, Limits& limits) {
//     reader.size({"maxRequestLineSize", "Longest request line."}, limits.max_request_line_size, {64, 1 << 20});
//     reader.duration({"keepAliveTimeout", "..."}, limits.keep_alive_timeout, {1s, 24h});
//   }
//
// The same function is run over a document (fill()) and over nothing at all (describe()), and so code, JSON Schema and
// the table of keys cannot disagree. What the struct holds beforehand is the default. Whatever is wrong is added to the
// problems and leaves the default in place, so that one run finds everything.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/document.h"
#include "server/config/text.h"

namespace windhover::server::config {

/// A key and what it means, in a sentence or two of Markdown-free text.
struct Key {
  std::string_view name;
  std::string_view help;
};

/// Inclusive bounds.
struct Range {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
struct DurationRange {
  Duration min{};
  Duration max = Duration::max();
};

/// A type that is written as text.
template <typename T>
struct TextFormat {
  std::string_view name;  ///< Names the type in the schema's $defs, such as "address".
  std::string_view what;  ///< Completes "is not ...": "an IP address such as 10.66.0.2 or fd66::2".
  std::optional<T> (*parse)(std::string_view text);
  std::string (*print)(const T& value);
};

/// One of a closed set of words.
template <typename E>
struct Choice {
  std::string_view word;
  E value;
};

/// One object of the document being read. Thread: any, one at a time.
class Reader {
 public:
  using Json = nlohmann::ordered_json;

  void boolean(Key key, bool& to);

  template <std::integral T>
  void integer(Key key, T& to, Range range) {
    if (const auto value = read_integer(key, Json(to), clamp<T>(range), false)) to = static_cast<T>(*value);
  }
  /// null means none.
  template <std::integral T>
  void integer(Key key, std::optional<T>& to, Range range) {
    if (is_null(key)) to.reset();
    const Json fallback = to ? Json(*to) : Json(nullptr);
    if (const auto value = read_integer(key, fallback, clamp<T>(range), true)) to = static_cast<T>(*value);
  }
  /// A list of whole numbers, which replaces the default as a whole; null means none. A single number stands for a list
  /// of one.
  template <std::integral T>
  void integers(Key key, std::optional<std::vector<T>>& to, Range range) {
    if (is_null(key)) to.reset();
    if (const auto values = read_integers(key, to ? Json(*to) : Json(nullptr), clamp<T>(range))) {
      to.emplace();
      for (const std::int64_t value : *values) to->push_back(static_cast<T>(value));
    }
  }
  /// A part of one, such as a probability: min to max, any number.
  void number(Key key, double& to, double min, double max);

  /// Bytes: a number, or text with a unit.
  template <std::unsigned_integral T>
  void size(Key key, T& to, Range range) {
    if (const auto value = read_size(key, to, clamp<T>(range))) to = static_cast<T>(*value);
  }

  void duration(Key key, Duration& to, DurationRange range);

  void text(Key key, std::string& to);

  /// A path of the file system. A relative one counts from the folder of the file that says it (from the current
  /// directory when a variable or an option does). `fallback` is how the documentation shows the default.
  void path(Key key, std::string& to, std::string_view fallback);
  /// null means none.
  void path(Key key, std::optional<std::string>& to);

  template <typename E>
  void choice(Key key, E& to, std::initializer_list<Choice<E>> choices) {
    std::vector<std::string> words;
    std::string fallback;
    for (const Choice<E>& choice : choices) {
      words.emplace_back(choice.word);
      if (choice.value == to) fallback = choice.word;
    }
    if (const auto index = read_choice(key, fallback, words)) to = (choices.begin() + *index)->value;
  }

  template <typename T>
  void formatted(Key key, T& to, const TextFormat<T>& format) {
    const auto text = read_text(key, format.name, Json(format.print(to)), false);
    if (text) take(*text, to, format);
  }
  /// null means none.
  template <typename T>
  void formatted(Key key, std::optional<T>& to, const TextFormat<T>& format) {
    if (is_null(key)) to.reset();
    const auto text = read_text(key, format.name, to ? Json(format.print(*to)) : Json(nullptr), true);
    if (!text) return;
    T value{};
    if (take(*text, value, format)) to = std::move(value);
  }

  /// A list, which replaces the default as a whole. A single text stands for a list of one.
  template <typename T>
  void list(Key key, std::vector<T>& to, const TextFormat<T>& format) {
    Json fallback = Json::array();
    for (const T& value : to) fallback.push_back(format.print(value));
    const auto texts = read_list(key, format.name, std::move(fallback));
    if (!texts) return;
    std::vector<T> values;
    for (const Text& text : *texts) {
      T value{};
      if (take(text, value, format)) values.push_back(std::move(value));
    }
    to = std::move(values);
  }

  /// An object within this one: fill(Reader&) names its keys.
  template <typename Fill>
  void object(Key key, Fill fill) {
    Reader inner = open(key);
    fill(inner);
    close(key, inner);
  }

  /// An object whose keys are names of the operator's choice: fill(name, Reader&) for each, in the order of the
  /// document.
  template <typename Fill>
  void each(Key key, Fill fill) {
    std::vector<std::string> names;
    Reader map = open_map(key, names);
    for (const std::string& name : names) {
      Reader inner = map.open({name, ""});
      fill(std::string_view(name), inner);
      map.close({name, ""}, inner);
    }
    close_map(key, map);
  }

  /// Comes back to an object that object() has read, for problems that only the whole shows.
  template <typename Look>
  void look_at(std::string_view key, Look look) {
    Reader inner(value_ == nullptr ? nullptr : value_->find(key), pointer_to(pointer_, key), problems_, describing_);
    look(inner);
  }

  /// Whether the document gives this key.
  bool has(std::string_view key) const { return value_ != nullptr && value_->find(key) != nullptr; }

  /// A problem that only the whole shows ("only with ..."), at that key or, where it is not given, at this object.
  void problem(std::string_view key, std::string message);

 private:
  template <typename Fill>
  friend void fill(const Value& document, Problems& problems, Fill fill);
  template <typename Fill>
  friend Json describe(Fill fill);

  struct Text {
    std::string text;
    Origin origin;
    std::string pointer;
  };

  Reader(const Value* value, std::string pointer, Problems* problems, bool describing)
      : value_(value), pointer_(std::move(pointer)), problems_(problems), describing_(describing) {}

  template <typename T>
  static Range clamp(Range range) {
    if (std::cmp_greater(range.max, std::numeric_limits<T>::max())) {
      range.max = static_cast<std::int64_t>(std::numeric_limits<T>::max());
    }
    return range;
  }

  template <typename T>
  bool take(const Text& text, T& to, const TextFormat<T>& format) {
    auto value = format.parse(text.text);
    if (value) {
      to = std::move(*value);
      return true;
    }
    problems_->add(text.origin, text.pointer, in_quotes(text.text) + " is not " + std::string(format.what));
    return false;
  }

  /// Registers a key with its schema and returns its value, or nullptr when the document does not give it.
  const Value* find(Key key, Json schema);
  bool is_null(Key key) const;
  /// A problem with the value of `key`.
  void wrong(Key key, const Value& value, std::string message);

  std::optional<std::int64_t> read_integer(Key key, Json fallback, Range range, bool nullable);
  std::optional<std::vector<std::int64_t>> read_integers(Key key, Json fallback, Range range);
  std::optional<std::uint64_t> read_size(Key key, std::uint64_t fallback, Range range);
  std::optional<std::size_t> read_choice(Key key, const std::string& fallback, const std::vector<std::string>& words);
  std::optional<Text> read_text(Key key, std::string_view type, Json fallback, bool nullable);
  std::optional<std::vector<Text>> read_list(Key key, std::string_view type, Json fallback);

  Reader open(Key key);
  void close(Key key, Reader& inner);
  Reader open_map(Key key, std::vector<std::string>& names);
  void close_map(Key key, Reader& map);
  /// Reports the keys that nobody asked for.
  void finish();

  const Value* value_;  // nullptr: not in the document, and every key has its default.
  std::string pointer_;
  Problems* problems_;
  bool describing_;
  std::vector<std::string> known_;
  Json properties_ = Json::object();
};

/// A relative path as a value at `origin` means it.
std::string resolve_path(const std::string& path, const Origin& origin);

/// Runs `fill(Reader&)` over a document. A "$schema" at its top is for editors, and allowed.
template <typename Fill>
void fill(const Value& document, Problems& problems, Fill fill) {
  if (!std::holds_alternative<Value::Object>(document.data)) {
    problems.add(document.origin, "", "is " + std::string(document.kind()) + ", not an object");
    return;
  }
  Reader reader(&document, "", &problems, false);
  reader.known_.emplace_back("$schema");
  fill(reader);
  reader.finish();
}

/// The JSON Schema of one object as `fill(Reader&)` would read it: {"type": "object", "properties": ...}. Types that
/// are written as text refer to "#/$defs/...".
template <typename Fill>
nlohmann::ordered_json describe(Fill fill) {
  Problems none;
  Reader reader(nullptr, "", &none, true);
  fill(reader);
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(reader.properties_)}};
}

}  // namespace windhover::server::config
