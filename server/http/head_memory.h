#pragma once
// Heads that have come before: the same bytes are the same request.
//
// A client on a kept connection, and most programs that speak HTTP, send head after head that are equal to the last
// byte. What a head without a body means depends on its bytes alone (and on limits, which never change), so the lane
// remembers some of the last ones with the Request that each became, and a head that is equal is not scanned again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/http/request.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// Thread: one lane. Memory is taken at construction.
class HeadMemory {
 public:
  static constexpr std::size_t kPlaces = 16;
  static constexpr std::size_t kHeadMax = 1024;  ///< Longer heads are not remembered.
  static constexpr std::size_t kHeadersMax = 24;

  /// What is known about a head: its size, and the request, whose views lie in this memory and are good until the next
  /// remember().
  struct Known {
    std::size_t size = 0;
    Request request;
  };

  /// The head that `input` begins with, when it is known; nullptr otherwise.
  const Known* find(stack::base::Bytes input) const {
    const Place& place = places_[place_of(input)];
    if (place.known.size == 0 || input.size() < place.known.size) return nullptr;
    return same(place, input) ? &place.known : nullptr;
  }

  /// Keeps a head and what it became, in place of another. Nothing happens when it is too long, has a body, or a view
  /// that is not in it (a decoded path). Precondition: parsing `head` from its first byte to its last gave `request`.
  void remember(stack::base::Bytes head, const Request& request);

 private:
  struct Place {
    std::array<char, kHeadMax> bytes;
    std::array<Header, kHeadersMax> headers;
    Known known;
  };

  static std::size_t place_of(stack::base::Bytes input);
  static bool same(const Place& place, stack::base::Bytes input);

  std::array<Place, kPlaces> places_;
};

}  // namespace windhover::server::http
