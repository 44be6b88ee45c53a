#pragma once
// Where a configuration value came from, and what is wrong with it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace windhover::server::config {

/// A text that values come from: a file, an environment variable, an option of the command line.
struct Source {
  std::string name;              ///< As messages name it: a file's path, "environment variable WINDHOVER__ROOT".
  std::filesystem::path folder;  ///< Relative paths in it count from here; empty is the current directory.
};

/// A place in a source. Lines and columns count from 1, columns in characters (code points); 0 means that the source
/// has no positions, as an environment variable.
struct Origin {
  std::shared_ptr<const Source> source;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  /// "config/tun.json:12:5", or the source's name alone when it has no positions.
  std::string to_string() const;
};

/// What is wrong with one value.
struct Problem {
  Origin origin;
  std::string pointer;  ///< JSON pointer (RFC 6901) of the value; empty for the whole document.
  std::string message;

  /// "config/tun.json:12:5: /limits/keepAliveTimeout: ...", one line.
  std::string to_string() const;
};

/// All of them. At most kProblemsMax are kept: a wrong file does not fill a
/// screen.
class Problems {
 public:
  static constexpr std::size_t kProblemsMax = 50;

  void add(Origin origin, std::string pointer, std::string message);
  bool empty() const { return problems_.empty(); }
  const std::vector<Problem>& all() const { return problems_; }
  /// One line each, those of one source in the order of their places, and a last one that says how many were left out,
  /// if any were.
  std::vector<std::string> lines() const;

 private:
  std::vector<Problem> problems_;
  std::size_t left_out_ = 0;
};

/// `parent` extended by one reference token, with '~' and '/' escaped.
std::string pointer_to(std::string_view parent, std::string_view token);

/// `text` in double quotes for a message: cut to a bearable length, control characters replaced.
std::string in_quotes(std::string_view text);

/// The nearest of `candidates` by edit distance, upper and lower case being equal; empty when none is near enough to be
/// what somebody meant.
std::string_view nearest(std::string_view name, const std::vector<std::string>& candidates);

/// Equal when upper and lower case of ASCII letters are equal.
bool equal_ignoring_case(std::string_view left, std::string_view right);

}  // namespace windhover::server::config
