#pragma once
// What the tests of sockets have in common.

#include <memory>
#include <string>
#include <vector>

#include "backends/xdp/socket.h"
#include "stack/base/setup_error.h"
#include "tests/backends/xdp/veth.h"

namespace windhover::backends::xdp {

inline constexpr std::uint32_t kHeadroom = 256;  // XDP_PACKET_HEADROOM, and room for metadata in what we send.

inline std::unique_ptr<Umem> make_umem(std::uint32_t count, std::uint32_t chunk_size = 2048) {
  std::vector<std::string> notes;
  return std::make_unique<Umem>(UmemShape{.chunk_size = chunk_size, .chunk_count = count, .huge_pages = false}, notes);
}

class SocketTest : public VethTest {
 protected:
  SocketRequest request(std::uint32_t queue = 0) const {
    SocketRequest wanted;
    wanted.interface_index = index_;
    wanted.interface_name = "s0";
    wanted.queue = queue;
    return wanted;
  }
  static Socket open(const SocketRequest& request, const Umem& umem, const Socket* first = nullptr) {
    std::vector<std::string> notes;
    Socket socket(request, umem, first, notes);
    EXPECT_TRUE(notes.empty()) << notes[0];
    return socket;
  }
  /// The error of an attempt that must fail.
  static stack::base::SetupError refusal(const SocketRequest& request, const Umem& umem,
                                         const Socket* first = nullptr) {
    try {
      std::vector<std::string> notes;
      const Socket socket(request, umem, first, notes);
    } catch (const stack::base::SetupError& error) {
      return error;
    }
    ADD_FAILURE() << "no exception";
    return {"", 0, ""};
  }
  /// Reads `count` frames at the peer; the numbers they say.
  static std::vector<std::uint32_t> receive_numbers(Peer& peer, std::size_t count) {
    std::vector<std::uint32_t> numbers;
    while (numbers.size() < count) {
      const auto seen = peer.receive();
      if (!seen) break;
      numbers.push_back(number_of(seen->bytes));
    }
    return numbers;
  }
  static std::vector<std::uint32_t> range(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint32_t> numbers(count);
    for (std::uint32_t i = 0; i < count; ++i) numbers[i] = first + i;
    return numbers;
  }
};

}  // namespace windhover::backends::xdp
