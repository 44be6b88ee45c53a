#include "backends/host/netlink_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <vector>

#include "backends/host/netlink_message.h"
#include "stack/base/setup_error.h"

namespace windhover::backends::host {
namespace {

constexpr std::size_t kAnswerMax = 64 * 1024;  // More than the kernel puts into one datagram of a dump.

}  // namespace

NetlinkSocket::NetlinkSocket(int protocol, const char* name)
    : file_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)) {
  if (file_.fd() < 0) {
    throw stack::base::SetupError(
        std::string("socket(AF_NETLINK, ") + name + ")", errno,
        "Allow netlink sockets to this process (systemd: RestrictAddressFamilies=AF_NETLINK).");
  }
}

int NetlinkSocket::exchange(nlmsghdr& request, const std::function<void(const nlmsghdr&)>& each) {
  request.nlmsg_seq = ++sequence_;
  if (send(file_.fd(), &request, request.nlmsg_len, 0) < 0) return errno;
  std::vector<nlmsghdr> buffer(kAnswerMax / sizeof(nlmsghdr));  // Aligned for the messages in it.
  bool interrupted = false;
  while (true) {
    const ssize_t received = recv(file_.fd(), buffer.data(), kAnswerMax, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return received < 0 ? errno : EPROTO;
    auto left = static_cast<unsigned>(received);
    for (const nlmsghdr* message = buffer.data(); NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_seq != sequence_) continue;
      interrupted = interrupted || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (message->nlmsg_type == NLMSG_DONE) return interrupted ? EINTR : 0;
      if (message->nlmsg_type == NLMSG_ERROR) {
        const auto answer = netlink_body<nlmsgerr>(*message);
        return answer ? -answer->error : EPROTO;
      }
      each(*message);
    }
  }
}

}  // namespace windhover::backends::host
