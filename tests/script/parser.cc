#include "tests/script/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tests/script/cursor.h"
#include "tests/script/options.h"

namespace windhover::script {
namespace {

constexpr std::size_t kLineMax = 400;  // Characters.

struct FlagName {
  char letter;
  std::uint8_t bit;
};
constexpr std::array<FlagName, 8> kFlagNames{
    {{'F', 0x01}, {'S', 0x02}, {'R', 0x04}, {'P', 0x08}, {'.', 0x10}, {'U', 0x20}, {'E', 0x40}, {'W', 0x80}}};
constexpr std::uint8_t kAckBit = 0x10;
constexpr std::uint8_t kPushAndFin = 0x09;

// ------------------------------------------------------------------------------------------------------------- times

Duration bounded(const Cursor& cursor, Duration time) {
  if (time > kTimeMax) cursor.fail("an earlier time: at most 60 days");
  return time;
}

Time parse_time(Cursor& cursor) {
  Time time;
  if (cursor.take('*')) {
    time.kind = Time::Kind::kAny;
  } else {
    time.kind = cursor.take('+') ? Time::Kind::kRelative : Time::Kind::kAbsolute;
    time.at = bounded(cursor, cursor.duration("a time such as 0.2, +0.2 or +200ms"));
    if (cursor.take('~')) {
      if ((time.kind == Time::Kind::kRelative) != cursor.take('+')) cursor.fail("a range of one kind: A~B or +A~+B");
      time.until = bounded(cursor, cursor.duration("the end of a range"));
      if (*time.until < time.at) cursor.fail("a range that ends after it begins");
    }
  }
  cursor.expect_blank("a time");
  return time;
}

bool begins_time(const Cursor& cursor) {
  const char c = cursor.peek();
  return c == '+' || c == '*' || (c >= '0' && c <= '9');
}

// ---------------------------------------------------------------------------------------------------------- segments

std::optional<std::uint8_t> parse_flags(Cursor& cursor) {
  const char* const expected = "flags: letters of SFRPUEW and . for ACK, - for none, or * for any";
  if (cursor.take_word("*")) return std::nullopt;
  std::uint8_t flags = 0;
  if (cursor.take_word("-")) return flags;
  while (!cursor.at_end() && cursor.peek() != ' ' && cursor.peek() != '\t') {
    const auto* const found = std::find_if(kFlagNames.begin(), kFlagNames.end(),
                                           [&](const FlagName& name) { return name.letter == cursor.peek(); });
    if (found == kFlagNames.end() || (flags & found->bit) != 0) cursor.fail(expected);
    flags = static_cast<std::uint8_t>(flags | found->bit);
    cursor.take(found->letter);
  }
  if (flags == 0) cursor.fail(expected);
  cursor.skip();
  return flags;
}

/// "1:1001(1000)", or "*".
void parse_range(Cursor& cursor, Segment& segment) {
  if (cursor.take_word("*")) return;
  segment.seq = cursor.seq("a range of sequence numbers such as 1:1001(1000), or *");
  cursor.expect(':');
  const std::uint32_t end = cursor.seq("where the payload ends");
  cursor.expect('(');
  segment.size = static_cast<std::uint32_t>(cursor.digits(kWriteMax, "the size of the payload"));
  if (*segment.seq + segment.size != end) {
    cursor.fail("size " + std::to_string(end - *segment.seq) + ", the distance of the two numbers");
  }
  cursor.expect(')');
  cursor.expect_blank("the range");
}

Ecn parse_ecn(Cursor& cursor) {
  if (cursor.take_word("none")) return Ecn::kNotEct;
  if (cursor.take_word("ect0")) return Ecn::kEct0;
  if (cursor.take_word("ect1")) return Ecn::kEct1;
  if (cursor.take_word("ce")) return Ecn::kCe;
  cursor.fail("none, ect0, ect1 or ce");
}

std::uint16_t parse_sixteen(Cursor& cursor, const char* expected) {
  const auto value = static_cast<std::uint16_t>(cursor.digits(0xffff, expected));
  cursor.expect_blank(expected);
  return value;
}

/// What follows the range, in any order. Returns the size of `each`, or 0.
std::uint32_t parse_attributes(Cursor& cursor, Segment& segment, bool inbound) {
  std::uint32_t each = 0;
  while (!cursor.at_end()) {
    if (cursor.take_word("ack")) {
      if (!cursor.take_word("*")) {
        segment.ack = cursor.seq("an acknowledgement number or *");
        cursor.expect_blank("the acknowledgement number");
      }
    } else if (cursor.take_word("win")) {
      segment.window = parse_sixteen(cursor, "a window as on the wire");
    } else if (cursor.take_word("urg")) {
      segment.urgent = parse_sixteen(cursor, "an urgent pointer");
    } else if (cursor.take_word("ecn")) {
      segment.ecn = parse_ecn(cursor);
    } else if (cursor.take_word("each")) {
      each = parse_sixteen(cursor, "the payload of each segment");
      if (each == 0 || segment.size == 0) cursor.fail("a payload to spread out before 'each'");
    } else if (cursor.peek() == '<') {
      segment.options = parse_options(cursor);
    } else if (inbound && cursor.take_word("badsum")) {
      segment.bad_checksum = true;
    } else if (inbound && cursor.take_word("junk")) {
      segment.junk = true;
    } else {
      cursor.fail(inbound ? "ack, win, urg, ecn, each, badsum, junk or <options>"
                          : "ack, win, urg, ecn, each or <options>");
    }
  }
  return each;
}

void check_inbound(const Cursor& cursor, const Segment& segment) {
  if (!segment.flags) cursor.fail("flags that can be sent, not *");
  if (!segment.seq) cursor.fail("sequence numbers that can be sent, not *");
  if ((*segment.flags & kAckBit) != 0 && !segment.ack) cursor.fail("ack N, since the flags say ACK");
  if (!segment.options) return;
  const auto open = [](const Option& option) {
    if (option.kind == Option::Kind::kRest) return true;
    return (option.kind == Option::Kind::kMss || option.kind == Option::Kind::kWindowScale) && !option.value;
  };
  if (std::any_of(segment.options->begin(), segment.options->end(), open))
    cursor.fail("options that can be sent, without ... or *");
}

template <class Direction>
void add_segments(Script& script, const Cursor& cursor, const Step& pattern, const Segment& whole, std::uint32_t each) {
  if (each == 0) each = std::max(whole.size, 1U);
  if (std::min(each, whole.size) > kPayloadMax) cursor.fail("a smaller payload, or 'each N'");
  std::uint32_t done = 0;
  do {
    Segment segment = whole;
    segment.size = std::min(each, whole.size - done);
    if (whole.seq) segment.seq = *whole.seq + done;
    done += segment.size;
    // Of a row of segments the last one pushes and finishes.
    if (done < whole.size && segment.flags)
      segment.flags = static_cast<std::uint8_t>(*segment.flags & ~unsigned{kPushAndFin});
    Step step = pattern;
    if (!script.steps.empty() && done > segment.size) step.time = {};
    step.what = Direction{std::move(segment)};
    script.steps.push_back(std::move(step));
    if (script.steps.size() > kStepsMax) cursor.fail("a shorter script: at most 10000 steps");
  } while (done < whole.size);
}

IcmpError parse_icmp(Cursor& cursor) {
  struct Name {
    std::string_view word;
    IcmpError::Kind kind;
  };
  using Kind = IcmpError::Kind;
  static constexpr std::array<Name, 8> kNames{{{"too_big", Kind::kTooBig},
                                               {"net_unreachable", Kind::kNet},
                                               {"host_unreachable", Kind::kHost},
                                               {"protocol_unreachable", Kind::kProtocol},
                                               {"port_unreachable", Kind::kPort},
                                               {"prohibited", Kind::kProhibited},
                                               {"time_exceeded", Kind::kTimeExceeded},
                                               {"source_quench", Kind::kQuench}}};
  IcmpError error;
  const auto* const found =
      std::find_if(kNames.begin(), kNames.end(), [&](const Name& name) { return cursor.take_word(name.word); });
  if (found == kNames.end()) {
    cursor.fail(
        "too_big, net_unreachable, host_unreachable, protocol_unreachable, port_unreachable, prohibited, "
        "time_exceeded or source_quench");
  }
  error.kind = found->kind;
  if (error.kind == Kind::kTooBig) error.mtu = parse_sixteen(cursor, "the MTU of the next link");
  if (!cursor.take_word("quoting")) cursor.fail("'quoting' and a sequence number of the stack");
  error.seq = cursor.seq("the sequence number of the quoted segment");
  cursor.expect_blank("the quoted number");
  return error;
}

void parse_segment_line(Script& script, Cursor& cursor, Step& step, bool inbound) {
  cursor.skip();
  if (inbound && cursor.take_word("icmp")) {
    step.what = parse_icmp(cursor);
    script.steps.push_back(step);
    return;
  }
  Segment segment;
  segment.flags = parse_flags(cursor);
  parse_range(cursor, segment);
  const std::uint32_t each = parse_attributes(cursor, segment, inbound);
  if (inbound) {
    check_inbound(cursor, segment);
    add_segments<Inbound>(script, cursor, step, segment, each);
  } else {
    add_segments<Outbound>(script, cursor, step, segment, each);
  }
}

// ------------------------------------------------------------------------------------------------ verbs and checks

struct VerbName {
  std::string_view word;
  Verb::Kind kind;
  std::uint64_t most;           // Of the number that follows; 0 for none.
  std::string_view argument{};  // What a message calls it.
};
constexpr std::array<VerbName, 15> kVerbs{{{"listen", Verb::Kind::kListen, 0},
                                           {"unlisten", Verb::Kind::kUnlisten, 0},
                                           {"refuse", Verb::Kind::kRefuse, 0},
                                           {"connect", Verb::Kind::kConnect, 0},
                                           {"write", Verb::Kind::kWrite, kWriteMax, "how many bytes to write"},
                                           {"slice", Verb::Kind::kSlice, kWriteMax, "how many bytes to write"},
                                           {"shutdown", Verb::Kind::kShutdown, 0},
                                           {"abort", Verb::Kind::kAbort, 0},
                                           {"cork", Verb::Kind::kCork, 0},
                                           {"uncork", Verb::Kind::kUncork, 0},
                                           {"pause", Verb::Kind::kPause, 0},
                                           {"resume", Verb::Kind::kResume, 0},
                                           {"read", Verb::Kind::kRead, kWriteMax, "how many bytes to read"},
                                           {"stop", Verb::Kind::kStop, 0},
                                           {"flow", Verb::Kind::kFlow, 1000, "the number of a connection"}}};

struct CheckName {
  std::string_view word;
  Check::Kind kind;
};
constexpr std::array<CheckName, 14> kChecks{{{"established", Check::Kind::kEstablished},
                                             {"not established", Check::Kind::kNotEstablished},
                                             {"open", Check::Kind::kOpen},
                                             {"closed", Check::Kind::kClosed},
                                             {"peer_finished", Check::Kind::kPeerFinished},
                                             {"not peer_finished", Check::Kind::kNotPeerFinished},
                                             {"drained", Check::Kind::kDrained},
                                             {"sendable", Check::Kind::kSendable},
                                             {"data", Check::Kind::kData},
                                             {"state", Check::Kind::kState},
                                             {"info", Check::Kind::kInfo},
                                             {"counter", Check::Kind::kCounter},
                                             {"connections", Check::Kind::kConnections},
                                             {"time_wait", Check::Kind::kTimeWait}}};

constexpr std::uint64_t kTenths = 10;

/// A number with an optional unit: 14600, 200ms, 2.5mss.
std::uint64_t parse_value(Cursor& cursor, Bounds::Unit& unit) {
  const char* const expected = "a number, such as 14600, 200ms or 10mss";
  constexpr std::uint64_t kMost = UINT64_C(1) << 60;
  const Cursor begin = cursor;
  const std::uint64_t whole = cursor.digits(kMost, expected);
  const Cursor point = cursor;
  std::uint64_t tenth = kTenths;
  if (cursor.take('.')) {
    if (cursor.peek() == '.') {
      cursor = point;  // A range.
    } else {
      tenth = cursor.digits(9, "one digit after the point");
    }
  }
  if (cursor.take_text("mss")) {
    unit = Bounds::Unit::kSegments;
    if (whole > kMost / kTenths) cursor.fail("fewer segments");
    return whole * kTenths + tenth % kTenths;
  }
  const char next = cursor.peek();
  if (next == 's' || next == 'm' || next == 'u') {
    unit = Bounds::Unit::kDuration;
    cursor = begin;
    return static_cast<std::uint64_t>(cursor.duration(expected).count());
  }
  if (tenth != kTenths) cursor.fail("a unit after a number with a point");
  return whole;
}

/// "N", "A..B", "< N", "<= N", "> N" or ">= N".
Bounds parse_bounds(Cursor& cursor) {
  Bounds bounds{0, UINT64_MAX};
  const bool below = cursor.take('<');
  const bool above = !below && cursor.take('>');
  const bool closed = (below || above) && cursor.take('=');
  cursor.skip();
  const std::uint64_t value = parse_value(cursor, bounds.unit);
  if (below) {
    if (!closed && value == 0) cursor.fail("a bound that something is below");
    bounds.high = closed ? value : value - 1;
  } else if (above) {
    bounds.low = closed ? value : value + 1;
  } else {
    bounds.low = bounds.high = value;
    if (cursor.take_text("..")) {
      Bounds::Unit unit = Bounds::Unit::kPlain;
      bounds.high = parse_value(cursor, unit);
      if (unit != bounds.unit || bounds.high < bounds.low) cursor.fail("a larger number in the same unit");
    }
  }
  cursor.expect_blank("the number");
  return bounds;
}

Check parse_check(Cursor& cursor, Check::Kind kind) {
  Check check{kind};
  switch (kind) {
    case Check::Kind::kClosed:
      check.name = cursor.word("the reason, such as peer_reset");
      break;
    case Check::Kind::kState:
      check.name = cursor.word("a state, such as FIN-WAIT-1");
      break;
    case Check::Kind::kInfo:
    case Check::Kind::kCounter:
      check.name = cursor.word("a name");
      check.bounds = parse_bounds(cursor);
      break;
    case Check::Kind::kData:
    case Check::Kind::kConnections:
    case Check::Kind::kTimeWait:
      check.bounds = parse_bounds(cursor);
      break;
    default:
      break;
  }
  return check;
}

Verb parse_peer(Cursor& cursor) {
  Verb verb;
  if (cursor.take_word("isn")) {
    verb.kind = cursor.take('+') ? Verb::Kind::kPeerIsnAdd : Verb::Kind::kPeerIsn;
    verb.number = cursor.seq("a sequence number");
  } else if (cursor.take_word("clock")) {
    verb.kind = Verb::Kind::kPeerClock;
    (void)cursor.take('+');
    verb.number = cursor.seq("milliseconds to move the peer's timestamps by");
  } else {
    cursor.fail("'isn' or 'clock'");
  }
  cursor.expect_blank("the number");
  return verb;
}

/// A verb with a time: of close() none means that it lingers without end.
Verb parse_timed(Cursor& cursor, Verb::Kind kind) {
  Verb verb{kind};
  if (kind == Verb::Kind::kClose && cursor.at_end()) {
    verb.number = UINT64_MAX;
    return verb;
  }
  verb.number = static_cast<std::uint64_t>(bounded(cursor, cursor.duration("a time such as 2s")).count());
  cursor.expect_blank("the time");
  return verb;
}

std::optional<Verb> parse_verb(Cursor& cursor) {
  if (cursor.take_word("peer")) return parse_peer(cursor);
  if (cursor.take_word("close")) return parse_timed(cursor, Verb::Kind::kClose);
  if (cursor.take_word("user_timeout")) return parse_timed(cursor, Verb::Kind::kUserTimeout);
  for (const VerbName& name : kVerbs) {
    if (!cursor.take_word(name.word)) continue;
    Verb verb{name.kind};
    if (name.most > 0) {
      verb.number = cursor.digits(name.most, name.argument);
      cursor.expect_blank("the number");
    }
    if (name.kind == Verb::Kind::kWrite && cursor.take_word("takes")) {
      verb.taken = cursor.digits(kWriteMax, "how many bytes must be taken");
      cursor.expect_blank("the number");
    }
    return verb;
  }
  return std::nullopt;
}

void parse_handshake(Script& script, Cursor& cursor, const Step& step);

void parse_step(Script& script, Cursor& cursor, std::string_view text) {
  Step step{.line = cursor.number(), .text = std::string(text)};
  if (begins_time(cursor)) step.time = parse_time(cursor);
  const bool outbound = cursor.peek() == '>';
  if (!outbound && (step.time.kind == Time::Kind::kAny || step.time.until)) {
    cursor.fail("'>': only a segment that comes out can have a range of times");
  }
  if (cursor.take('<')) return parse_segment_line(script, cursor, step, true);
  if (cursor.take('>')) return parse_segment_line(script, cursor, step, false);
  if (cursor.take_word("handshake")) return parse_handshake(script, cursor, step);
  if (cursor.take_word("no")) {
    if (!cursor.take_word("output")) cursor.fail("'output'");
    if (cursor.take_word("until")) step.time = parse_time(cursor);
    if (step.time.kind == Time::Kind::kAny || step.time.until) cursor.fail("one moment");
    step.what = Quiet{};
  } else if (const auto verb = parse_verb(cursor)) {
    step.what = *verb;
  } else {
    const auto* const found = std::find_if(kChecks.begin(), kChecks.end(),
                                           [&](const CheckName& name) { return cursor.take_word(name.word); });
    if (found == kChecks.end()) cursor.fail("<, >, 'no output', a verb or a check (see tests/script/README.md)");
    step.what = parse_check(cursor, found->kind);
  }
  cursor.expect_end();
  script.steps.push_back(std::move(step));
  if (script.steps.size() > kStepsMax) cursor.fail("a shorter script: at most 10000 steps");
}

/// "handshake [rtt TIME] [win N] [<options>]": listen, SYN, SYN-ACK, ACK, established.
void parse_handshake(Script& script, Cursor& cursor, const Step& step) {
  Duration rtt{};
  std::uint16_t window = 0xffff;
  Options options{{Option::Kind::kMss, 1460}};
  while (!cursor.at_end()) {
    if (cursor.take_word("rtt")) {
      rtt = cursor.duration("a round trip");
      cursor.expect_blank("the round trip");
    } else if (cursor.take_word("win")) {
      window = parse_sixteen(cursor, "a window");
    } else if (cursor.peek() == '<') {
      options = parse_options(cursor);
    } else {
      cursor.fail("rtt, win or <options>");
    }
  }
  constexpr std::uint8_t kSyn = 0x02;
  const auto add = [&](Time time, auto what) {
    Step next = step;
    next.time = time;
    next.what = std::move(what);
    script.steps.push_back(std::move(next));
  };
  const Segment syn{.flags = kSyn, .seq = 0, .window = window, .options = options};
  check_inbound(cursor, syn);
  add(step.time, Verb{Verb::Kind::kListen});
  add({}, Inbound{syn});
  add({}, Outbound{{.flags = kSyn | kAckBit, .seq = 0, .ack = 1, .options = Options{{Option::Kind::kRest}}}});
  add({Time::Kind::kRelative, rtt}, Inbound{{.flags = kAckBit, .seq = 1, .ack = 1, .window = window}});
  add({}, Check{Check::Kind::kEstablished});
}

void parse_line(Script& script, std::string_view line, int number) {
  const std::string_view text = line.substr(0, line.find('#'));
  const std::size_t last = text.find_last_not_of(" \t\r");
  if (last == std::string_view::npos) return;
  Cursor cursor(text.substr(0, last + 1), number);
  if (line.size() > kLineMax) cursor.fail("a line of at most 400 characters");
  if (cursor.take_word("config")) {
    if (!script.steps.empty()) cursor.fail("a step: config lines come first");
    if (script.settings.size() >= kLineMax) cursor.fail("fewer settings");
    Setting setting{.line = number};
    setting.key = cursor.word("a setting, such as rto_min");
    setting.value = cursor.word("its value");
    cursor.expect_end();
    script.settings.push_back(std::move(setting));
    return;
  }
  const std::size_t first = text.find_first_not_of(" \t");
  parse_step(script, cursor, text.substr(first, last + 1 - first));
}

}  // namespace

std::variant<Script, Error> parse(std::string_view text) {
  if (text.size() > kTextMax) return Error{1, 1, "a script of at most 256 KiB was expected"};
  Script script;
  try {
    for (int number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      parse_line(script, text.substr(0, end), number);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  } catch (const Wrong& wrong) {
    return wrong.error;
  }
  if (script.steps.empty()) return Error{1, 1, "the script has no steps, expected at least one"};
  return script;
}

}  // namespace windhover::script
