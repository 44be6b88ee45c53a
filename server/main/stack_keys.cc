#include "server/main/stack_keys.h"

#include <fmt/format.h>

#include "stack/ip/neighbours.h"
#include "stack/ip/reassembly.h"

namespace windhover::server::main {
namespace {

using config::Duration;
using config::Reader;
using stack::tcp::CongestionControl;
using stack::tcp::EcnMode;
using stack::tcp::PathProbing;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

void read_neighbours(Reader& reader, stack::ip::Config& ip) {
  reader.integer({"neighboursMax", "Entries of the neighbour table (layer ethernet)."}, ip.neighbours_max,
                 {1, stack::ip::kNeighboursMax});
  reader.integer({"neighbourQueueMax", "Packets that wait while one neighbour's MAC address is asked for."},
                 ip.neighbour_queue_max, {1, 1024});
  reader.duration({"neighbourReachable", "How long a neighbour's MAC address is believed without a confirmation."},
                  ip.neighbour_reachable, {seconds(1), hours(24)});
  reader.duration({"neighbourRetransmit", "Between two questions for a neighbour's MAC address."},
                  ip.neighbour_retransmit, {milliseconds(10), seconds(60)});
}

/// All of these are about owned addresses on a link with MAC addresses.
void read_presence(Reader& reader, stack::ip::Config& ip) {
  constexpr std::int64_t kQuestionsMax = 10;
  reader.integer(
      {"dadTransmits",
       "How often it is asked whether another station has an IPv6 address of ours, neighbourRetransmit apart; 0: not "
       "at all. Before that the address does not answer: a second after the start with the default."},
      ip.dad_transmits, {0, kQuestionsMax});
  reader.integer({"arpProbes",
                  "The same for an IPv4 address. RFC 5227 wants 3, which take 4 to 6 seconds; 0, as Linux: used at "
                  "once."},
                 ip.arp_probes, {0, kQuestionsMax});
  reader.integer({"announcements", "How often an address that has become usable is announced on the link; 0: never."},
                 ip.announcements, {0, kQuestionsMax});
  enum class When : std::uint8_t { kAuto, kOn, kOff };
  When accept = !ip.accept_ra ? When::kAuto : *ip.accept_ra ? When::kOn : When::kOff;
  reader.choice<When>(
      {"acceptRa",
       "Whether routers are asked for, and believed about the way out over IPv6 and its MTU; never about addresses. "
       "auto: when there is an IPv6 address and no backend.gatewayV6."},
      accept, {{"auto", When::kAuto}, {"on", When::kOn}, {"off", When::kOff}});
  ip.accept_ra = accept == When::kAuto ? std::nullopt : std::optional<bool>(accept == When::kOn);
  reader.boolean({"multicastReports",
                  "Tell switches which groups neighbour discovery needs to reach us (MLD). Off, one that filters "
                  "multicast may cut "
                  "us off from IPv6."},
                 ip.multicast_reports);
}

void read_fragments(Reader& reader, stack::ip::Config& ip) {
  reader.size(
      {"reassemblyMemory",
       "Of one lane for packets that come in fragments; beyond it the oldest is given up. Taken as it is used."},
      ip.reassembly_memory, {stack::ip::kReassemblyMemoryMin, 16 * kGiB});
  reader.integer({"reassemblyPacketsMax", "Packets of which fragments are missing; a source may have a quarter."},
                 ip.reassembly_packets_max, {stack::ip::kReassemblySourceShare, stack::ip::kReassemblyPacketsMax});
  reader.integer({"reassemblyFragmentsMax",
                  "Fragments of one packet; one with more is given up. 128 are 64 KiB in packets of 576 bytes."},
                 ip.reassembly_fragments_max, {1, 65536});
}

void read_open(Reader& reader, stack::tcp::Config& tcp) {
  reader.integer({"connectionsMax", "Connection slots of one lane; memory is taken at start."}, tcp.connections_max,
                 {1, 16'777'216});
  reader.integer({"activeMax",
                  "Connections of one lane that may be busy at once, 648 bytes each; a quiet one gives way to one that "
                  "wakes. Those beyond it wait, or their segments are dropped and come again. 0: all, up to 65536."},
                 tcp.active_max, {0, 16'777'216});
  reader.integer({"backlog", "Half-open connections of one listener."}, tcp.backlog, {1, 1 << 20});
  reader.integer({"halfOpenMax", "Half-open connections of all of a lane's listeners, 64 bytes each, taken at start."},
                 tcp.half_open_max, {1, 1 << 24});
  reader.boolean(
      {"synCookies",
       "Answer a SYN beyond backlog and halfOpenMax with a cookie, which keeps no state; such a connection may go "
       "without window scaling and SACK when its client offers no timestamps. Off: the SYN is dropped."},
      tcp.syn_cookies);
  reader.integer(
      {"connectionsPerSourceMax",
       "Connections from one IPv4 address or IPv6 /64, on one lane; its SYNs beyond that are dropped. 0: no such "
       "bound. Clients behind one NAT share it."},
      tcp.connections_per_source_max, {0, 16'777'216});
  reader.integer({"timeWaitMax", "Connections in TIME-WAIT; the oldest ends early when there are more."},
                 tcp.time_wait_max, {1, 16'777'216});
}

void read_memory(Reader& reader, stack::tcp::Config& tcp) {
  constexpr config::Range kWindow = {4 * kKiB, 64 * kMiB};
  constexpr config::Range kBlocks = {64, 1 << 24};
  reader.size({"receiveWindowInitial",
               "What a peer is offered at first, if receiveWindow is not less. More spares large uploads a round trip "
               "or two."},
              tcp.receive_window_initial, kWindow);
  reader.size(
      {"receiveWindow",
       "The most that is offered to a peer; it begins with receiveWindowInitial and grows as a transfer needs it."},
      tcp.receive_window, kWindow);
  reader.size({"sendBufferInitial", "Copied bytes that every connection may have queued, if sendBuffer is not less."},
              tcp.send_buffer_initial, kWindow);
  reader.size(
      {"sendBuffer",
       "The most copied bytes that one connection may have queued, when its window wants so many; files are sent by "
       "reference and do not count."},
      tcp.send_buffer, kWindow);
  reader.integer(
      {"sendBlocks",
       "Blocks of copied bytes to send, 2 KiB each, shared by the lane's connections. From two thirds in use on, "
       "buffers and windows stop growing; from seven eighths on, new connections are put off."},
      tcp.send_blocks, kBlocks);
  reader.integer({"sendEntries", "Entries of send queues, shared in the same way."}, tcp.send_entries, kBlocks);
  reader.integer({"reassemblyBlocks", "Blocks of data out of order or not yet read, shared in the same way."},
                 tcp.reassembly_blocks, kBlocks);
  reader.integer(
      {"recorderTapes",
       "Connections of one lane whose last 64 events are kept, 1 KiB each, for log.level debug; 0: nobody's. Those "
       "beyond it go unrecorded."},
      tcp.recorder_tapes, {0, 1 << 20});
}

void read_sending(Reader& reader, stack::tcp::Config& tcp) {
  reader.choice<CongestionControl>({"congestionControl", "How the sending rate adapts to losses."},
                                   tcp.congestion_control,
                                   {{"newReno", CongestionControl::kNewReno}, {"cubic", CongestionControl::kCubic}});
  reader.choice<EcnMode>(
      {"ecn",
       "Explicit congestion notification (RFC 3168), which spares losses where routers mark. accept: "
       "when the client asks for it. ask: on connections that the server opens too."},
      tcp.ecn, {{"off", EcnMode::kOff}, {"accept", EcnMode::kAccept}, {"ask", EcnMode::kAsk}});
  reader.choice<PathProbing>(
      {"pathProbing",
       "Finding the packet size that a path carries (RFC 4821). off: by ICMP errors alone. blackHole: also by smaller "
       "packets when large ones time out again and again. always: and nothing above 1500 bytes before it has been "
       "tried, for links with jumbo frames."},
      tcp.path_probing,
      {{"off", PathProbing::kOff}, {"blackHole", PathProbing::kBlackHole}, {"always", PathProbing::kAlways}});
  reader.integer({"initialWindow", "Segments sent before the first acknowledgement (RFC 6928)."}, tcp.initial_window,
                 {1, 100});
  reader.boolean({"timestamps", "Offer timestamps (RFC 7323)."}, tcp.timestamps);
  reader.boolean({"sack", "Offer selective acknowledgements (RFC 2018)."}, tcp.sack);
}

void read_times(Reader& reader, stack::tcp::Config& tcp) {
  reader.duration({"rtoInitial", "Retransmission time-out before the first measurement (RFC 6298)."}, tcp.rto_initial,
                  {milliseconds(10), seconds(60)});
  reader.duration({"rtoMin", "Least retransmission time-out."}, tcp.rto_min, {milliseconds(1), seconds(60)});
  reader.duration({"rtoMax", "Greatest retransmission time-out."}, tcp.rto_max, {seconds(1), hours(1)});
  reader.integer({"retransmissionsMax", "Retransmissions in a row before a connection is given up."},
                 tcp.retransmissions_max, {1, 100});
  reader.duration({"retransmissionTimeMax",
                   "How long a connection may go on retransmitting, if there are not retransmissionsMax before. Less "
                   "frees what vanished clients hold sooner, and gives up long outages."},
                  tcp.retransmission_time_max, {seconds(1), hours(24)});
  reader.integer({"synRetransmissionsMax", "As retransmissionsMax, while a connection is being opened."},
                 tcp.syn_retransmissions_max, {0, 100});
  reader.duration({"userTimeout",
                   "How long a connection may go without progress while something is due from its peer (RFC 5482); it "
                   "also ends those whose peer's window stays shut. 0s: no such bound."},
                  tcp.user_timeout, {Duration(0), hours(24)});
  reader.duration({"delayedAck", "How long an acknowledgement may wait for data to ride on."}, tcp.delayed_ack,
                  {Duration(0), milliseconds(500)});
  reader.duration({"timeWait", "Length of TIME-WAIT."}, tcp.time_wait, {milliseconds(1), hours(1)});
  reader.duration({"finWait2",
                   "How long the peer's FIN is waited for once the server has closed and the peer has acknowledged it; "
                   "until then the connection keeps its slot."},
                  tcp.fin_wait_2, {milliseconds(1), hours(1)});
  reader.duration({"keepAliveIdle", "Silence after which the peer is probed; 0s: never."}, tcp.keep_alive_idle,
                  {Duration(0), hours(24)});
  reader.duration({"keepAliveInterval", "Between two such probes."}, tcp.keep_alive_interval, {seconds(1), hours(24)});
  reader.integer({"keepAliveProbes", "Unanswered probes before a connection is given up."}, tcp.keep_alive_probes,
                 {1, 100});
}

}  // namespace

void read_ip(Reader& reader, stack::ip::Config& ip) {
  reader.integer({"ttl", "TTL and hop limit of packets sent."}, ip.ttl, {1, 255});
  read_neighbours(reader, ip);
  read_presence(reader, ip);
  reader.integer({"icmpErrorsPerSecond", "ICMP errors that one lane sends at most; 0: none."},
                 ip.icmp_errors_per_second, {0, 1'000'000});
  reader.duration({"icmpErrorInterval",
                   "Between two of them to one destination, after the first six; 0s: no such "
                   "bound."},
                  ip.icmp_error_interval, {Duration(0), hours(1)});
  read_fragments(reader, ip);
}

void read_tcp(Reader& reader, stack::tcp::Config& tcp) {
  read_open(reader, tcp);
  read_memory(reader, tcp);
  read_sending(reader, tcp);
  read_times(reader, tcp);
}

void read_udp(Reader& reader, stack::udp::Config& udp) {
  reader.integer(
      {"socketsMax",
       "Datagram sockets of one lane, for applications that are built into the server; HTTP has none. Memory "
       "is taken at start."},
      udp.sockets_max, {0, stack::udp::kSocketsMax});
}

void check_tcp(Reader& reader, const stack::tcp::Config& tcp) {
  const auto text = [](Duration value) { return config::print_duration(value); };
  if (tcp.rto_min > tcp.rto_max) {
    reader.problem("rtoMin", fmt::format("rtoMin {} is greater than rtoMax {}", text(tcp.rto_min), text(tcp.rto_max)));
  }
  if (tcp.rto_initial < tcp.rto_min || tcp.rto_initial > tcp.rto_max) {
    reader.problem("rtoInitial", fmt::format("rtoInitial {} is not between rtoMin {} and rtoMax {}",
                                             text(tcp.rto_initial), text(tcp.rto_min), text(tcp.rto_max)));
  }
}

}  // namespace windhover::server::main
