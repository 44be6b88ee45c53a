#pragma once
// A configuration document: JSON with // and /* */ comments, in which every value knows where it stands.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/config/problem.h"

namespace windhover::server::config {

inline constexpr std::size_t kDocumentSizeMax = 1024 * 1024;  ///< Bytes of one file.
inline constexpr std::size_t kDepthMax = 16;                  ///< Objects and arrays within each other.
inline constexpr std::size_t kMembersMax = 1000;              ///< Keys of one object, elements of one array.

struct Member;

/// A value that was given as bare text (an environment variable, --set): what it means depends on who asks.
struct BareText {
  std::string text;
};

/// One JSON value with its place.
struct Value {
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;  ///< In the order of the file; no two keys differ in case alone.

  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, BareText, Array, Object> data;
  Origin origin;

  /// "null", "true or false", "a number", "text", "a list" or "an object", for messages.
  std::string_view kind() const;
  /// The member with this key, upper and lower case being equal; nullptr when there is none or this is no object.
  const Value* find(std::string_view key) const;
};

struct Member {
  std::string key;
  Origin key_origin;
  Value value;
};

/// Parses `text`, naming `source` in origins. Nothing on a syntax error or a broken bound; with a key given twice the
/// rest is still there. Either way every problem found is added to `problems`.
std::optional<Value> parse_document(std::string_view text, Source source, Problems& problems);

/// Reads and parses a file. A file that cannot be read is a problem like any other.
std::optional<Value> load_document(const std::filesystem::path& file, Problems& problems);

/// A value that takes the place of the document's: `path` by keys and array indices, such as {"limits",
/// "keepAliveTimeout"}.
struct Override {
  std::vector<std::string> path;
  std::string text;  ///< Bare text, or JSON when it begins with '{' or '['.
  Source source;
};

/// Puts `change` into `document`, making the objects and arrays on its way. In an array, an index equal to its size
/// appends.
void apply_override(const Override& change, Value& document, Problems& problems);

/// "limits.keepAliveTimeout=5s" as --set takes it. Nothing, and a problem, without '=' or with an empty key.
std::optional<Override> override_from_option(std::string_view option, Problems& problems);

/// The variables whose names begin with `prefix` ("WINDHOVER__"), in alphabetical order; "__" separates the keys of a
/// path. `environment` is a null-terminated list of NAME=VALUE, as environ.
std::vector<Override> overrides_from_environment(const char* const* environment, std::string_view prefix,
                                                 Problems& problems);

}  // namespace windhover::server::config
