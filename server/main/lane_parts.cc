#include "server/main/lane_parts.h"

#include <filesystem>

#include "server/main/system.h"

namespace windhover::server::main {
namespace {

/// Every lane learns about neighbours; the first one answers for all.
stack::lane::Config stack_config(const Settings& settings, const Backend& backend, LaneNumber lane) {
  stack::lane::Config config = settings.stack;
  config.ip = backend.facts().ip;
  config.ip.answers_neighbours = lane.index == 0;
  config.ip.lane = lane.index;
  config.ip.lane_count = lane.count;
  return config;
}

}  // namespace

std::string capture_path(const std::string& path, LaneNumber lane) {
  if (lane.count == 1 && lane.label.empty()) return path;
  const std::filesystem::path whole(path);
  const std::string mark = lane.label.empty() ? std::to_string(lane.index) : std::string(lane.label);
  const std::string name = whole.stem().string() + "-" + mark + whole.extension().string();
  return (whole.parent_path() / name).string();
}

LaneParts::LaneParts(const Settings& settings, Backend& backend, LaneNumber lane, const stack::tcp::Keys& keys,
                     http::Responder& responder)
    : below_(backend.device(lane.index)),
      http_(settings.limits, settings.capacity, responder, wall_clock_offset(), settings.proxy),
      stack_(monotonic_now(), stack_config(settings, backend, lane), keys, wrap(settings, lane)) {
  for (const Endpoint& endpoint : settings.endpoints) {
    listeners_.push_back(listener_of(endpoint));
    stack_.listen(listeners_.back(), http_);
  }
}

stack::link::Device& LaneParts::wrap(const Settings& settings, LaneNumber lane) {
  if (!settings.impair.transmit.clean() || !settings.impair.receive.clean()) {
    backends::impair::Config impair = settings.impair;
    impair.seed += lane.index;
    impair_ = std::make_unique<backends::impair::Impair>(below_, impair, &monotonic_now);
  }
  if (settings.capture.file) {
    backends::pcap::WriterConfig writer = settings.capture.writer;
    writer.path = capture_path(writer.path, lane);
    writer.epoch_offset = wall_clock_offset();
    pcap_ = std::make_unique<backends::pcap::Pcap>(device(), writer, &monotonic_now);
  }
  return device();
}

stack::link::Device& LaneParts::device() {
  if (pcap_) return *pcap_;
  if (impair_) return *impair_;
  return below_;
}

}  // namespace windhover::server::main
