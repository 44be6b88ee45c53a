#include "server/files/mime.h"

#include <gtest/gtest.h>

namespace windhover::server::files {
namespace {

TEST(Mime, text_carries_its_charset) {
  EXPECT_EQ(content_type("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type("a.css"), "text/css; charset=utf-8");
  EXPECT_EQ(content_type("a.min.js"), "text/javascript; charset=utf-8");
}

TEST(Mime, others_do_not) {
  EXPECT_EQ(content_type("a.png"), "image/png");
  EXPECT_EQ(content_type("a.svg"), "image/svg+xml");
  EXPECT_EQ(content_type("a.woff2"), "font/woff2");
  EXPECT_EQ(content_type("a.3gp"), "video/3gpp");
  EXPECT_EQ(content_type("a.zst"), "application/zstd");
}

TEST(Mime, case_of_the_extension_does_not_matter) { EXPECT_EQ(content_type("A.JPEG"), "image/jpeg"); }

TEST(Mime, unknown_is_empty) {
  for (const char* name : {"", "Makefile", "a.", "a.unknown", "html", "a.averyveryverylongextension"}) {
    EXPECT_EQ(content_type(name), "") << name;
  }
}

}  // namespace
}  // namespace windhover::server::files
