// The keys, room by room. Help is written for an operator: what it does, and what it costs where that is not plain.

#include "server/main/backend_keys.h"
#include "server/main/portal_keys.h"
#include "server/main/settings.h"
#include "server/main/settings_formats.h"
#include "server/main/stack_keys.h"

namespace windhover::server::main {
namespace {

using config::Duration;
using config::Reader;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kKiB = 1024;
constexpr std::int64_t kMiB = 1024 * kKiB;
constexpr std::int64_t kGiB = 1024 * kMiB;

void read_endpoints(Reader& reader, Settings& settings) {
  const std::vector<Endpoint> defaults = settings.endpoints;
  if (reader.has("endpoints")) settings.endpoints.clear();
  reader.each(
      {"endpoints",
       "Where the server listens, each under a name of your choice. Given, they replace the default as a whole."},
      [&](std::string_view name, Reader& inner) {
        config::Url url = defaults.front().url;
        inner.formatted({"url",
                         "Scheme, address and port. The address is one of the server's (backend.addresses, "
                         "backend.serviceAddresses, or the interface's), or * for all of them."},
                        url, kEndpointUrl);
        if (inner.has("url")) {
          settings.endpoints.push_back({std::string(name), url});
        } else {
          inner.problem("url", "url is missing");
        }
      });
}

void read_files(Reader& reader, files::SiteConfig& files) {
  reader.path({"root",
               "The directory that is served. A relative path counts from the folder of the file that says it, or from "
               "the current directory when --root, --set or the environment does."},
              files.root, "www");
  reader.object({"files", "How the files under the root are served."}, [&](Reader& inner) {
    inner.list({"indexFiles", "The first of these that exists stands for its directory."}, files.index_files, kText);
    inner.formatted({"notFoundPage", "A page under the root that is sent with status 404."}, files.not_found_page,
                    kText);
    inner.size({"totalSizeMax", "All files together; with more the server does not start."}, files.total_size_max,
               {kKiB, 1024 * kGiB});
    inner.integer({"entriesMax", "Files and directories together; with more the server does not start."},
                  files.entries_max, {1, 10'000'000});
  });
}

void read_rate(Reader& reader, config::Key key, http::DataRate& rate) {
  reader.object(key, [&](Reader& inner) {
    inner.integer({"bytesPerSecond", "The least average speed; 0 demands none."}, rate.bytes_per_second, {0, kGiB});
    inner.duration({"gracePeriod", "Not judged before this has passed."}, rate.grace, {milliseconds(1), hours(1)});
  });
}

void read_limits(Reader& reader, http::Limits& limits) {
  reader.size({"maxRequestLineSize", "Longest request line, its line break included; beyond it 414."},
              limits.max_request_line_size, {64, kMiB});
  reader.size({"maxRequestHeadersTotalSize", "All header lines together; beyond it 431."},
              limits.max_request_headers_total_size, {64, kMiB});
  reader.integer({"maxRequestHeaderCount", "Header lines of a request; beyond it 431."},
                 limits.max_request_header_count, {1, 1000});
  reader.size({"maxRequestBodySize", "Largest request body; beyond it 413."}, limits.max_request_body_size,
              {0, std::numeric_limits<std::int64_t>::max()});
  reader.size({"maxRequestBufferSize", "Input held for one connection while its earlier answers are not yet taken."},
              limits.max_request_buffer_size, {kKiB, kGiB});
  reader.size({"maxResponseBufferSize", "Unacknowledged output beyond which no further pipelined request is answered."},
              limits.max_response_buffer_size, {kKiB, kGiB});
  reader.duration({"keepAliveTimeout", "How long an idle connection is kept; then it is closed silently."},
                  limits.keep_alive_timeout, {milliseconds(1), hours(24)});
  reader.duration(
      {"requestHeadersTimeout", "From the first byte of a request to the end of its headers; beyond it 408."},
      limits.request_headers_timeout, {milliseconds(1), hours(24)});
  read_rate(reader, {"minRequestBodyDataRate", "The slowest request body that is put up with; slower, and it is 408."},
            limits.min_request_body_data_rate);
  read_rate(reader,
            {"minResponseDataRate", "The slowest reader that is put up with; a slower one's connection is aborted."},
            limits.min_response_data_rate);
  reader.integer(
      {"maxConcurrentConnections", "Connections of one lane; more are refused. null: as many as there is memory for."},
      limits.max_concurrent_connections, {1, 16'777'216});
  reader.duration({"shutdownTimeout", "How long connections may finish after SIGTERM before they are reset."},
                  limits.shutdown_timeout, {Duration(0), hours(24)});
}

void read_lane(Reader& reader, LaneSettings& lane) {
  reader.integer(
      {"count",
       "Lanes. null: with tun and udp one; with xdp one for each queue of the interface, as far as there are CPUs."},
      lane.count, {1, kLanesMax});
  reader.integers(
      {"cpus",
       "CPUs that the lanes are pinned to, the first to the first. []: not pinned. null: with xdp a CPU for "
       "each lane, those of the interface's NUMA node first; with tun and udp not pinned."},
      lane.cpus, {0, 1023});
  reader.duration({"spinMax",
                   "How long a lane asks an empty device again before it sleeps; it adapts below that. More costs CPU "
                   "time and saves wake-ups."},
                  lane.loop.spin_max, {Duration(0), seconds(1)});
  reader.size({"mailboxSize",
               "Of each mailbox from one lane to another, for frames that a queue brings to the wrong lane. A power of "
               "two."},
              lane.mailbox_size, {128 * kKiB, kGiB});
}

void read_profile(Reader& reader, backends::impair::Profile& profile) {
  reader.number({"loss", "Probability that a frame is lost."}, profile.loss, 0, 1);
  reader.number({"duplicate", "Probability that it comes twice."}, profile.duplicate, 0, 1);
  reader.number({"reorder", "Probability that later frames overtake it."}, profile.reorder, 0, 1);
  reader.number({"corrupt", "Probability that one of its bits is flipped."}, profile.corrupt, 0, 1);
  reader.duration({"reorderHold", "How long a reordered frame is held back."}, profile.reorder_hold,
                  {Duration(0), seconds(60)});
  reader.duration({"delay", "Delay of every frame."}, profile.delay, {Duration(0), seconds(60)});
  reader.duration({"jitter", "Up to this much is added to the delay."}, profile.jitter, {Duration(0), seconds(60)});
  reader.size({"rate", "Bytes a second; 0: no bound."}, profile.rate, {0, 1024 * kGiB});
  reader.size({"rateQueue", "Bytes that may wait for their turn; what comes then is lost."}, profile.rate_queue,
              {kKiB, kGiB});
}

void read_development(Reader& reader, Settings& settings) {
  reader.object(
      {"capture", "Writes every frame that the stack sends or receives to a file for Wireshark."}, [&](Reader& inner) {
        inner.path({"file",
                    "The pcapng file, which is overwritten; null: no capture. With several lanes each writes one of "
                    "what its queues bring, with its number: FILE-0.pcapng."},
                   settings.capture.file);
        inner.size({"snapshotSize", "Longer frames are cut to this."}, settings.capture.writer.snap_length,
                   {64, 256 * kKiB});
        inner.size({"fileSizeMax", "The capture ends before the file would outgrow this; 0: no bound."},
                   settings.capture.writer.file_size_max, {0, 1024 * kGiB});
      });
  reader.object({"impair", "For development: makes the line between the device and the stack a bad one."},
                [&](Reader& inner) {
                  inner.integer({"seed", "Decides everything random; the same seed does the same again."},
                                settings.impair.seed, {0, std::numeric_limits<std::int64_t>::max()});
                  inner.object({"transmit", "What the server sends."},
                               [&](Reader& line) { read_profile(line, settings.impair.transmit); });
                  inner.object({"receive", "What the server receives."},
                               [&](Reader& line) { read_profile(line, settings.impair.receive); });
                  inner.integer({"lineFrames", "Frames that fit on the line in each direction."},
                                settings.impair.line_frames, {1, 65536});
                });
}

}  // namespace

void read(config::Reader& reader, Settings& settings) {
  read_files(reader, settings.files);
  read_endpoints(reader, settings);
  reader.object({"backend", "The device, and the addresses on it."},
                [&](Reader& inner) { read_backend(inner, settings); });
  read_portal(reader, settings);
  reader.object({"limits", "What a client may ask of the server: Kestrel's limits with its names and defaults."},
                [&](Reader& inner) { read_limits(inner, settings.limits); });
  reader.object({"capacity", "Memory of the HTTP front end, taken at start."}, [&](Reader& inner) {
    inner.integer({"smallBuffers", "Buffers of 2 KiB: heads that arrive in parts, answers that have to wait."},
                  settings.capacity.small_buffers, {16, 1 << 24});
    inner.integer({"largeBuffers", "Buffers for the largest heads, 64 KiB or more each."},
                  settings.capacity.large_buffers, {4, 1 << 20});
  });
  reader.object({"ip", "The internet layer."}, [&](Reader& inner) { read_ip(inner, settings.stack.ip); });
  reader.object({"tcp", "The transport layer."}, [&](Reader& inner) { read_tcp(inner, settings.stack.tcp); });
  reader.object({"udp", "Datagrams."}, [&](Reader& inner) { read_udp(inner, settings.stack.udp); });
  reader.object({"lane", "The threads that run the stack and HTTP, each with connections of its own."},
                [&](Reader& inner) { read_lane(inner, settings.lane); });
  reader.object({"log", "Messages to the operator."}, [&](Reader& inner) {
    inner.choice<LogLevel>(
        {"level",
         "What is said at least. debug: also each connection that ends otherwise than in order, with "
         "its last events (tcp.recorderTapes); memory for that is taken at start."},
        settings.log_level,
        {{"error", LogLevel::kError},
         {"warning", LogLevel::kWarning},
         {"info", LogLevel::kInfo},
         {"debug", LogLevel::kDebug}});
  });
  read_development(reader, settings);
}

}  // namespace windhover::server::main
