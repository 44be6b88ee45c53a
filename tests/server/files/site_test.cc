#include "server/files/site.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "server/http/date.h"
#include "stack/base/setup_error.h"
#include "tests/server/files/request_from.h"

namespace windhover::server::files {
namespace {

namespace fs = std::filesystem;
using stack::base::as_text;
using stack::base::SetupError;

/// A directory of its own for each test.
class SiteTest : public testing::Test {
 protected:
  SiteTest() {
    std::string pattern = (fs::temp_directory_path() / "windhover-site-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    root_ = base_ / "root";
    fs::create_directory(root_);
  }
  ~SiteTest() override { fs::remove_all(base_); }

  void write(const std::string& path, const std::string& content) {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
  }

  Site& site() {
    if (!site_) {
      SiteConfig config;
      config.root = root_.string();
      site_ = std::make_unique<Site>(config);
    }
    return *site_;
  }

  /// Asks, and keeps the answer in response_.
  int ask(const std::string& line, const std::string& fields = "") {
    const test::RequestFrom request(line, fields);
    response_.reset();
    shared_ = {};
    site().respond(request.get(), response_);
    return response_.status();
  }

  std::string body() {
    if (response_.has_shared_body()) shared_ = response_.take_shared_body();
    return std::string(as_text(shared_.size > 0 ? shared_.bytes() : response_.plain_body()));
  }
  std::string headers() const {
    return std::string(response_.borrowed_headers()) + std::string(response_.owned_headers());
  }
  std::string header(const std::string& name) const {
    const std::string all = "\r\n" + headers();
    const std::size_t at = all.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + 2 + name.size() + 2;
    return all.substr(begin, all.find("\r\n", begin) - begin);
  }
  bool warned_about(const std::string& part) {
    for (const std::string& warning : site().warnings()) {
      if (warning.find(part) != std::string::npos) return true;
    }
    return false;
  }

  fs::path base_;
  fs::path root_;
  std::unique_ptr<Site> site_;
  http::Response response_;
  stack::base::Slice shared_;  // The body, if it was shared, once body() has looked at it.
};

TEST_F(SiteTest, file_is_served_with_type_and_validators) {
  write("a.css", "body {}");
  EXPECT_EQ(ask("GET /a.css"), 200);
  EXPECT_EQ(body(), "body {}");
  EXPECT_EQ(header("Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(header("ETag").front(), '"');
  EXPECT_EQ(header("Last-Modified").size(), http::kDateSize);
  EXPECT_EQ(header("X-Content-Type-Options"), "");
}

TEST_F(SiteTest, file_of_unknown_type_must_not_be_sniffed) {
  write("a.unknown", "<html>");
  EXPECT_EQ(ask("GET /a.unknown"), 200);
  EXPECT_EQ(header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(header("X-Content-Type-Options"), "nosniff");
}

TEST_F(SiteTest, empty_file_is_an_empty_body) {
  write("empty.txt", "");
  EXPECT_EQ(ask("GET /empty.txt"), 200);
  EXPECT_EQ(response_.body_size(), 0U);
}

TEST_F(SiteTest, index_stands_for_its_directory) {
  write("index.html", "home");
  write("sub/index.html", "sub");
  EXPECT_EQ(ask("GET /"), 200);
  EXPECT_EQ(body(), "home");
  EXPECT_EQ(ask("GET /sub/"), 200);
  EXPECT_EQ(body(), "sub");
}

TEST_F(SiteTest, directory_without_slash_is_redirected_relatively) {
  write("sub dir/index.html", "sub");
  EXPECT_EQ(ask("GET /sub%20dir"), 301);
  EXPECT_EQ(header("Location"), "/sub%20dir/");
  EXPECT_EQ(ask("GET /sub%20dir?a=b"), 301);
  EXPECT_EQ(header("Location"), "/sub%20dir/?a=b");
}

TEST_F(SiteTest, redirect_with_a_query_beyond_all_room_drops_it) {
  write("s/index.html", "sub");
  const test::RequestFrom request("GET /s");
  http::Request long_query = request.get();
  const std::string query(http::Response::kOwnedHeadersMax, 'q');
  long_query.query = query;
  response_.reset();
  site().respond(long_query, response_);
  EXPECT_EQ(header("Location"), "/s/");
}

TEST_F(SiteTest, directory_without_index_is_not_found) {
  write("sub/a.txt", "a");
  EXPECT_EQ(ask("GET /sub/"), 404);
}

TEST_F(SiteTest, missing_file_shows_the_page) {
  EXPECT_EQ(ask("GET /none"), 404);
  EXPECT_EQ(body(), "404 Not Found\n");
  site_.reset();
  write("404.html", "<p>gone");
  EXPECT_EQ(ask("GET /none"), 404);
  EXPECT_EQ(body(), "<p>gone");
  EXPECT_EQ(header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(header("ETag"), "");
}

TEST_F(SiteTest, other_methods_are_told_which_are_allowed) {
  write("a.txt", "a");
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
    EXPECT_EQ(ask(std::string(method) + " /a.txt"), 405) << method;
    EXPECT_EQ(header("Allow"), "GET, HEAD, OPTIONS");
  }
  EXPECT_EQ(ask("OPTIONS /a.txt"), 204);
  EXPECT_EQ(header("Allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask("OPTIONS *"), 204);
  EXPECT_EQ(ask("OPTIONS /none"), 404);
}

TEST_F(SiteTest, head_composes_the_same_answer_as_get) {
  write("a.txt", "abc");
  EXPECT_EQ(ask("HEAD /a.txt"), 200);
  EXPECT_EQ(response_.body_size(), 3U);
}

TEST_F(SiteTest, known_validator_is_not_modified) {
  write("a.txt", "abc");
  ask("GET /a.txt");
  const std::string etag = header("ETag");
  const std::string date = header("Last-Modified");
  EXPECT_EQ(ask("GET /a.txt", "If-None-Match: " + etag + "\r\n"), 304);
  EXPECT_EQ(header("ETag"), etag);
  EXPECT_EQ(header("Content-Type"), "");
  EXPECT_EQ(response_.body_size(), 0U);
  EXPECT_EQ(ask("GET /a.txt", "If-Modified-Since: " + date + "\r\n"), 304);
  EXPECT_EQ(ask("GET /a.txt", "If-None-Match: \"other\"\r\nIf-Modified-Since: " + date + "\r\n"), 200);
  EXPECT_EQ(ask("GET /a.txt", "If-Match: \"other\"\r\n"), 412);
}

TEST_F(SiteTest, changed_file_has_another_etag) {
  write("a.txt", "abc");
  ask("GET /a.txt");
  const std::string etag = header("ETag");
  site_.reset();
  write("a.txt", "abcd");
  ask("GET /a.txt");
  EXPECT_NE(header("ETag"), etag);
}

TEST_F(SiteTest, range_is_a_part) {
  write("a.txt", "0123456789");
  EXPECT_EQ(ask("GET /a.txt", "Range: bytes=2-4\r\n"), 206);
  EXPECT_EQ(body(), "234");
  EXPECT_EQ(header("Content-Range"), "bytes 2-4/10");
  EXPECT_EQ(header("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(ask("GET /a.txt", "Range: bytes=20-\r\n"), 416);
  EXPECT_EQ(header("Content-Range"), "bytes */10");
  EXPECT_EQ(ask("GET /a.txt", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n"), 200);
  EXPECT_EQ(ask("HEAD /a.txt", "Range: bytes=2-4\r\n"), 200);
  EXPECT_EQ(ask("GET /a.txt", "Range: bytes=0-1,3-4\r\n"), 200);
}

TEST_F(SiteTest, large_file_is_shared_and_outlives_the_site) {
  std::string content(3 * 1024 * 1024 + 17, 'x');
  content.replace(2'000'000, 5, "hello");
  write("large.bin", content);
  EXPECT_EQ(ask("GET /large.bin"), 200);
  EXPECT_EQ(body(), content);
  EXPECT_EQ(site().memory_size(), content.size());
  const stack::base::Slice kept = shared_;
  site_.reset();
  EXPECT_EQ(as_text(kept.bytes().subspan(2'000'000, 5)), "hello");
  EXPECT_EQ(ask("GET /large.bin", "Range: bytes=1999999-2009999\r\n"), 206);
  EXPECT_EQ(body().substr(0, 6), "xhello");
}

TEST_F(SiteTest, file_that_is_cut_short_later_is_served_as_it_was) {
  const std::string content(2 * 1024 * 1024, 'x');
  write("large.bin", content);
  site();
  fs::resize_file(root_ / "large.bin", 0);
  EXPECT_EQ(ask("GET /large.bin"), 200);
  EXPECT_EQ(body(), content);
}

TEST_F(SiteTest, dot_files_are_not_served) {
  write(".secret", "s");
  write(".git/config", "s");
  EXPECT_EQ(ask("GET /.secret"), 404);
  EXPECT_EQ(ask("GET /.git/config"), 404);
}

TEST_F(SiteTest, dots_do_not_lead_out) {
  write("a.txt", "a");
  std::ofstream(base_ / "secret.txt") << "s";
  for (const char* path : {"/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/a/../../secret.txt"}) {
    EXPECT_EQ(ask("GET " + std::string(path)), 404) << path;
  }
  EXPECT_EQ(ask("GET /b/../a.txt"), 200);
}

TEST_F(SiteTest, link_out_of_the_root_is_refused_and_named) {
  std::ofstream(base_ / "secret.txt") << "s";
  write("a.txt", "a");
  fs::create_symlink("../secret.txt", root_ / "out.txt");
  fs::create_symlink("a.txt", root_ / "in.txt");
  EXPECT_EQ(ask("GET /out.txt"), 404);
  EXPECT_TRUE(warned_about("/out.txt"));
  EXPECT_EQ(ask("GET /in.txt"), 200);
  EXPECT_EQ(body(), "a");
}

TEST_F(SiteTest, link_to_a_parent_ends) {
  write("sub/a.txt", "a");
  fs::create_symlink("..", root_ / "sub" / "up");
  EXPECT_EQ(ask("GET /sub/a.txt"), 200);
  EXPECT_TRUE(warned_about("too deep"));
}

TEST_F(SiteTest, what_is_not_a_regular_file_is_named) {
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(ask("GET /pipe"), 404);
  EXPECT_TRUE(warned_about("/pipe is not served: it is not a regular file."));
}

TEST_F(SiteTest, missing_root_says_what_to_do) {
  SiteConfig config;
  config.root = (base_ / "absent").string();
  try {
    const Site absent(config);
    FAIL();
  } catch (const SetupError& error) {
    EXPECT_EQ(error.error(), ENOENT);
    EXPECT_NE(error.remedy(), "");
  }
}

TEST_F(SiteTest, bounds_are_kept) {
  write("a.txt", "12345");
  write("b.txt", "12345");
  SiteConfig config;
  config.root = root_.string();
  config.total_size_max = 10;
  config.entries_max = 3;
  EXPECT_EQ(Site(config).file_count(), 2U);
  config.total_size_max = 9;
  EXPECT_THROW(Site{config}, SetupError);
  config.total_size_max = 10;
  config.entries_max = 2;
  EXPECT_THROW(Site{config}, SetupError);
}

}  // namespace
}  // namespace windhover::server::files
