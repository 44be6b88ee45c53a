#include "server/portal/portal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "stack/base/setup_error.h"
#include "tests/server/portal/house.h"

namespace windhover::server::portal {
namespace {

using stack::base::SetupError;
using stack::tcp::CloseReason;
using stack::tcp::Endpoint;
using stack::wire::Address;
using std::chrono::milliseconds;
using test::Guest;
using test::House;
using test::Visitor;

/// Text in which every place is told from its neighbours.
std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 131 + (i >> 8) * 7);
  return text;
}

/// A visitor whose connection has been carried to the server.
struct Visit {
  explicit Visit(House& house) : visitor(house.address()) {
    const std::size_t before = house.guests.size();
    EXPECT_TRUE(house.until([&] { return house.guests.size() > before && !house.guests.back().received.empty(); }));
    guest = &house.guests.back();
  }

  Visitor visitor;
  Guest* guest = nullptr;
};

TEST(Portal, carries_bytes_both_ways_behind_a_header) {
  House house;
  Visit visit(house);
  EXPECT_EQ(visit.guest->received.size(), 28U);
  visit.visitor.send("question");
  ASSERT_TRUE(house.until([&] { return visit.guest->said() == "question"; }));
  visit.guest->send("answer");
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.received == "answer";
  }));
  EXPECT_EQ(house.count(Event::kAccepted), 1U);
  EXPECT_EQ(house.portal().connection_count(), 1U);
}

TEST(Portal, names_the_client_and_itself) {
  House house;
  Visit visit(house);
  const auto octet = [&](std::size_t at) { return static_cast<std::uint8_t>(visit.guest->received[at]); };
  const auto port = [&](std::size_t at) { return octet(at) * 256 + octet(at + 1); };
  EXPECT_EQ(octet(13), 0x11);
  EXPECT_EQ(octet(16), 127);
  EXPECT_EQ("127.0.0.1:" + std::to_string(port(24)), visit.visitor.name());
  EXPECT_EQ(port(26), house.address().port);
}

TEST(Portal, carries_clients_of_ipv6) {
  try {
    House house({.connections_max = 4}, true);
    Visit visit(house);
    EXPECT_EQ(visit.guest->received.size(), 52U);
    EXPECT_EQ(static_cast<std::uint8_t>(visit.guest->received[13]), 0x21);
    EXPECT_EQ(static_cast<std::uint8_t>(visit.guest->received[31]), 1);  // ::1
  } catch (const SetupError& error) {
    GTEST_SKIP() << "no IPv6 here: " << error.what();
  }
}

TEST(Portal, carries_a_half_close_of_the_client) {
  House house;
  Visit visit(house);
  visit.visitor.send("all");
  visit.visitor.finish();
  ASSERT_TRUE(house.until([&] { return visit.guest->finished; }));
  EXPECT_EQ(visit.guest->said(), "all");
  EXPECT_FALSE(visit.guest->closed);
  visit.guest->send(pattern(300'000));
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.received.size() == 300'000;
  }));
  EXPECT_EQ(visit.visitor.received, pattern(300'000));
  EXPECT_FALSE(visit.visitor.finished);
  visit.guest->connection().shutdown();
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.finished && house.portal().connection_count() == 0;
  }));
  EXPECT_EQ(visit.guest->reason, CloseReason::kFinished);
  EXPECT_EQ(visit.visitor.error, 0);
}

TEST(Portal, carries_a_half_close_of_the_server) {
  House house;
  Visit visit(house);
  visit.guest->send("all");
  visit.guest->connection().shutdown();
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.finished;
  }));
  EXPECT_EQ(visit.visitor.received, "all");
  visit.visitor.send("more");
  ASSERT_TRUE(house.until([&] { return visit.guest->said() == "more"; }));
  EXPECT_EQ(house.portal().connection_count(), 1U);
  visit.visitor.leave();
  ASSERT_TRUE(house.until([&] { return visit.guest->closed && house.portal().connection_count() == 0; }));
  EXPECT_EQ(visit.guest->reason, CloseReason::kFinished);
}

TEST(Portal, carries_a_reset_of_the_client) {
  House house;
  Visit visit(house);
  visit.visitor.reset();
  ASSERT_TRUE(house.until([&] { return visit.guest->closed; }));
  EXPECT_EQ(visit.guest->reason, CloseReason::kPeerReset);
  EXPECT_EQ(house.count(Event::kClientReset), 1U);
  EXPECT_EQ(house.count(Event::kServerReset), 0U);
  house.settle();
  EXPECT_EQ(house.portal().connection_count(), 0U);
}

TEST(Portal, carries_a_reset_of_the_server_behind_what_it_had_sent) {
  House house;
  Visit visit(house);
  visit.guest->send("last words");
  house.settle();
  visit.guest->connection().abort();
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.error != 0;
  }));
  EXPECT_EQ(visit.visitor.received, "last words");
  EXPECT_EQ(visit.visitor.error, ECONNRESET);
  EXPECT_EQ(house.count(Event::kServerReset), 1U);
  EXPECT_EQ(house.portal().connection_count(), 0U);
}

TEST(Portal, lets_a_client_read_all_that_a_server_said_that_waits_for_it_no_longer) {
  House house;
  Visit visit(house);
  const std::string whole = pattern(std::size_t{16} << 20);
  visit.guest->send(whole);
  while (visit.guest->unsent() > 0) {
    visit.visitor.receive(100'000);
    house.advance(milliseconds(1));
  }
  visit.guest->connection().shutdown();
  house.advance(milliseconds(1));
  visit.guest->connection().abort();
  house.advance(milliseconds(1));
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.finished || visit.visitor.error != 0;
  }));
  EXPECT_EQ(visit.visitor.error, 0);
  EXPECT_TRUE(visit.visitor.received == whole);
  EXPECT_EQ(house.count(Event::kServerReset), 0U);
}

TEST(Portal, resets_a_client_whose_connection_the_server_refuses) {
  House house;
  house.server().unlisten({Address{}, House::kPort});
  Visitor visitor(house.address());
  ASSERT_TRUE(house.until([&] {
    visitor.receive();
    return visitor.error != 0;
  }));
  EXPECT_EQ(visitor.error, ECONNRESET);
  EXPECT_EQ(house.count(Event::kNotConnected), 1U);
  EXPECT_EQ(house.portal().connection_count(), 0U);
}

TEST(Portal, resets_a_client_when_no_connection_can_be_had) {
  House house;
  house.can_connect = false;
  Visitor visitor(house.address());
  ASSERT_TRUE(house.until([&] {
    visitor.receive();
    return visitor.error != 0;
  }));
  EXPECT_EQ(house.count(Event::kNotConnected), 1U);
  EXPECT_EQ(house.portal().connection_count(), 0U);
}

TEST(Portal, lets_the_server_wait_for_a_client_that_does_not_read) {
  House house;
  Visit visit(house);
  const std::string whole = pattern(std::size_t{16} << 20);
  visit.guest->send(whole);
  ASSERT_TRUE(house.until([&] { return house.count(Event::kServerWaited) > 0; }));
  house.settle();
  const std::size_t held = visit.guest->unsent();
  EXPECT_GT(held, 0U);
  house.settle();
  EXPECT_EQ(visit.guest->unsent(), held);
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive();
    return visit.visitor.received.size() == whole.size();
  }));
  EXPECT_TRUE(visit.visitor.received == whole);
}

TEST(Portal, keeps_what_a_slow_client_has_not_read_when_the_server_has_finished) {
  House house;
  Visit visit(house);
  visit.visitor.finish();
  const std::string whole = pattern(std::size_t{16} << 20);
  visit.guest->send(whole);
  while (visit.guest->unsent() > 0) {
    ASSERT_TRUE(house.until([&] { return house.count(Event::kServerWaited) > 0; }));
    visit.visitor.receive(100'000);
    house.advance(milliseconds(1));
  }
  visit.guest->connection().shutdown();
  ASSERT_TRUE(house.until([&] {
    visit.visitor.receive(50'000);
    return visit.visitor.finished;
  }));
  EXPECT_TRUE(visit.visitor.received == whole);
  EXPECT_EQ(visit.visitor.error, 0);
}

TEST(Portal, lets_the_client_wait_for_a_server_that_does_not_read) {
  House house;
  Visit visit(house);
  visit.guest->connection().pause_reading();
  const std::string whole = pattern(std::size_t{16} << 20);
  std::size_t sent = 0;
  ASSERT_TRUE(house.until([&] {
    sent += visit.visitor.send(whole.substr(sent, 1 << 20));
    return house.count(Event::kClientWaited) > 0;
  }));
  for (std::size_t before = sent + 1; before != sent;) {
    before = sent;
    house.settle();
    sent += visit.visitor.send(whole.substr(sent, 1 << 20));
  }
  EXPECT_LT(sent, whole.size());
  visit.guest->connection().resume_reading();
  ASSERT_TRUE(house.until([&] {
    if (sent < whole.size()) sent += visit.visitor.send(whole.substr(sent, 1 << 20));
    if (sent == whole.size()) visit.visitor.finish();
    return visit.guest->finished;
  }));
  EXPECT_TRUE(visit.guest->said() == whole);
}

TEST(Portal, leaves_more_than_it_has_room_for_in_the_backlog) {
  House house({.connections_max = 2});
  std::vector<Visitor> visitors;
  for (int i = 0; i < 3; ++i) visitors.emplace_back(house.address());
  ASSERT_TRUE(house.until([&] { return house.portal().connection_count() == 2; }));
  house.settle();
  EXPECT_FALSE(house.portal_moved());
  EXPECT_EQ(house.count(Event::kAccepted), 2U);
  visitors.front().reset();
  ASSERT_TRUE(house.until([&] { return house.count(Event::kAccepted) == 3; }));
}

TEST(Portal, without_descriptors_accepts_again_after_a_pause) {
  House house;
  Visitor visitor(house.address());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  house.settle();
  EXPECT_EQ(house.count(Event::kNoFiles), 1U);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  house.advance(Portal::kAcceptPause - milliseconds(1));
  EXPECT_EQ(house.count(Event::kAccepted), 0U);
  house.advance(milliseconds(1));
  EXPECT_EQ(house.count(Event::kAccepted), 1U);
}

TEST(Portal, drained_accepts_no_more_and_carries_on) {
  House house;
  Visit visit(house);
  const Endpoint address = house.address();
  house.portal().drain();
  visit.visitor.send("still");
  EXPECT_TRUE(house.until([&] { return visit.guest->said() == "still"; }));
  House other;  // Its port is not the one that has become free.
  EXPECT_NE(other.address().port, 0);
  EXPECT_NO_THROW(Portal({.connections_max = 1}, {address}, house));
}

TEST(Portal, refuses_an_address_that_is_taken) {
  House house;
  try {
    const Portal second({.connections_max = 1}, {house.address()}, house);
    FAIL() << "it listens on " << house.address().to_string();
  } catch (const SetupError& error) {
    EXPECT_EQ(error.error(), EADDRINUSE);
    EXPECT_NE(std::string(error.what()).find("portal.url"), std::string::npos) << error.what();
  }
}

TEST(Portal, listens_on_one_free_port_of_all_its_addresses) {
  House house;
  const Portal portal({.connections_max = 1}, {{*Address::parse("127.0.0.1"), 0}, {*Address::parse("127.0.0.2"), 0}},
                      house);
  ASSERT_EQ(portal.addresses().size(), 2U);
  EXPECT_NE(portal.addresses()[0].port, 0);
  EXPECT_EQ(portal.addresses()[0].port, portal.addresses()[1].port);
}

TEST(Portal, carries_many_at_once) {
  constexpr std::size_t kCount = 400;
  House house({.connections_max = kCount});
  std::vector<Visitor> visitors;
  for (std::size_t i = 0; i < kCount; ++i) {
    visitors.emplace_back(house.address()).send(std::to_string(i));
    if (i % 50 == 0) house.settle();
  }
  ASSERT_TRUE(house.until([&] {
    return house.guests.size() == kCount && std::all_of(house.guests.begin(), house.guests.end(),
                                                        [](const Guest& guest) { return !guest.said().empty(); });
  }));
  for (Guest& guest : house.guests) guest.send("to " + guest.said());
  for (std::size_t i = 0; i < kCount; ++i) {
    ASSERT_TRUE(house.until([&] {
      visitors[i].receive();
      return !visitors[i].received.empty();
    }));
    EXPECT_EQ(visitors[i].received, "to " + std::to_string(i));
  }
  visitors.clear();
  for (Guest& guest : house.guests) {
    if (!guest.closed) guest.connection().shutdown();
  }
  EXPECT_TRUE(house.until([&] { return house.portal().connection_count() == 0; }));
}

TEST(Portal, is_readable_when_there_is_something_to_do) {
  House house;
  house.settle();
  pollfd waited{house.portal().fd(), POLLIN, 0};
  EXPECT_EQ(poll(&waited, 1, 0), 0);
  const Visitor visitor(house.address());
  EXPECT_EQ(poll(&waited, 1, 10'000), 1);
  house.settle();
  EXPECT_EQ(poll(&waited, 1, 0), 0);
}

TEST(Portal, names_what_it_counts) {
  for (std::size_t i = 0; i < kEventCount; ++i) EXPECT_TRUE(name(static_cast<Event>(i)).starts_with("portal.")) << i;
}

}  // namespace
}  // namespace windhover::server::portal
