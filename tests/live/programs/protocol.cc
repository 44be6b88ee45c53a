#include "tests/live/programs/protocol.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "stack/base/setup_error.h"

namespace windhover::live {
namespace {

constexpr std::size_t kPageSize = 4096;

}  // namespace

std::optional<Verb> verb_of(std::string_view name) {
  if (name == "get") return Verb::kGet;
  if (name == "put") return Verb::kPut;
  if (name == "sip") return Verb::kSip;
  return std::nullopt;
}

std::optional<Request> parse_request(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto verb = verb_of(line.substr(0, space));
  const std::string_view digits = line.substr(space + 1);
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (!verb || error != std::errc{} || end != digits.data() + digits.size() || size > kSizeMax) return std::nullopt;
  return Request{*verb, size};
}

Store::Store(std::size_t touched) {
  void* const at = mmap(nullptr, kSizeMax, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw stack::base::SetupError("mmap", errno, "Raise the limit of memory: ulimit -v.");
  bytes_ = {static_cast<std::uint8_t*>(at), kSizeMax};
  for (std::size_t i = 0; i < std::min<std::size_t>(touched, kSizeMax); i += kPageSize) bytes_[i] = 1;
}

Store::~Store() { munmap(bytes_.data(), bytes_.size()); }

}  // namespace windhover::live
