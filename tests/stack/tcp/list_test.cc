#include "stack/tcp/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>

#include "tests/stack/tcp/random.h"

namespace windhover::stack::tcp {
namespace {

struct Element {
  ListLink<Element> link;
};
using Queue = List<Element, &Element::link>;

TEST(List, gives_back_in_the_order_of_arrival) {
  std::array<Element, 3> elements;
  Queue queue;
  EXPECT_TRUE(queue.empty());
  for (Element& element : elements) queue.push(element);
  queue.push(elements[0]);
  EXPECT_EQ(&queue.front(), &elements[0]);
  for (Element& element : elements) EXPECT_EQ(&queue.pop(), &element);
  EXPECT_TRUE(queue.empty());
}

TEST(List, knows_who_is_in_it) {
  Element alone;
  Queue queue;
  EXPECT_FALSE(alone.link.linked());
  queue.remove(alone);
  queue.push(alone);
  EXPECT_TRUE(alone.link.linked());
  queue.remove(alone);
  EXPECT_FALSE(alone.link.linked());
  EXPECT_TRUE(queue.empty());
}

class ListSeeds : public testing::TestWithParam<unsigned> {};

TEST_P(ListSeeds, agrees_with_a_deque) {
  test::Random random(GetParam());
  std::array<Element, 6> elements;
  Queue queue;
  std::deque<Element*> model;
  for (int step = 0; step < 5000; ++step) {
    Element& element = elements[random() % elements.size()];
    const auto place = std::find(model.begin(), model.end(), &element);
    if (random() % 2 == 0) {
      queue.push(element);
      if (place == model.end()) model.push_back(&element);
    } else {
      queue.remove(element);
      if (place != model.end()) model.erase(place);
    }
    ASSERT_EQ(queue.empty(), model.empty());
    if (!model.empty()) {
      ASSERT_EQ(&queue.front(), model.front());
      if (random() % 8 == 0) {
        ASSERT_EQ(&queue.pop(), model.front());
        model.pop_front();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ListSeeds, testing::Range(1U, 4U));

}  // namespace
}  // namespace windhover::stack::tcp
