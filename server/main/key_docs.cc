#include "server/main/key_docs.h"

#include <fmt/format.h>

namespace windhover::server::main {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

Json definition(std::string_view description, std::string_view pattern) {
  return {{"description", description}, {"type", "string"}, {"pattern", pattern}};
}

// Patterns for editors to help with. The server itself parses, and says more about what is wrong.
Json definitions() {
  return {
      {"text", {{"type", "string"}, {"minLength", 1}}},
      {"path", {{"description", "A path of the file system."}, {"type", "string"}, {"minLength", 1}}},
      {"duration", definition("Such as 130s, 200ms, 1.5h or 00:02:10.",
                              R"(^([0-9]+(\.[0-9]{1,9})?(ns|us|ms|s|m|h|d))"
                              R"(|([0-9]+\.)?[0-9]{1,2}(:[0-9]{1,2}){2}(\.[0-9]{1,9})?)$)")},
      {"size",
       {{"description", "Bytes, or text such as 8KiB or 1MiB."},
        {"oneOf",
         {{{"type", "integer"}, {"minimum", 0}}, {{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB|TiB)?$"}}}}}},
      {"address", definition("An IPv4 or IPv6 address.", "^[0-9A-Fa-f:.]+$")},
      {"addressWithPrefix", definition("An address with its prefix length.", "^[0-9A-Fa-f:.]+/[0-9]{1,3}$")},
      {"udpEndpoint", definition("Such as 192.0.2.7:4789 or [2001:db8::7]:4789.", R"(^[0-9A-Fa-f:.\[\]]+$)")},
      {"network", definition("Such as 192.0.2.0/24.", "^[0-9A-Fa-f:.]+/[0-9]{1,3}$")},
      {"macAddress", definition("A MAC address.", "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")},
      {"endpointUrl", definition("Such as http://10.66.0.2:8080 or http://*:8080.", R"(^https?://[^/?#@]+/?$)")},
  };
}

std::string joined(const Json& words) {
  std::string text;
  for (const Json& word : words) {
    if (!text.empty()) text += ", ";
    text += word.is_string() ? word.get<std::string>() : word.dump();
  }
  return text;
}

/// "size", "true or false", "1 to 255 or null": what may stand there.
std::string value_of(const Json& schema) {
  if (schema.contains("$ref")) {
    const auto name = schema.at("$ref").get<std::string>();
    return name.substr(name.rfind('/') + 1);
  }
  if (schema.contains("enum")) return joined(schema.at("enum"));
  if (schema.contains("oneOf")) {
    const Json& first = schema.at("oneOf").at(0);
    const bool nullable = schema.at("oneOf").back().value("type", "") == "null";
    const bool list = first.value("type", "") == "array";
    return fmt::format("{}{}{}", list ? "list of " : "", value_of(list ? first.at("items") : first),
                       nullable ? " or null" : "");
  }
  const Json& type = schema.at("type");
  if (type == "boolean") return "true, false";
  const std::string bounds = fmt::format("{} to {}", schema.at("minimum").dump(), schema.at("maximum").dump());
  return type.is_array() ? bounds + " or null" : bounds;
}

std::string default_of(const Json& schema) {
  const Json& value = schema.at("default");
  if (!value.is_array()) return joined(Json::array({value}));
  return value.empty() ? "[]" : joined(value);
}

void add_rows(const std::string& prefix, const Json& properties, std::string& table) {
  for (const auto& [name, schema] : properties.items()) {
    const std::string key = prefix + name;
    if (schema.contains("properties")) {
      add_rows(key + ".", schema.at("properties"), table);
    } else if (schema.contains("additionalProperties")) {
      add_rows(key + ".NAME.", schema.at("additionalProperties").at("properties"), table);
    } else {
      table += fmt::format("| `{}` | {} | `{}` | {} |\n", key, value_of(schema), default_of(schema),
                           schema.at("description").get<std::string>());
    }
  }
}

Json described(const Settings& settings) {
  return config::describe([&](config::Reader& reader) {
    Settings copy = settings;
    read(reader, copy);
  });
}

}  // namespace

std::string json_schema(const Settings& settings) {
  Json schema = {{"$schema", kDialect},
                 {"title", "windhover"},
                 {"description", "The configuration of windhover. Keys are the same in upper and lower case."}};
  Json object = described(settings);
  Json properties = {{"$schema", {{"type", "string"}}}};
  properties.update(object["properties"]);
  object["properties"] = std::move(properties);
  schema.update(object);
  schema["$defs"] = definitions();
  return schema.dump(2) + "\n";
}

std::string key_table(const Settings& settings) {
  std::string table = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
  add_rows("", described(settings).at("properties"), table);
  return table;
}

}  // namespace windhover::server::main
