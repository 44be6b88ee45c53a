#include "server/config/reader.h"

#include <gtest/gtest.h>

namespace windhover::server::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Lines = std::vector<std::string>;

enum class Colour : std::uint8_t { kRed, kGreen };

/// Something with a key of each type.
struct Sample {
  bool flag = true;
  std::uint16_t count = 7;
  std::optional<std::uint32_t> bound = 9;
  double share = 0.5;
  std::uint32_t size = 8192;
  Duration time = seconds(130);
  std::string text = "x";
  Colour colour = Colour::kGreen;
  std::optional<std::vector<std::uint16_t>> numbers;
  std::vector<Url> urls = {{"http", "*", 80}};
  std::optional<Url> proxy;
  std::string folder = "www";
  std::optional<std::string> log;
  std::uint16_t inner = 1;
  std::vector<std::string> names;
};

constexpr TextFormat<Url> kUrl = {"url", "a URL", &parse_url, &print_url};

void read(Reader& reader, Sample& sample) {
  reader.boolean({"flag", "A flag."}, sample.flag);
  reader.integer({"count", "A count."}, sample.count, {1, 100'000});
  reader.integer({"bound", "A bound."}, sample.bound, {1, 10});
  reader.integers({"numbers", "Several numbers or none."}, sample.numbers, {0, 9});
  reader.number({"share", "A share."}, sample.share, 0, 1);
  reader.size({"size", "A size."}, sample.size, {16, 1 << 20});
  reader.duration({"time", "A time."}, sample.time, {milliseconds(1), std::chrono::hours(1)});
  reader.text({"text", "A text."}, sample.text);
  reader.choice<Colour>({"colour", "A colour."}, sample.colour, {{"red", Colour::kRed}, {"green", Colour::kGreen}});
  reader.list({"urls", "Several."}, sample.urls, kUrl);
  reader.formatted({"proxy", "One or none."}, sample.proxy, kUrl);
  reader.path({"folder", "A folder."}, sample.folder, "www");
  reader.path({"log", "A file or none."}, sample.log);
  reader.object({"inner", "An object."}, [&](Reader& inner) {
    inner.integer({"value", "A value."}, sample.inner, {0, 5});
  });
  reader.each({"named", "Objects by name."}, [&](std::string_view name, Reader& inner) {
    sample.names.emplace_back(name);
    bool on = true;
    inner.boolean({"on", "Whether."}, on);
  });
}

struct Filled {
  Sample sample;
  Lines complaints;
};

Filled fill_from(std::string_view text, const Lines& options = {}) {
  Filled filled;
  Problems problems;
  auto document = parse_document(text, {"conf/a.json", "conf"}, problems);
  for (const std::string& option : options) {
    apply_override(override_from_option(option, problems).value(), document.value(), problems);
  }
  fill(document.value(), problems, [&](Reader& reader) { read(reader, filled.sample); });
  filled.complaints = problems.lines();
  return filled;
}

/// The one complaint about a document, without the place.
std::string complaint(std::string_view text) {
  const Filled filled = fill_from(text);
  EXPECT_EQ(filled.complaints.size(), 1U);
  return filled.complaints.empty() ? "" : filled.complaints.front();
}

TEST(Reader, OfAnEmptyObject_LeavesTheDefaults) {
  const Filled filled = fill_from("{}");
  EXPECT_EQ(filled.complaints, Lines{});
  EXPECT_EQ(filled.sample.count, 7);
  EXPECT_EQ(filled.sample.bound, 9U);
  EXPECT_EQ(filled.sample.urls.size(), 1U);
  EXPECT_EQ(filled.sample.folder, "www");
}

TEST(Reader, FillsEveryType) {
  const Filled filled = fill_from(R"({
    "$schema": "x.json", "flag": false, "COUNT": 65535, "bound": null, "share": 1, "size": "1KiB",
    "time": "00:00:05", "text": "y", "colour": "RED", "urls": ["http://a:1", "http://b:2"], "proxy": "http://p:3",
    "folder": "/srv", "log": "l.txt",
    "inner": {"value": 5}, "named": {"A": {}, "b": {"on": false}}})");
  EXPECT_EQ(filled.complaints, Lines{});
  const Sample& sample = filled.sample;
  EXPECT_FALSE(sample.flag);
  EXPECT_EQ(sample.count, 65535);
  EXPECT_EQ(sample.bound, std::nullopt);
  EXPECT_EQ(sample.share, 1.0);
  EXPECT_EQ(sample.size, 1024U);
  EXPECT_EQ(sample.time, seconds(5));
  EXPECT_EQ(sample.text, "y");
  EXPECT_EQ(sample.colour, Colour::kRed);
  EXPECT_EQ(sample.urls, (std::vector<Url>{{"http", "a", 1}, {"http", "b", 2}}));
  EXPECT_EQ(sample.proxy, (Url{"http", "p", 3}));
  EXPECT_EQ(sample.folder, "/srv");
  EXPECT_EQ(sample.inner, 5);
  EXPECT_EQ(sample.names, (Lines{"A", "b"}));
}

TEST(Reader, TakesBareTextForEveryType) {
  const Filled filled = fill_from(
      R"({"bound": 3})", {"flag=False", "count=12", "bound=null", "share=0.25", "size=2KiB", "time=5s", "text=12",
                          "colour=red", "urls=http://a:1", "proxy=http://p:3", "inner.value=2", "named.n.on=true"});
  EXPECT_EQ(filled.complaints, Lines{});
  EXPECT_FALSE(filled.sample.flag);
  EXPECT_EQ(filled.sample.count, 12);
  EXPECT_EQ(filled.sample.bound, std::nullopt);
  EXPECT_EQ(filled.sample.share, 0.25);
  EXPECT_EQ(filled.sample.size, 2048U);
  EXPECT_EQ(filled.sample.text, "12");
  EXPECT_EQ(filled.sample.urls, (std::vector<Url>{{"http", "a", 1}}));
  EXPECT_EQ(filled.sample.inner, 2);
}

TEST(Reader, OfAWrongType_SaysWhatItFound) {
  EXPECT_EQ(complaint(R"({"flag": 1})"), "conf/a.json:1:10: /flag: 1 is not true or false");
  EXPECT_EQ(complaint(R"({"count": "12"})"), "conf/a.json:1:11: /count: \"12\" is not a whole number");
  EXPECT_EQ(complaint(R"({"count": 1.5})"), "conf/a.json:1:11: /count: 1.5 is not a whole number");
  EXPECT_EQ(complaint(R"({"count": null})"), "conf/a.json:1:11: /count: null is not a whole number");
  EXPECT_EQ(complaint(R"({"bound": []})"), "conf/a.json:1:11: /bound: a list is not a whole number or null");
  EXPECT_EQ(complaint(R"({"share": true})"), "conf/a.json:1:11: /share: true is not a number");
  EXPECT_EQ(complaint(R"({"text": 5})"), "conf/a.json:1:10: /text: 5 is not text in quotes");
  EXPECT_EQ(complaint(R"({"text": ""})"), "conf/a.json:1:10: /text: is empty");
  EXPECT_EQ(complaint(R"({"urls": 5})"), "conf/a.json:1:10: /urls: 5 is not a list");
  EXPECT_EQ(complaint(R"({"urls": [5]})"), "conf/a.json:1:11: /urls/0: 5 is not text in quotes");
  EXPECT_EQ(complaint(R"({"inner": 5})"), "conf/a.json:1:11: /inner: 5 is not an object");
  EXPECT_EQ(complaint(R"({"named": {"a": []}})"), "conf/a.json:1:17: /named/a: a list is not an object");
  EXPECT_EQ(complaint("[]"), "conf/a.json:1:1: is a list, not an object");
}

TEST(Reader, TakesAListOfNumbers_OneNumber_AndNone) {
  using Numbers = std::vector<std::uint16_t>;
  EXPECT_EQ(fill_from("{}").sample.numbers, std::nullopt);
  EXPECT_EQ(fill_from(R"({"numbers": [0, 9]})").sample.numbers, (Numbers{0, 9}));
  EXPECT_EQ(fill_from(R"({"numbers": []})").sample.numbers, Numbers{});
  EXPECT_EQ(fill_from(R"({"numbers": 3})").sample.numbers, Numbers{3});
  EXPECT_EQ(fill_from(R"({"numbers": 3})", {"numbers=[4,5]"}).sample.numbers, (Numbers{4, 5}));
  EXPECT_EQ(fill_from(R"({"numbers": 3})", {"numbers=4"}).sample.numbers, Numbers{4});
  EXPECT_EQ(fill_from(R"({"numbers": 3})", {"numbers=null"}).sample.numbers, std::nullopt);
  EXPECT_EQ(complaint(R"({"numbers": [1, 10]})"), "conf/a.json:1:17: /numbers/1: 10 is out of range: 0 to 9");
  EXPECT_EQ(complaint(R"({"numbers": [1, "a"]})"), "conf/a.json:1:17: /numbers/1: \"a\" is not a whole number");
  EXPECT_EQ(complaint(R"({"numbers": "a"})"),
            "conf/a.json:1:13: /numbers: \"a\" is not a list of whole numbers or null");
}

TEST(Reader, OfAWrongText_SaysWhatToWrite) {
  EXPECT_EQ(complaint(R"({"size": "8kb"})"),
            "conf/a.json:1:10: /size: \"8kb\" is not a size: write \"8KiB\", \"1MiB\" or a number of bytes");
  EXPECT_EQ(complaint(R"({"time": 5})"),
            "conf/a.json:1:10: /time: 5 is not a duration: write \"130s\", \"200ms\", \"5m\" or \"00:02:10\"");
  EXPECT_EQ(complaint(R"({"colour": "blue"})"), "conf/a.json:1:12: /colour: \"blue\" is not one of \"red\", \"green\"");
  EXPECT_EQ(complaint(R"({"urls": ["http://a", "b"]})"), "conf/a.json:1:23: /urls/1: \"b\" is not a URL");
}

TEST(Reader, AtABound_Takes_BeyondItRefuses) {
  EXPECT_EQ(fill_from(R"({"bound": 10, "size": 16, "time": "1ms", "share": 0})").complaints, Lines{});
  EXPECT_EQ(complaint(R"({"bound": 11})"), "conf/a.json:1:11: /bound: 11 is out of range: 1 to 10");
  EXPECT_EQ(complaint(R"({"bound": 0})"), "conf/a.json:1:11: /bound: 0 is out of range: 1 to 10");
  EXPECT_EQ(complaint(R"({"size": "15"})"), "conf/a.json:1:10: /size: \"15\" is out of range: 16 to 1MiB");
  EXPECT_EQ(complaint(R"({"size": -1})").substr(0, 28), "conf/a.json:1:10: /size: -1 ");
  EXPECT_EQ(complaint(R"({"time": "2h"})"), "conf/a.json:1:10: /time: \"2h\" is out of range: 1ms to 1h");
  EXPECT_EQ(complaint(R"({"share": 1.5})"), "conf/a.json:1:11: /share: 1.5 is out of range: 0 to 1");
}

TEST(Reader, NeverExceedsTheTypeItFills) {
  // The range asks for 100,000, the variable holds 16 bits.
  EXPECT_EQ(complaint(R"({"count": 65536})"), "conf/a.json:1:11: /count: 65536 is out of range: 1 to 65535");
}

TEST(Reader, OfAnUnknownKey_NamesTheNearest) {
  EXPECT_EQ(complaint(R"({"colur": "red"})"), "conf/a.json:1:2: /colur: unknown key; did you mean \"colour\"?");
  EXPECT_EQ(complaint(R"({"inner": {"zzzzzz": 1}})"), "conf/a.json:1:12: /inner/zzzzzz: unknown key");
  EXPECT_EQ(complaint(R"({"named": {"a": {"no": true}}})"),
            "conf/a.json:1:18: /named/a/no: unknown key; did you mean \"on\"?");
}

TEST(Reader, FindsEverythingInOneRun) {
  const Filled filled =
      fill_from("{\"zzz\": 1,\n\"flag\": 2,\n\"inner\": {\"value\": 6, \"valeu\": 1}}", {"count=many"});
  EXPECT_EQ(filled.complaints,
            (Lines{"conf/a.json:1:2: /zzz: unknown key", "conf/a.json:2:9: /flag: 2 is not true or false",
                   "conf/a.json:3:20: /inner/value: 6 is out of range: 0 to 5",
                   "conf/a.json:3:23: /inner/valeu: unknown key; did you mean \"value\"?",
                   "option --set count: /count: \"many\" is not a whole number"}));
}

TEST(Reader, TakesPathsFromWhereTheyAreSaid) {
  EXPECT_EQ(fill_from(R"({"folder": "../www"})").sample.folder, "www");
  EXPECT_EQ(fill_from(R"({"folder": "../www"})", {"folder=site"}).sample.folder, "site");
  EXPECT_EQ(fill_from(R"({"log": "/l.txt"})").sample.log, "/l.txt");
  EXPECT_EQ(fill_from(R"({"log": "/l.txt"})", {"log=null"}).sample.log, std::nullopt);
}

TEST(Describe, GivesTheSchemaOfWhatIsRead) {
  const auto schema = describe([](Reader& reader) {
    Sample sample;
    read(reader, sample);
  });
  EXPECT_EQ(schema["additionalProperties"], false);
  const auto& properties = schema["properties"];
  EXPECT_EQ(properties["count"].dump(),
            R"({"description":"A count.","type":"integer","minimum":1,"maximum":65535,"default":7})");
  EXPECT_EQ(properties["bound"]["type"].dump(), R"(["integer","null"])");
  EXPECT_EQ(properties["time"].dump(),
            R"({"description":"A time. From 1ms to 1h.","$ref":"#/$defs/duration","default":"130s"})");
  EXPECT_EQ(properties["size"]["default"], "8KiB");
  EXPECT_EQ(properties["colour"].dump(), R"({"description":"A colour.","enum":["red","green"],"default":"green"})");
  EXPECT_EQ(properties["urls"]["default"].dump(), R"(["http://*:80"])");
  EXPECT_EQ(properties["proxy"]["oneOf"].dump(), R"([{"$ref":"#/$defs/url"},{"type":"null"}])");
  EXPECT_EQ(properties["inner"]["properties"]["value"]["default"], 1);
  EXPECT_EQ(properties["named"]["additionalProperties"]["properties"]["on"]["type"], "boolean");
}

}  // namespace
}  // namespace windhover::server::config
