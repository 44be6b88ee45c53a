#pragma once
// A directory of files, read at start, as the answers to GET and HEAD.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/http/responder.h"

namespace windhover::server::files {

/// What a site is made from.
struct SiteConfig {
  std::string root;                                       ///< The directory that is served.
  std::uint64_t total_size_max = std::uint64_t{4} << 30;  ///< Bytes of all files together; beyond it the start fails.
  std::uint32_t entries_max = 100'000;                    ///< Files and directories together.
  std::vector<std::string> index_files = {"index.html"};  ///< The first that exists stands for its directory.
  std::string not_found_page = "404.html";                ///< At the root; its content answers with status 404.
};

/// Answers from immutable entries: nothing is read after construction, so lanes share one Site.
///
/// Never served: names that begin with a dot, anything but regular files, symbolic links that lead out of the root.
/// A file that changes or vanishes later is served as it was at the start.
class Site final : public http::Responder {
 public:
  /// Reads the directory. Throws SetupError when the root cannot be read or a bound is exceeded.
  explicit Site(const SiteConfig& config);
  ~Site() override;
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  void respond(const http::Request& request, http::Response& response) override;
  void refuse(std::uint16_t status, http::Response& response) override;

  /// What was left out and why, one sentence each, for the log.
  const std::vector<std::string>& warnings() const;
  std::size_t file_count() const;
  /// Bytes of all files together.
  std::size_t memory_size() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace windhover::server::files
