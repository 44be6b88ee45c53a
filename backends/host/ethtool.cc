#include "backends/host/ethtool.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "stack/base/setup_error.h"

namespace windhover::backends::host {
namespace {

/// Features of this kernel are fewer than a hundred; more than this are not looked at.
constexpr std::uint32_t kFeaturesMax = 256;
constexpr std::uint32_t kFeaturesPerBlock = 32;

/// Text in a field that need not end with a zero.
template <std::size_t size>
std::string text(const char (&field)[size]) {
  return {field, strnlen(field, size)};
}

// The kernel's structs end with arrays of no length, which standard C++ does not have: here with as much as is asked.
struct SetInfo {
  std::uint32_t cmd;
  std::uint32_t reserved;
  std::uint64_t sset_mask;
  std::uint32_t size;
};
static_assert(offsetof(SetInfo, size) == offsetof(ethtool_sset_info, data));

struct Names {
  std::uint32_t cmd;
  std::uint32_t string_set;
  std::uint32_t length;
  std::array<char[ETH_GSTRING_LEN], kFeaturesMax> names;
};
static_assert(offsetof(Names, names) == offsetof(ethtool_gstrings, data));

struct Features {
  std::uint32_t cmd;
  std::uint32_t size;  // In blocks.
  std::array<ethtool_get_features_block, kFeaturesMax / kFeaturesPerBlock> blocks;
};
static_assert(offsetof(Features, blocks) == offsetof(ethtool_gfeatures, features));

}  // namespace

// Any socket takes the ioctl; netlink's are the ones that this room needs anyway.
Ethtool::Ethtool() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (socket_.fd() < 0) {
    throw stack::base::SetupError(
        "socket(AF_NETLINK, NETLINK_ROUTE)", errno,
        "Allow netlink sockets to this process (systemd: RestrictAddressFamilies=AF_NETLINK).");
  }
}

bool Ethtool::ask(const std::string& interface, void* command) const {
  ifreq request{};
  if (interface.empty() || interface.size() >= sizeof request.ifr_name) return false;
  std::ranges::copy(interface, request.ifr_name);
  request.ifr_data = static_cast<char*>(command);
  return ioctl(socket_.fd(), SIOCETHTOOL, &request) == 0;
}

std::optional<std::string> Ethtool::driver(const std::string& interface) const {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!ask(interface, &info)) return {};
  return text(info.driver);
}

std::optional<Channels> Ethtool::channels(const std::string& interface) const {
  ethtool_channels channels{};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (!ask(interface, &channels)) return {};
  return Channels{.receive = channels.rx_count,
                  .transmit = channels.tx_count,
                  .combined = channels.combined_count,
                  .receive_max = channels.max_rx,
                  .transmit_max = channels.max_tx,
                  .combined_max = channels.max_combined};
}

std::optional<Offloads> Ethtool::offloads(const std::string& interface) const {
  SetInfo info{.cmd = ETHTOOL_GSSET_INFO, .reserved = 0, .sset_mask = 1ULL << ETH_SS_FEATURES, .size = 0};
  if (!ask(interface, &info) || info.sset_mask == 0 || info.size == 0 || info.size > kFeaturesMax) return {};
  Names names{.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES, .length = info.size, .names = {}};
  Features features{
      .cmd = ETHTOOL_GFEATURES, .size = (info.size + kFeaturesPerBlock - 1) / kFeaturesPerBlock, .blocks = {}};
  if (!ask(interface, &names) || !ask(interface, &features)) return {};
  const auto is_on = [&](std::string_view name) {
    for (std::uint32_t bit = 0; bit < info.size; ++bit) {
      if (text(names.names[bit]) != name) continue;
      return ((features.blocks[bit / kFeaturesPerBlock].active >> (bit % kFeaturesPerBlock)) & 1U) != 0;
    }
    return false;
  };
  return Offloads{
      .tso = is_on("tx-tcp-segmentation"),
      .transmit_checksum = is_on("tx-checksum-ip-generic") || (is_on("tx-checksum-ipv4") && is_on("tx-checksum-ipv6"))};
}

}  // namespace windhover::backends::host
