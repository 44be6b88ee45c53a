#include "stack/ip/path_mtu.h"

#include <algorithm>
#include <array>

namespace windhover::stack::ip {
namespace {

using wire::Address;

/// RFC 1191 7.1, for routers that do not say: below each size that some network has lies the next one to try.
constexpr std::array<std::uint16_t, 8> kPlateaus{32000, 17914, 8166, 4352, 2002, 1492, 1006, kMtuMinV4};

std::uint32_t plateau_below(std::uint32_t mtu) {
  const auto* below =
      std::find_if(kPlateaus.begin(), kPlateaus.end(), [mtu](std::uint16_t size) { return size < mtu; });
  return below == kPlateaus.end() ? kMtuMinV4 : *below;
}

}  // namespace

PathMtu::PathMtu(std::uint16_t device_mtu) : device_mtu_(device_mtu) { paths_.reserve(kPathMtuMax); }

std::vector<PathMtu::Path>::const_iterator PathMtu::position(const Address& remote) const {
  const auto before = [](const Path& path, const Address& key) { return path.remote < key; };
  return std::lower_bound(paths_.begin(), paths_.end(), remote, before);
}

std::uint16_t PathMtu::search(const Address& remote) const {
  const auto at = position(remote);
  return at != paths_.end() && at->remote == remote ? at->mtu : device_mtu_;
}

void PathMtu::lower(base::Instant now, const Address& remote, std::uint32_t mtu) {
  const std::uint16_t current = find(remote);
  if (remote.is_v4()) {
    mtu = std::max<std::uint32_t>(mtu == 0 ? plateau_below(current) : mtu, kMtuMinV4);
  } else if (mtu < kMtuMinV6) {
    return;
  }
  if (mtu < current) set(now, remote, static_cast<std::uint16_t>(mtu));
}

void PathMtu::found(base::Instant now, const Address& remote, std::uint32_t mtu) {
  set(now, remote, static_cast<std::uint16_t>(std::min<std::uint32_t>(mtu, device_mtu_)));
}

bool PathMtu::knows(const Address& remote) const {
  const auto at = position(remote);
  return at != paths_.end() && at->remote == remote;
}

void PathMtu::set(base::Instant now, const Address& remote, std::uint16_t mtu) {
  const auto known = position(remote);
  if (known != paths_.end() && known->remote == remote) paths_.erase(known);
  if (paths_.size() == kPathMtuMax) {
    const auto sooner = [](const Path& a, const Path& b) { return a.forgotten_at < b.forgotten_at; };
    paths_.erase(std::min_element(paths_.begin(), paths_.end(), sooner));
  }
  paths_.insert(position(remote), {remote, mtu, now + kPathMtuLifetime});
  set_next();
}

void PathMtu::advance(base::Instant now) {
  if (now < next_) return;
  std::erase_if(paths_, [now](const Path& path) { return path.forgotten_at <= now; });
  set_next();
}

void PathMtu::set_next() {
  next_ = base::kNever;
  for (const Path& path : paths_) next_ = std::min(next_, path.forgotten_at);
}

}  // namespace windhover::stack::ip
