#include "server/http/head_memory.h"

#include <cstring>
#include <functional>

namespace windhover::server::http {
namespace {

using stack::base::Bytes;

/// The part of a head that tells most of them apart: from the method into the target.
constexpr std::size_t kTellingSize = 24;

bool lies_in(std::string_view view, Bytes head) {
  const std::less_equal<const char*> not_after;
  const std::string_view text = stack::base::as_text(head);
  return view.data() == nullptr ||
         (not_after(text.data(), view.data()) && not_after(view.data() + view.size(), text.data() + text.size()));
}

std::string_view moved(std::string_view view, const char* from, const char* to) {
  return view.data() == nullptr ? view : std::string_view(to + (view.data() - from), view.size());
}

}  // namespace

std::size_t HeadMemory::place_of(Bytes input) {
  if (input.size() < kTellingSize) return 0;
  std::uint64_t words[kTellingSize / 8];
  std::memcpy(words, input.data(), kTellingSize);
  // Fibonacci hashing: the constant is 2^64 over the golden ratio. Whoever finds heads that meet in one place gains
  // that they are parsed.
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  const std::uint64_t mixed = ((words[0] * kGolden ^ words[1]) * kGolden ^ words[2]) * kGolden;
  return mixed >> 60;
}
static_assert(HeadMemory::kPlaces == 16, "place_of() yields four bits");

bool HeadMemory::same(const Place& place, Bytes input) {
  return std::memcmp(place.bytes.data(), input.data(), place.known.size) == 0;
}

void HeadMemory::remember(Bytes head, const Request& request) {
  if (head.size() > kHeadMax || request.headers.size() > kHeadersMax || request.has_body()) return;
  if (!lies_in(request.path, head)) return;
  Place& place = places_[place_of(head)];
  const char* const from = stack::base::as_text(head).data();
  char* const to = place.bytes.data();
  std::memcpy(to, from, head.size());
  place.known.size = head.size();
  Request& kept = place.known.request;
  kept = request;
  for (std::string_view Request::*view : {&Request::target, &Request::path, &Request::query, &Request::host}) {
    kept.*view = moved(request.*view, from, to);
  }
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    place.headers[i] = {moved(request.headers[i].name, from, to), moved(request.headers[i].value, from, to)};
  }
  kept.headers = {place.headers.data(), request.headers.size()};
}

}  // namespace windhover::server::http
