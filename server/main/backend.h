#pragma once
// What carries the frames, as the server sees it: the devices of its lanes, and what there is to be said about them.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/main/lane_plan.h"
#include "server/main/settings.h"
#include "stack/ip/config.h"
#include "stack/link/device.h"

namespace windhover::server::main {

/// What is known once a backend is open, and stays.
struct BackendFacts {
  std::string name;                ///< The interface, for messages: "wh0".
  std::string kind;                ///< What it is: "TUN".
  std::string details;             ///< For the line that describes it, behind the device's; may be empty.
  LanePlan lanes;                  ///< As many devices as this has lanes.
  stack::ip::Config ip;            ///< The stack's, with the addresses that it has here.
  std::vector<std::string> notes;  ///< What is less than was asked for and why, each a sentence.
};

/// What has changed about the interface.
struct Changes {
  std::vector<std::string> sentences;  ///< With what follows from each.
  bool link_up = false;  ///< The carrier has returned: stack::lane::Stack::link_up() is due on every lane.
};

/// A counter of the summary line: "xdp.rx_dropped", 3.
using NamedCounter = std::pair<std::string, std::uint64_t>;

/// Owns the devices, which outlive the lanes that use them. Threads: device(i) and failure(i) are lane i's; everything
/// else is the owner's.
class Backend {
 public:
  virtual ~Backend() = default;

  const BackendFacts& facts() const { return facts_; }

  virtual stack::link::Device& device(std::size_t lane) = 0;
  /// The errno with which the device was lost; 0 while it works.
  virtual int failure(std::size_t lane) const = 0;
  /// No frame comes after this, where that can be had: what is ours goes to the kernel again. Before the lanes end, so
  /// that every frame which was steered to them is accounted for.
  virtual void stop_receiving() {}
  /// Bytes taken by the devices.
  virtual std::size_t memory_size() const = 0;
  /// What the kernel counts, besides DeviceStats. Once the lanes have ended.
  virtual std::vector<NamedCounter> counters() const { return {}; }

  /// Readable when something about the interface has changed; -1 when nothing is ever told.
  virtual int changes_fd() const { return -1; }
  /// What has changed since the last call.
  virtual Changes take_changes() { return {}; }

 protected:
  BackendFacts facts_;
};

/// Opens what the settings name. Throws SetupError. Needs the privileges that the type needs; nothing that is called
/// later does. Precondition: a type is named (climb() finds one).
std::unique_ptr<Backend> open_backend(const Settings& settings);

/// One for each type, in a file of its own; tun and xdp where they are built in.
std::unique_ptr<Backend> open_tun_backend(const Settings& settings);
std::unique_ptr<Backend> open_udp_backend(const Settings& settings);
std::unique_ptr<Backend> open_xdp_backend(const Settings& settings);

}  // namespace windhover::server::main
