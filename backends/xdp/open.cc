#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "backends/xdp/plan.h"
#include "backends/xdp/xdp.h"
#include "stack/base/check.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::xdp {
namespace {

using stack::base::SetupError;

constexpr std::size_t kLanesMax = 64;
constexpr int kNodesMax = 64;

constexpr std::array kLadder{Mode::kZeroCopy, Mode::kNativeCopy, Mode::kGeneric};

/// All that is asked for, borrowed.
struct Order {
  const Config& config;
  const host::Interface& interface;
  const Plan& plan;
  const std::vector<LanePlace>& places;
  const std::vector<stack::wire::MacAddress>& groups;
};

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::kZeroCopy:
      return "native zero-copy";
    case Mode::kNativeCopy:
      return "native copy";
    default:
      return "generic";
  }
}

Attach attach_of(Mode mode) { return mode == Mode::kGeneric ? Attach::kGeneric : Attach::kNative; }

/// Every lane is told the same: once is enough.
void add_notes(std::vector<std::string>& notes, std::vector<std::string> more) {
  for (std::string& note : more)
    if (std::ranges::find(notes, note) == notes.end()) notes.push_back(std::move(note));
}

std::string refusal(Mode mode, const SetupError& error) {
  std::string text = "No " + std::string(name_of(mode)) + ": " + error.call() + ": ";
  if (error.error() != 0) text += std::string(std::strerror(error.error())) + ": ";
  return text + error.remedy();
}

std::optional<int> node_of(const LanePlace& place, const host::Interface& interface) {
  if (!place.cpu) return interface.numa_node;
  const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(*place.cpu) + "/node";
  for (int node = 0; node < kNodesMax; ++node)
    if (access((folder + std::to_string(node)).c_str(), F_OK) == 0) return node;
  return {};
}

SocketRequest request_of(const Order& order, Mode mode, bool busy_poll) {
  const bool zero_copy = mode == Mode::kZeroCopy;
  const bool driver_sums = order.interface.xdp && order.interface.xdp->transmit_checksum;
  return {.interface_index = order.interface.index,
          .interface_name = order.interface.name,
          .zero_copy = zero_copy,
          .multi_buffer = gathered_size(order.plan, mode) != 0,
          .metadata = order.config.transmit_checksum && (!zero_copy || driver_sums),
          .busy_poll = busy_poll,
          .ring_size = order.config.ring_size};
}

/// Joins on the first lane's socket: what a card lets through arrives on every queue.
void join_groups(const Order& order, PacketSocket& socket, std::vector<std::string>& notes) {
  for (const stack::wire::MacAddress& group : order.groups) {
    const int error = socket.join(group);
    if (error == 0) continue;
    notes.push_back("Frames to " + group.to_string() + " may not arrive: setsockopt PACKET_ADD_MEMBERSHIP: " +
                    std::strerror(error) + ": ip link set " + order.interface.name + " allmulticast on.");
  }
}

/// The packet socket of a lane that needs one or would like to have one; `gso` becomes false when it has none.
std::unique_ptr<PacketSocket> open_packet_socket(const Order& order, bool only_way, bool& gso,
                                                 std::vector<std::string>& notes) {
  try {
    return std::make_unique<PacketSocket>(order.interface.index, order.interface.name);
  } catch (const SetupError& error) {
    if (only_way) throw;
    gso = false;
    notes.push_back("No super-frames: " + error.call() + ": " + std::strerror(error.error()) + ": " + error.remedy());
    return nullptr;
  }
}

std::unique_ptr<Xdp> open_lane(const Order& order, Mode mode, std::size_t lane, bool busy_poll,
                               std::vector<std::string>& notes) {
  const Config& config = order.config;
  SocketRequest request = request_of(order, mode, busy_poll);
  std::vector<std::uint32_t> queues;
  for (std::size_t queue = lane; queue < order.plan.queue_count; queue += order.places.size())
    queues.push_back(static_cast<std::uint32_t>(queue));

  LaneParts parts;
  parts.name = order.interface.name;
  parts.receive_frames = config.receive_frames * static_cast<std::uint32_t>(queues.size());
  parts.transmit_frames = config.transmit_frames;
  parts.gathered_size = queues.empty() ? 0 : gathered_size(order.plan, mode);
  parts.ring_transmits = !queues.empty() && queues[0] < order.interface.transmit_queues;
  parts.umem = std::make_unique<Umem>(UmemShape{.chunk_size = order.plan.chunk_size,
                                                .chunk_count = parts.receive_frames + parts.transmit_frames,
                                                .huge_pages = config.huge_pages,
                                                .numa_node = node_of(order.places[lane], order.interface)},
                                      notes);
  parts.sockets.reserve(queues.size());
  for (const std::uint32_t queue : queues) {
    request.queue = queue;
    parts.sockets.emplace_back(request, *parts.umem, parts.sockets.empty() ? nullptr : parts.sockets.data(), notes);
  }

  bool gso = parts.ring_transmits ? has_bulk(config, order.interface, mode) : config.bulk == Bulk::kAuto;
  const bool joins = lane == 0 && !order.groups.empty();
  if (!parts.ring_transmits || gso || joins)
    parts.packet_socket = open_packet_socket(order, !parts.ring_transmits, gso, notes);
  if (joins && parts.packet_socket) join_groups(order, *parts.packet_socket, notes);
  const bool chunk_limited = request.multi_buffer && !parts.sockets.empty() && !parts.sockets[0].multi_buffer();
  parts.caps = make_caps(order.plan, mode, gso, chunk_limited);
  return std::make_unique<Xdp>(std::move(parts));
}

using Lanes = std::vector<std::unique_ptr<Xdp>>;

Lanes open_lanes(const Order& order, Mode mode, bool busy_poll, std::vector<std::string>& notes) {
  Lanes lanes;
  for (std::size_t lane = 0; lane < order.places.size(); ++lane)
    lanes.push_back(open_lane(order, mode, lane, busy_poll, notes));
  return lanes;
}

/// The kernel polls only what it knows the NAPI of, and takes the options without it all the same.
bool can_busy_poll(const Lanes& lanes) {
  return std::ranges::all_of(lanes, [](const std::unique_ptr<Xdp>& lane) {
    return std::ranges::all_of(lane->sockets(), [](const Socket& socket) {
      unsigned id = 0;
      socklen_t size = sizeof id;
      return getsockopt(socket.fd(), SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &size) == 0 && id != 0;
    });
  });
}

/// Lanes in one mode, the program being attached for it.
Lanes stand_on(const Order& order, Mode mode, std::vector<std::string>& notes) {
  std::vector<std::string> more;
  Lanes lanes = open_lanes(order, mode, order.config.busy_poll, more);
  if (order.config.busy_poll && !can_busy_poll(lanes)) {
    lanes.clear();
    more.clear();
    lanes = open_lanes(order, mode, false, more);
    more.push_back("No busy polling: the driver of " + order.interface.name +
                   " gives its queues no NAPI id (getsockopt SO_INCOMING_NAPI_ID): set backend.busyPoll to false.");
  }
  add_notes(notes, std::move(more));
  return lanes;
}

/// A refusal that no other mode would lift: the queue is taken, a privilege or memory is missing, the interface is
/// gone.
bool is_final(const SetupError& error) {
  constexpr std::array kFinal{EBUSY, EPERM, EACCES, ENOBUFS, ENOMEM, ENODEV, ENETDOWN};
  return std::ranges::find(kFinal, error.error()) != kFinal.end();
}

void climb(const Order& order, Opened& opened) {
  const bool any = order.config.mode == Mode::kAuto;
  const std::span<const Mode> rungs = any ? std::span<const Mode>(kLadder) : std::span(&order.config.mode, 1);
  std::optional<Attach> attached;
  for (const Mode mode : rungs) {
    const bool last = mode == rungs.back();
    try {
      if (attached != attach_of(mode)) {
        if (attached) opened.program->detach();
        attached.reset();
        opened.program->attach(order.interface.index, order.interface.name, attach_of(mode));
        attached = attach_of(mode);
      }
      opened.lanes = stand_on(order, mode, opened.notes);
      opened.mode = mode;
      return;
    } catch (const SetupError& error) {
      if (last || (attached && is_final(error))) throw;
      opened.notes.push_back(refusal(mode, error));
    }
  }
}

}  // namespace

Opened open(const Config& config, const host::Interface& interface, const Steering& steering,
            const std::vector<stack::wire::MacAddress>& groups, const std::vector<LanePlace>& places) {
  CHECK(!places.empty() && places.size() <= kLanesMax);
  Opened opened;
  const Plan plan = make_plan(config, interface, places.size(), opened.notes);
  opened.queue_count = plan.queue_count;
  opened.program = std::make_unique<Program>(steering);
  climb({config, interface, plan, places, groups}, opened);
  for (const std::unique_ptr<Xdp>& lane : opened.lanes)
    for (const Socket& socket : lane->sockets()) opened.program->set_socket(socket.queue(), socket.fd());
  return opened;
}

}  // namespace windhover::backends::xdp
