#pragma once
// What a driver says of itself over the ethtool ioctl. Needs no privilege.

#include <cstdint>
#include <optional>
#include <string>

#include "backends/host/file.h"

namespace windhover::backends::host {

/// Queues in use and their bounds (ethtool -l). A combined queue receives and transmits.
struct Channels {
  std::uint32_t receive = 0;
  std::uint32_t transmit = 0;
  std::uint32_t combined = 0;
  std::uint32_t receive_max = 0;
  std::uint32_t transmit_max = 0;
  std::uint32_t combined_max = 0;
};

/// Offloads that are on now (ethtool -k).
struct Offloads {
  bool tso = false;                ///< tx-tcp-segmentation.
  bool transmit_checksum = false;  ///< tx-checksum-ip-generic, or tx-checksum-ipv4 and -ipv6.
};

/// Thread: any one at a time. Each question about an interface that is not there, or whose driver does not answer it,
/// gives nothing.
class Ethtool {
 public:
  /// In the network namespace of the calling thread. Throws SetupError.
  Ethtool();

  std::optional<std::string> driver(const std::string& interface) const;
  std::optional<Channels> channels(const std::string& interface) const;
  std::optional<Offloads> offloads(const std::string& interface) const;

 private:
  /// Runs a command on the struct that begins with its number.
  bool ask(const std::string& interface, void* command) const;

  File socket_;
};

}  // namespace windhover::backends::host
