#pragma once
// Two stacks on the two ends of a bad line, in virtual time.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "backends/impair/impair.h"
#include "backends/memory/pair.h"
#include "backends/pcap/pcap.h"
#include "stack/lane/stack.h"
#include "tests/sim/liar.h"

namespace windhover::sim {

/// The addresses of the two, client first.
stack::wire::Address client_address(bool ipv6);
stack::wire::Address server_address(bool ipv6);

/// Keys drawn from a seed.
stack::tcp::Keys keys_from(std::uint64_t seed);

/// What a Net is made of.
struct NetSetup {
  std::uint64_t seed = 0;
  bool ipv6 = false;
  backends::memory::Config wire;
  backends::impair::Config line;
  stack::tcp::Config client;
  stack::tcp::Config server;
  Lies lies;              ///< What the client says that is not so.
  std::string pcap_path;  ///< The client's frames; empty for none.
};

/// Owns both stacks, the line and the clock. Handlers must outlive it. Thread: one.
class Net {
 public:
  using Instant = stack::base::Instant;

  /// How a drive() came to its end.
  enum class Ending : std::uint8_t {
    kDone,
    kNeverAgain,  ///< Nothing is due on either side.
    kStuck,       ///< Something is due, and nothing moves.
    kTooLate,
  };

  explicit Net(const NetSetup& setup);

  Instant now() const { return now_; }
  stack::lane::Stack& client() { return client_->stack; }
  stack::lane::Stack& server() { return server_->stack; }
  backends::memory::Pair& pair() { return pair_; }
  /// The line holds no frame, and neither side keeps one back.
  bool is_quiet() const;

  /// One round of both lanes' loops. Returns whether anything moved.
  bool turn();

  /// Goes on until done() holds. `due` is when the caller has something to do; done() is asked then.
  template <typename Done>
  Ending drive(Done&& done, Instant latest, Instant due = stack::base::kNever) {
    int stuck = 0;
    while (!done()) {
      if (turn()) {
        stuck = 0;
        continue;
      }
      const Instant next = next_event(due);
      if (next == stack::base::kNever) return done() ? Ending::kDone : Ending::kNeverAgain;
      if (next <= now_ && ++stuck > kStuckMax) return Ending::kStuck;
      now_ = next <= now_ ? now_ + kNudge : next;
      if (now_ > latest) return Ending::kTooLate;
    }
    return Ending::kDone;
  }

 private:
  /// Rounds in which nothing moves although something is due.
  static constexpr int kStuckMax = 1000;
  static constexpr stack::base::Duration kNudge = std::chrono::microseconds(100);

  /// One stack and its device, and the frames that the device would not take yet.
  struct Side {
    Side(Instant now, const stack::lane::Config& config, const stack::tcp::Keys& keys, stack::link::Device& device_in)
        : device(device_in), stack(now, config, keys, device_in) {}
    bool turn(Instant now);

    stack::link::Device& device;
    stack::lane::Stack stack;
    stack::link::Burst arrived;
    stack::link::Burst leaving;
  };

  Instant next_event(Instant due) const {
    const Instant inside =
        std::min({client_->stack.next_deadline(), server_->stack.next_deadline(), line_.next_deadline()});
    return due > now_ ? std::min(inside, due) : inside;
  }

  Instant now_{};
  backends::memory::Pair pair_;
  backends::impair::Impair line_;
  std::optional<backends::pcap::Pcap> pcap_;
  std::optional<Liar> liar_;
  std::optional<Side> client_;
  std::optional<Side> server_;
};

}  // namespace windhover::sim
