#include "server/http/method.h"

#include <array>

namespace windhover::server::http {
namespace {

constexpr std::array kNames = {
#define X(identifier, name) std::string_view(name),
    WINDHOVER_METHODS(X)
#undef X
};

}  // namespace

std::string_view name(Method method) { return kNames[static_cast<std::size_t>(method)]; }

std::optional<Method> parse_method(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Method>(i);
  }
  return std::nullopt;
}

}  // namespace windhover::server::http
