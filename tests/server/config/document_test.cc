#include "server/config/document.h"

#include <gtest/gtest.h>

#include <fstream>

namespace windhover::server::config {
namespace {

using Lines = std::vector<std::string>;

struct Parsed {
  std::optional<Value> value;
  Problems problems;
};

Parsed parse(std::string_view text) {
  Parsed parsed;
  parsed.value = parse_document(text, {"a.json", ""}, parsed.problems);
  return parsed;
}

/// What one wrong document says, as a line.
std::string complaint(std::string_view text) {
  const Parsed parsed = parse(text);
  return parsed.problems.empty() ? "" : parsed.problems.lines().front();
}

const Value& at(const Value& value, std::string_view key) {
  const Value* found = value.find(key);
  if (found == nullptr) throw std::runtime_error("no " + std::string(key));
  return *found;
}

Value good(std::string_view text) {
  Parsed parsed = parse(text);
  EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.lines().front();
  return std::move(parsed.value.value());
}

TEST(Document, KnowsWhereEveryValueStands) {
  const Value root =
      good("// comment \"with\" {tokens}\n{\n  \"a\": /* 1, */ 12,\n\t\"b\": [true, \"x\",\n    null],\n \"c\":{}}");
  EXPECT_EQ(root.origin.to_string(), "a.json:2:1");
  EXPECT_EQ(at(root, "a").origin.to_string(), "a.json:3:17");
  const auto& list = std::get<Value::Array>(at(root, "b").data);
  EXPECT_EQ(list[0].origin.to_string(), "a.json:4:8");
  EXPECT_EQ(list[1].origin.to_string(), "a.json:4:14");
  EXPECT_EQ(list[2].origin.to_string(), "a.json:5:5");
  EXPECT_EQ(at(root, "c").origin.to_string(), "a.json:6:6");
  EXPECT_EQ(std::get<Value::Object>(root.data)[2].key_origin.to_string(), "a.json:6:2");
}

TEST(Document, CountsCharactersNotBytes) {
  const Value root = good("\xef\xbb\xbf{ \"\xc3\xa4\xc3\xb6\": \"\\\"{\\u00e4\", \"b\": 1 }");
  EXPECT_EQ(at(root, "b").origin.to_string(), "a.json:1:27");
  EXPECT_EQ(std::get<std::string>(at(root, "\xc3\xa4\xc3\xb6").data), "\"{\xc3\xa4");
}

TEST(Document, KeepsEveryKindOfValue) {
  const Value root =
      good(R"({"n": null, "t": true, "i": -5, "u": 18446744073709551615, "f": 1.5, "s": "x", "a": [], "o": {}})");
  EXPECT_TRUE(std::holds_alternative<std::nullptr_t>(at(root, "n").data));
  EXPECT_TRUE(std::get<bool>(at(root, "t").data));
  EXPECT_EQ(std::get<std::int64_t>(at(root, "i").data), -5);
  EXPECT_EQ(std::get<double>(at(root, "u").data), 18446744073709551616.0);
  EXPECT_EQ(std::get<double>(at(root, "f").data), 1.5);
  EXPECT_EQ(std::get<std::string>(at(root, "s").data), "x");
  EXPECT_EQ(at(root, "a").kind(), "a list");
  EXPECT_EQ(at(root, "o").kind(), "an object");
}

TEST(Document, FindsKeysInAnyCase) { EXPECT_NE(good(R"({"keepAlive": 1})").find("KEEPALIVE"), nullptr); }

TEST(Document, WithAKeyTwice_SaysWhereTheFirstIs) {
  EXPECT_EQ(complaint("{\"a\": 1,\n \"a\": 2}"), "a.json:2:2: /a: this key is already given in line 1");
  EXPECT_EQ(complaint("{\"x\": {\"a\": 1, \"A\": 2}}"),
            "a.json:1:16: /x/A: this key is already given in line 1 (upper and lower case are equal)");
}

TEST(Document, WithASyntaxError_PointsAtTheToken) {
  EXPECT_EQ(complaint("{\n \"a\": 1,\n \"b\" 2\n}"),
            "a.json:3:6: syntax error while parsing object separator - unexpected number literal; expected ':'");
  EXPECT_TRUE(complaint("{\"a\": 1,}").starts_with("a.json:1:9: syntax error"));
  EXPECT_TRUE(complaint("{\n  \"a\": tru }").starts_with("a.json:2:8: syntax error"));
  EXPECT_TRUE(complaint("{\"a\": 1} x").starts_with("a.json:1:10: syntax error"));
  EXPECT_TRUE(complaint("").starts_with("a.json:1:1: syntax error"));
  EXPECT_TRUE(complaint("{\"a\":\n").starts_with("a.json:2:1: syntax error"));
}

TEST(Document, TruncatedAnywhere_IsAProblemAndNotAValue) {
  const std::string_view whole = "/* c */ {\"a\": [1, {\"b\": \"\\u00e4\"}, null], // x\n \"c\": {\"d\": -1.5e3}}";
  ASSERT_TRUE(parse(whole).problems.empty());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Parsed parsed = parse(std::string(whole.substr(0, size)));
    EXPECT_FALSE(parsed.value) << size;
    EXPECT_FALSE(parsed.problems.empty()) << size;
  }
}

TEST(Document, WithBytesThatAreNoText_IsAProblem) {
  for (const char* text : {"{\"a\": \"\xff\"}", "\xff\xfe{", "{\"a\": \"\x01\"}"}) {
    EXPECT_FALSE(parse(text).value) << text;
    EXPECT_FALSE(parse(text).problems.empty()) << text;
  }
  EXPECT_FALSE(parse(std::string_view("{\0}", 3)).value);
}

TEST(Document, AtItsBounds_IsTaken_BeyondIsNot) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse(nested(kDepthMax)).value);
  EXPECT_EQ(complaint(nested(kDepthMax + 1)),
            "a.json:1:17: /0/0/0/0/0/0/0/0/0/0/0/0/0/0/0: objects and lists may lie 16 deep in each other");
  EXPECT_FALSE(parse(std::string(100'000, '[')).value);

  const auto list = [](std::size_t size) {
    std::string text = "[0";
    for (std::size_t i = 1; i < size; ++i) text += ",0";
    return text + "]";
  };
  EXPECT_TRUE(parse(list(kMembersMax)).value);
  EXPECT_FALSE(parse(list(kMembersMax + 1)).value);

  const std::string padding(kDocumentSizeMax - 2, ' ');
  EXPECT_TRUE(parse("{}" + padding).value);
  EXPECT_EQ(complaint("{}" + padding + " "), "a.json: longer than 1048576 bytes");
}

TEST(LoadDocument, OfWhatCannotBeRead_SaysWhy) {
  Problems problems;
  EXPECT_FALSE(load_document("/nonexistent/x.json", problems));
  EXPECT_FALSE(load_document("/", problems));
  EXPECT_EQ(problems.lines(), (Lines{"/nonexistent/x.json: cannot be read: No such file or directory (errno 2)",
                                     "/: cannot be read: Is a directory (errno 21)"}));
}

/// The document after --set arguments, and what was wrong with them.
Parsed with_options(std::string_view text, const Lines& options) {
  Parsed parsed = parse(text);
  for (const std::string& option : options) {
    const auto change = override_from_option(option, parsed.problems);
    if (change) apply_override(*change, *parsed.value, parsed.problems);
  }
  return parsed;
}

TEST(Override, ReplacesInAnyCaseAndNamesItsOption) {
  const Parsed parsed = with_options(R"({"limits": {"keepAliveTimeout": "1s"}})", {"LIMITS.KeepAliveTimeout=5s"});
  const Value& value = at(at(*parsed.value, "limits"), "keepAliveTimeout");
  EXPECT_EQ(std::get<BareText>(value.data).text, "5s");
  EXPECT_EQ(value.origin.to_string(), "option --set LIMITS.KeepAliveTimeout");
  EXPECT_EQ(std::get<Value::Object>(at(*parsed.value, "limits").data).size(), 1U);
}

TEST(Override, MakesWhatIsNotThere) {
  const Parsed parsed = with_options("{}", {"a.b.c=1", "l.0=x", "l.1=y=z", "e="});
  EXPECT_TRUE(parsed.problems.empty());
  EXPECT_EQ(std::get<BareText>(at(at(at(*parsed.value, "a"), "b"), "c").data).text, "1");
  const auto& list = std::get<Value::Array>(at(*parsed.value, "l").data);
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(std::get<BareText>(list[1].data).text, "y=z");
  EXPECT_EQ(std::get<BareText>(at(*parsed.value, "e").data).text, "");
}

TEST(Override, ReachesIntoListsAndAppends) {
  const Parsed parsed = with_options(R"({"l": ["a", "b"]})", {"l.0=x", "l.2=y", "l.9=z", "l.first=z"});
  EXPECT_EQ(std::get<Value::Array>(at(*parsed.value, "l").data).size(), 3U);
  EXPECT_EQ(parsed.problems.lines(),
            (Lines{"option --set l.9: /l: \"9\" is no index of a list with 3 elements",
                   "option --set l.first: /l: \"first\" is no index of a list with 3 elements"}));
}

TEST(Override, TakesJsonForListsAndObjects) {
  const Parsed parsed = with_options("{}", {R"(l=["a", 2])", R"(o={"x": 1})", "bad=[1,", "dup={\"a\":1,\"A\":2}"});
  EXPECT_EQ(std::get<Value::Array>(at(*parsed.value, "l").data).size(), 2U);
  EXPECT_EQ(std::get<std::int64_t>(at(at(*parsed.value, "o"), "x").data), 1);
  ASSERT_EQ(parsed.problems.all().size(), 2U);
  EXPECT_TRUE(parsed.problems.lines()[0].starts_with("option --set bad:1:4: /bad: syntax error"));
  EXPECT_TRUE(parsed.problems.lines()[1].starts_with("option --set dup:1:8: /dup/A: this key is already given"));
}

TEST(Override, TakesAnIpv6EndpointForText) {
  const Parsed parsed = with_options("{}", {"a=[::]:4789", "b=[fd66::2]:80", "c=[1, 2]", "d=[]"});
  EXPECT_EQ(std::get<BareText>(at(*parsed.value, "a").data).text, "[::]:4789");
  EXPECT_EQ(std::get<BareText>(at(*parsed.value, "b").data).text, "[fd66::2]:80");
  EXPECT_EQ(std::get<Value::Array>(at(*parsed.value, "c").data).size(), 2U);
  EXPECT_TRUE(std::get<Value::Array>(at(*parsed.value, "d").data).empty());
}

TEST(Override, ThroughAScalar_IsAProblem) {
  const Parsed parsed = with_options(R"({"a": 1})", {"a.b=2"});
  EXPECT_EQ(parsed.problems.lines(), (Lines{"option --set a.b: /a: is a number and has no \"b\""}));
}

TEST(Override, OfNoForm_IsAProblem) {
  const Parsed parsed = with_options("{}", {"a", "=1", "a..b=1", ".a=1", "a.=1"});
  EXPECT_EQ(parsed.problems.all().size(), 5U);
  EXPECT_EQ(parsed.problems.lines().front(),
            "option --set a: is not of the form key=value, such as limits.keepAliveTimeout=5s");
}

TEST(Environment, GivesTheVariablesOfThePrefix) {
  const char* const environment[] = {"PATH=/bin",
                                     "WINDHOVER__TCP__SACK=false",
                                     "WINDHOVER__BACKEND__ADDRESSES__0=10.0.0.1/8",
                                     "WINDHOVER_X=1",
                                     "WINDHOVER__=1",
                                     "WINDHOVER__A____B=1",
                                     nullptr};
  Problems problems;
  const auto overrides = overrides_from_environment(environment, "WINDHOVER__", problems);
  ASSERT_EQ(overrides.size(), 2U);
  EXPECT_EQ(overrides[0].path, (Lines{"BACKEND", "ADDRESSES", "0"}));
  EXPECT_EQ(overrides[0].text, "10.0.0.1/8");
  EXPECT_EQ(overrides[1].source.name, "environment variable WINDHOVER__TCP__SACK");
  EXPECT_EQ(
      problems.lines(),
      (Lines{"environment variable WINDHOVER__: names no setting: write WINDHOVER__LIMITS__KEEPALIVETIMEOUT",
             "environment variable WINDHOVER__A____B: names no setting: write WINDHOVER__LIMITS__KEEPALIVETIMEOUT"}));
}

}  // namespace
}  // namespace windhover::server::config
