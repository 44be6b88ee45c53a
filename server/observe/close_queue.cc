#include "server/observe/close_queue.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "stack/base/check.h"

namespace windhover::server::observe {
namespace {

using stack::base::Duration;
using stack::tcp::FlightEvent;
using stack::tcp::Info;

constexpr std::size_t kSizeMin = 2048;  // More than the first two lines can be.
constexpr std::string_view kIndent = "\n  ";
constexpr std::string_view kLeftOut = "\n  (earlier events are left out)";

double milliseconds(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

/// With the words of `ss -ti`.
std::string info_line(const Info& info) {
  std::string line = fmt::format("{} {} {}", info.state, info.congestion_control, info.ca_state);
  if (info.timestamps) line += " ts";
  if (info.sack) line += " sack";
  if (info.ecn) line += " ecn";
  if (info.window_scaling) line += fmt::format(" wscale:{},{}", info.snd_wscale, info.rcv_wscale);
  line += fmt::format(" rto:{:.3f}ms rtt:{:.3f}ms/{:.3f}ms mss:{} rcvmss:{} pmtu:{} cwnd:{} ssthresh:{} snd_wnd:{}",
                      milliseconds(info.rto), milliseconds(info.srtt), milliseconds(info.rttvar), info.snd_mss,
                      info.rcv_mss, info.pmtu, info.snd_cwnd, info.snd_ssthresh, info.snd_wnd);
  line += fmt::format(" bytes_sent:{} bytes_acked:{} segs_out:{} retrans:{} notsent:{} unacked:{} sacked:{} lost:{}",
                      info.bytes_sent, info.bytes_acked, info.segments_sent, info.retransmitted, info.notsent,
                      info.unacked, info.sacked, info.lost);
  line += fmt::format(" timeouts:{} probes:{} bytes_received:{} segs_in:{} rcv_wnd:{} rcv_ooopack:{} rcv_waiting:{}",
                      info.timeouts, info.probes, info.bytes_received, info.segments_received, info.rcv_wnd,
                      info.rcv_ooopack, info.rcv_waiting);
  return line + fmt::format(" lastsnd:{:.0f}ms lastrcv:{:.0f}ms lastdata:{:.0f}ms", milliseconds(info.last_data_sent),
                            milliseconds(info.last_received), milliseconds(info.last_data_received));
}

}  // namespace

std::string to_string(const CloseReport& report, std::size_t size_max) {
  CHECK(size_max >= kSizeMin);
  const Info& info = report.info;
  std::string text = fmt::format("{} from {} ended: {}{}{}", info.local.to_string(), info.remote.to_string(),
                                 name(report.reason), kIndent, info_line(info));
  const auto events = report.recording.all();
  if (events.empty()) return text + fmt::format("{}(nothing was recorded)", kIndent);
  // The last events say the most.
  std::size_t size = text.size() + kLeftOut.size();
  std::vector<std::string> lines;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    lines.push_back(to_string(*event, events.front().at));
    size += kIndent.size() + lines.back().size();
    if (size <= size_max) continue;
    lines.pop_back();
    text += kLeftOut;
    break;
  }
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) text.append(kIndent).append(*line);
  return text;
}

void CloseQueue::on_abnormal_close(const Info& info, stack::tcp::CloseReason reason,
                                   const stack::tcp::Recording& recording) {
  if (!reports_.push({info, reason, recording})) missed_.add();
}

std::uint64_t CloseQueue::take_missed() {
  const std::uint64_t missed = missed_.value();
  return missed - std::exchange(missed_told_, missed);
}

}  // namespace windhover::server::observe
