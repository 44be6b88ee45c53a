#pragma once
// What the servers that windhover is compared with have to say: every file of a folder as one answer, ready to send.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace windhover::bench {

/// Bytes of a request that are looked at; a longer one counts as broken.
inline constexpr std::size_t kRequestSizeMax = 8192;

/// Thread: any, once it is made.
class Answers {
 public:
  /// Reads the files that lie directly in `root`. Throws std::filesystem::filesystem_error.
  explicit Answers(const std::filesystem::path& root);

  /// Head and body for a request that begins with "GET /name ": 200, or 404 for anything else. Lives as long as this.
  std::string_view find(std::string_view request) const;

 private:
  struct Answer {
    std::string begins_with;  // "GET /name "
    std::string text;
  };
  std::vector<Answer> answers_;
  std::string not_found_;
};

}  // namespace windhover::bench
