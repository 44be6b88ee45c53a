#include "server/main/key_docs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace windhover::server::main {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(std::filesystem::path(WINDHOVER_SOURCE_DIR) / file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Paths of all keys that a schema has, such as "limits.keepAliveTimeout".
void collect(const std::string& prefix, const Json& properties, std::vector<std::string>& keys) {
  for (const auto& [name, schema] : properties.items()) {
    if (schema.contains("properties")) {
      collect(prefix + name + ".", schema["properties"], keys);
    } else if (schema.contains("additionalProperties")) {
      collect(prefix + name + ".NAME.", schema["additionalProperties"]["properties"], keys);
    } else {
      keys.push_back(prefix + name);
    }
  }
}

TEST(KeyDocs, TheSchemaInTheTree_IsWhatTheCodeReads) {
  EXPECT_EQ(text_of("config/windhover.schema.json"), json_schema(Settings()))
      << "write it again with: windhover keys --schema >config/windhover.schema.json";
}

TEST(KeyDocs, TheTableInTheGuide_IsWhatTheCodeReads) {
  EXPECT_NE(text_of("config/README.md").find("\n" + key_table(Settings())), std::string::npos)
      << "put the output of `windhover keys` into config/README.md";
}

TEST(KeyDocs, EveryReferenceOfTheSchemaIsDefined) {
  const std::string text = json_schema(Settings());
  const Json definitions = Json::parse(text)["$defs"];
  const std::string_view start = "\"$ref\": \"#/$defs/";
  std::size_t count = 0;
  for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1), ++count) {
    const std::size_t begin = at + start.size();
    const std::string name = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_TRUE(definitions.contains(name)) << name;
  }
  EXPECT_GT(count, 30U);
}

TEST(KeyDocs, TheTableHasEveryKeyOfTheSchema) {
  const Json schema = Json::parse(json_schema(Settings()));
  std::vector<std::string> keys;
  collect("", schema["properties"], keys);
  const std::string table = key_table(Settings());
  for (const std::string& key : keys) {
    EXPECT_TRUE(key == "$schema" || table.find("| `" + key + "` |") != std::string::npos) << key;
  }
  EXPECT_GT(keys.size(), 80U);
}

TEST(KeyDocs, EveryKeyIsExplained) {
  const std::string table = key_table(Settings());
  EXPECT_EQ(table.find("|  |"), std::string::npos);
  EXPECT_NE(table.find("| `limits.keepAliveTimeout` | duration | `130s` |"), std::string::npos);
  EXPECT_NE(table.find("| `endpoints.NAME.url` | endpointUrl | `http://*:8080` |"), std::string::npos);
  EXPECT_NE(table.find("| `limits.maxConcurrentConnections` | 1 to 16777216 or null | `null` |"), std::string::npos);
}

}  // namespace
}  // namespace windhover::server::main
