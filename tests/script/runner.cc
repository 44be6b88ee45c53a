#include "tests/script/runner.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "stack/link/device.h"
#include "tests/script/checks.h"
#include "tests/script/format.h"
#include "tests/script/packet.h"
#include "tests/script/settings.h"

namespace windhover::script {
namespace {

using stack::base::Event;
using stack::base::Instant;

constexpr Instant kStart = Instant{} + std::chrono::seconds(100);
constexpr std::uint16_t kServerPort = 80;
constexpr std::uint16_t kPeerPort = 40000;
constexpr std::uint32_t kPeerIss = 0x80000000 - 1000;  // So that signed comparisons would go wrong soon.
constexpr Duration kPatience = std::chrono::hours(2);  // Of "*": when the stack will not send any more.
constexpr int kTurnsMax = 200000;                      // Deadlines between two steps.
constexpr int kBurstsMax = 2000;                       // At one instant.
constexpr std::size_t kEventsShown = 10;

/// What ends a run.
struct Failed {
  std::string what;
};

stack::tcp::Keys keys() {
  stack::tcp::Keys keys;
  keys.flow_hash.fill(0x11);
  keys.isn.fill(0x22);
  keys.timestamps.fill(0x33);
  return keys;
}

class Runner {
 public:
  explicit Runner(const World& world)
      : world_(world),
        pair_(world.wire),
        host_([this](const stack::tcp::Endpoint& remote, std::unique_ptr<App> app) { adopt(remote, std::move(app)); }),
        stack_(std::make_unique<stack::lane::Stack>(kStart, world.stack, keys(), pair_.first())) {
    select(0);
  }

  void play(const Step& step);
  /// Nothing may be left over at the end.
  void finish();

  const std::vector<std::string>& events() const { return events_; }

 private:
  void perform(const Step& step, const Inbound& inbound);
  void perform(const Step& step, const IcmpError& error);
  void perform(const Step& step, const Outbound& outbound);
  void perform(const Step& step, const Quiet& quiet);
  void perform(const Step& step, const Verb& verb);
  void perform(const Step& step, const Check& check);
  void perform_on_app(const Verb& verb);

  Duration due(const Time& time) const { return time.kind == Time::Kind::kRelative ? last_ + time.at : time.at; }
  Duration elapsed() const { return now_ - kStart; }

  void select(std::uint64_t number);
  void adopt(const stack::tcp::Endpoint& remote, std::unique_ptr<App> app);
  void inject(const Octets& packet);
  /// Lets the stack transmit what it has at this instant.
  void settle();
  void collect();
  /// Goes on to `at`, or until something was sent when `sending` is true.
  void advance(Duration at, bool sending);
  /// Goes to the time of a step that is not about a segment of the stack's.
  void go_to(const Step& step);
  void expect_nothing_sent() const;
  void check_apps() const;
  void note(const std::string& text) { events_.push_back(to_text(elapsed()) + "  " + text); }

  World world_;
  backends::memory::Pair pair_;
  Host host_;
  Instant now_ = kStart;
  Duration last_{};  // When the step before happened.
  bool settled_ = true;
  bool listening_ = false;
  std::map<std::uint16_t, Flow> flows_;  // By the peer's port.
  Flow* flow_ = nullptr;
  std::vector<std::unique_ptr<App>> apps_;
  std::deque<Seen> sent_;
  std::vector<std::string> events_;
  std::unique_ptr<stack::lane::Stack> stack_;  // Goes first: it tells the applications.
};

void Runner::select(std::uint64_t number) {
  const auto port = static_cast<std::uint16_t>(kPeerPort + number);
  const auto [found, made] = flows_.try_emplace(port);
  flow_ = &found->second;
  if (!made) return;
  const auto address = [&](const char* four, const char* six) {
    return stack::wire::Address::parse(world_.v6 ? six : four).value();
  };
  flow_->local = {address("10.66.0.2", "fd66::2"), kServerPort};
  flow_->remote = {address("10.66.0.1", "fd66::1"), port};
  flow_->iss = kPeerIss;
}

void Runner::adopt(const stack::tcp::Endpoint& remote, std::unique_ptr<App> app) {
  if (const auto found = flows_.find(remote.port); found != flows_.end()) found->second.app = app.get();
  apps_.push_back(std::move(app));
}

void Runner::inject(const Octets& packet) {
  stack::link::Frame frame = pair_.second().arena().allocate();
  if (!frame || frame.tailroom() < packet.size()) throw Failed{"the packet does not fit the wire: config mtu"};
  std::copy(packet.begin(), packet.end(), frame.append(packet.size()).begin());
  if (pair_.second().transmit({&frame, 1}) != 1) throw Failed{"the wire is full"};
  stack::link::Burst burst;
  pair_.first().receive(burst);
  stack_->input(now_, burst);
  settled_ = false;
}

void Runner::collect() {
  stack::link::Burst burst;
  for (pair_.second().receive(burst); !burst.empty(); pair_.second().receive(burst)) {
    for (stack::link::Frame& frame : burst.frames()) {
      const auto port = peer_port_of(frame.bytes());
      const auto flow = port ? flows_.find(*port) : flows_.end();
      if (flow == flows_.end()) throw Failed{"the stack sent a packet that belongs to no connection of the script"};
      sent_.push_back(read(frame.bytes(), flow->second, elapsed()));
      note("> " + to_text(sent_.back().segment) + (&flow->second == flow_ ? "" : "  (another connection)"));
    }
    burst.clear();
  }
}

void Runner::settle() {
  settled_ = true;
  stack::link::Burst burst;
  for (int turn = 0; turn < kBurstsMax; ++turn) {
    stack_->output(now_, burst);
    if (burst.empty()) return;
    pair_.first().transmit(burst.frames());
    burst.clear();
    collect();
  }
  throw Failed{"the stack does not stop sending"};
}

void Runner::advance(Duration at, bool sending) {
  if (!settled_) settle();
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    if (sending && !sent_.empty()) return;
    const Instant next = std::max(now_, stack_->next_deadline());
    if (next - kStart > at) {
      now_ = std::max(now_, kStart + at);
      return;
    }
    now_ = next;
    stack_->advance(now_);
    settle();
  }
  throw Failed{"the stack has deadlines without end"};
}

void Runner::expect_nothing_sent() const {
  if (sent_.empty()) return;
  const Seen& seen = sent_.front();
  throw Failed{"the stack sent what the script does not expect:\n  actual    > " + to_text(seen.segment) + "\n  at " +
               to_text(seen.at) + (seen.trouble.empty() ? "" : "; " + seen.trouble)};
}

void Runner::go_to(const Step& step) {
  const Duration at = due(step.time);
  if (at + world_.tolerance < elapsed()) {
    throw Failed{"the step is due at " + to_text(at) + ", but it is " + to_text(elapsed()) + " already"};
  }
  if (at > elapsed()) advance(at, false);
  expect_nothing_sent();
  last_ = elapsed();
}

void Runner::perform(const Step& step, const Inbound& inbound) {
  go_to(step);
  note("< " + to_text(inbound.segment));
  inject(build(inbound.segment, *flow_, elapsed()));
}

void Runner::perform(const Step& step, const IcmpError& error) {
  go_to(step);
  note(step.text);
  inject(build(error, *flow_));
}

void Runner::perform(const Step& step, const Outbound& outbound) {
  const bool any = step.time.kind == Time::Kind::kAny;
  const Duration from = due(step.time) - world_.tolerance;
  const Duration to = step.time.until ? due({step.time.kind, *step.time.until}) : due(step.time) + world_.tolerance;
  advance(any ? elapsed() + kPatience : to, true);
  if (sent_.empty()) throw Failed{"the stack sent nothing\n  expected  > " + to_text(outbound.segment)};
  const Seen seen = std::move(sent_.front());
  sent_.pop_front();
  Segment expected = outbound.segment;
  const Option stamps{Option::Kind::kTimestamps};
  if (!expected.options) expected.options = flow_->timestamps ? Options{{}, {}, stamps} : Options{};
  const std::vector<std::string> names = differences(expected, seen.segment);
  std::string what;
  for (const std::string& name : names) what += (what.empty() ? "it differs in " : ", ") + name;
  if (!any && (seen.at < from || seen.at > to)) {
    what +=
        std::string(what.empty() ? "" : "; ") + "it left at " + to_text(seen.at) + ", expected " +
        (step.time.until ? "from " + to_text(due(step.time)) + " to " + to_text(to) : "at " + to_text(due(step.time)));
  }
  if (!seen.trouble.empty()) what += (what.empty() ? "" : "; ") + seen.trouble;
  if (seen.peer_port != flow_->remote.port)
    what += (what.empty() ? "" : "; ") + std::string("it is of another connection");
  if (!what.empty()) throw Failed{what + "\n" + compare(expected, seen.segment)};
  last_ = seen.at;
}

void Runner::perform(const Step& step, const Quiet&) {
  expect_nothing_sent();
  go_to(step);
  settle();
  expect_nothing_sent();
}

void Runner::perform(const Step& step, const Verb& verb) {
  go_to(step);
  note(step.text);
  settled_ = false;
  switch (verb.kind) {
    case Verb::Kind::kListen:
      if (!std::exchange(listening_, true)) stack_->listen({{}, kServerPort}, host_);
      return;
    case Verb::Kind::kUnlisten:
      listening_ = false;
      return stack_->unlisten({{}, kServerPort});
    case Verb::Kind::kRefuse:
      host_.declines = true;
      return;
    case Verb::Kind::kStop:
      return stack_->stop(now_);
    case Verb::Kind::kFlow:
      return select(verb.number);
    case Verb::Kind::kPeerIsn:
      flow_->iss = static_cast<std::uint32_t>(verb.number);
      return;
    case Verb::Kind::kPeerIsnAdd:
      flow_->iss += static_cast<std::uint32_t>(verb.number);
      return;
    case Verb::Kind::kPeerClock:
      flow_->clock_offset += static_cast<std::uint32_t>(verb.number);
      return;
    case Verb::Kind::kConnect:
      apps_.push_back(std::make_unique<App>());
      flow_->app = apps_.back().get();
      flow_->app->connection = stack_->connect(now_, flow_->remote, *flow_->app);
      if (flow_->app->connection == nullptr) throw Failed{"connect() refused"};
      return;
    default:
      return perform_on_app(verb);
  }
}

void Runner::perform_on_app(const Verb& verb) {
  if (flow_->app == nullptr || flow_->app->connection == nullptr) throw Failed{"there is no connection for this"};
  App& app = *flow_->app;
  stack::tcp::Connection& connection = *app.connection;
  switch (verb.kind) {
    case Verb::Kind::kWrite:
    case Verb::Kind::kSlice: {
      const std::uint64_t taken = app.write(verb.number, verb.kind == Verb::Kind::kSlice);
      if (taken == verb.taken.value_or(verb.number)) return;
      throw Failed{"the stack took " + std::to_string(taken) + " bytes"};
    }
    case Verb::Kind::kShutdown:
      return connection.shutdown();
    case Verb::Kind::kClose:
      if (verb.number == UINT64_MAX) return connection.close();
      return connection.close(Duration(static_cast<Duration::rep>(verb.number)));
    case Verb::Kind::kUserTimeout:
      return connection.set_user_timeout(Duration(static_cast<Duration::rep>(verb.number)));
    case Verb::Kind::kAbort:
      return connection.abort();
    case Verb::Kind::kCork:
      return connection.cork(true);
    case Verb::Kind::kUncork:
      return connection.cork(false);
    case Verb::Kind::kPause:
      return connection.pause_reading();
    case Verb::Kind::kResume:
      return connection.resume_reading();
    case Verb::Kind::kRead:
      return app.read(verb.number);
    default:
      return;
  }
}

void Runner::perform(const Step& step, const Check& check) {
  // At the instant of what caused it, a check may stand before the segments that are expected.
  if (due(step.time) > elapsed()) go_to(step);
  if (!settled_) settle();
  const Subject subject{*stack_, flow_->app, flow_->timestamps};
  if (const auto wrong = verify(check, subject)) throw Failed{*wrong};
}

void Runner::check_apps() const {
  for (const auto& app : apps_) {
    if (app->wrong_at) throw Failed{"the application read a wrong byte at " + std::to_string(*app->wrong_at)};
    if (app->late) throw Failed{"the application was told of something after the end"};
  }
}

void Runner::play(const Step& step) {
  std::visit([&](const auto& what) { perform(step, what); }, step.what);
  check_apps();
}

void Runner::finish() {
  settle();
  expect_nothing_sent();
  check_apps();
  const stack::base::Counters& counters = stack_->counters();
  const std::uint64_t accounted =
      counters.value(Event::kFramesConsumed) + counters.value(Event::kFramesPassed) + counters.received_dropped();
  if (counters.value(Event::kFramesIn) != accounted) throw Failed{"a frame was not accounted for"};
  stack_.reset();
}

std::string describe(const Failed& failed, const std::string& file, int line, const std::string& text,
                     const std::vector<std::string>& events) {
  std::string report = file + ":" + std::to_string(line) + ": " + text + "\n" + failed.what;
  if (report.back() != '\n') report += '\n';
  report += "last events:\n";
  const std::size_t first = events.size() - std::min(events.size(), kEventsShown);
  for (std::size_t at = first; at < events.size(); ++at) report += "  " + events[at] + "\n";
  return report;
}

}  // namespace

Outcome run(const Script& script, const std::string& file) {
  World world;
  if (const auto wrong = apply(script.settings, world)) {
    return {false, file + ":" + std::to_string(wrong->line) + ": " + wrong->what + "\n", {}};
  }
  Runner runner(world);
  Outcome outcome{.passed = true};
  int line = 0;
  std::string text;
  try {
    for (const Step& step : script.steps) {
      line = step.line;
      text = step.text;
      runner.play(step);
    }
    text = "at the end of the script";
    runner.finish();
  } catch (const Failed& failed) {
    outcome.passed = false;
    outcome.report = describe(failed, file, line, text, runner.events());
  }
  for (const std::string& event : runner.events()) outcome.history += event + "\n";
  return outcome;
}

}  // namespace windhover::script
