#include "transport/shm/socket.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "base/assert.hpp"
#include "transport/shm/explain.hpp"

namespace tutti::shm {
namespace {

constexpr int kBacklog = 4096;
constexpr std::size_t kMostDescriptors = 4;

struct Name {
  sockaddr_un address{};
  socklen_t length = 0;
};

Name abstract(const std::string& name) {
  Name result;
  TUTTI_ASSERT(name.size() + 1 <= sizeof result.address.sun_path, name);
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path + 1, name.data(), name.size());  // after a zero byte: abstract
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return result;
}

FileDescriptor new_socket() {
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) fail_explained(errno, "socket(AF_UNIX) for the shared-memory ranks of this host");
  return socket;
}

bool means_gone(int error_number) {
  return error_number == EPIPE || error_number == ECONNRESET;
}

void take_descriptors(msghdr& message, std::vector<FileDescriptor>& descriptors) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

FileDescriptor listen_at(const std::string& name) {
  FileDescriptor listener = new_socket();
  const Name at = abstract(name);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&at.address), at.length) != 0)
    fail_explained(errno, "bind of the abstract Unix socket " + name);
  if (::listen(listener.get(), kBacklog) != 0)
    fail_explained(errno, "listen on the abstract Unix socket " + name);
  return listener;
}

FileDescriptor accept_from(const FileDescriptor& listener) {
  const int fd = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) return FileDescriptor(fd);
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
    fail_explained(errno, "accept of a rank of this host over its Unix socket");
  return {};
}

Progress connect_to(const std::string& name, FileDescriptor& socket) {
  if (!socket) socket = new_socket();
  const Name at = abstract(name);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at.address), at.length) == 0)
    return Progress::done;
  if (errno == EAGAIN || errno == EINTR) return Progress::later;
  if (errno == ECONNREFUSED || errno == ECONNRESET) return Progress::gone;
  fail_explained(errno, "connect to the abstract Unix socket " + name);
}

Progress send_message(const FileDescriptor& socket, std::span<const std::byte> bytes,
                      std::span<const int> descriptors) {
  TUTTI_ASSERT(descriptors.size() <= kMostDescriptors, descriptors.size());
  alignas(cmsghdr) std::byte control_space[CMSG_SPACE(kMostDescriptors * sizeof(int))] = {};
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control_space;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(control), descriptors.data(), descriptors.size_bytes());
  }
  if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return Progress::done;
  // Descriptors on their way count against the sender's limit until their reader takes them: that is worth a
  // wait.
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ETOOMANYREFS) return Progress::later;
  if (means_gone(errno)) return Progress::gone;
  fail_explained(errno, "sendmsg to a rank of this host");
}

Received receive_message(const FileDescriptor& socket, std::size_t most) {
  Received received;
  received.bytes.resize(most);
  alignas(cmsghdr) std::byte control_space[CMSG_SPACE(kMostDescriptors * sizeof(int))];
  iovec part{received.bytes.data(), most};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control_space;
  message.msg_controllen = sizeof control_space;
  const ssize_t got = ::recvmsg(socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) {
    received.progress = means_gone(errno) ? Progress::gone : Progress::later;
    received.bytes.clear();
    return received;
  }
  take_descriptors(message, received.descriptors);
  if ((message.msg_flags & MSG_CTRUNC) != 0)
    fail_explained(EMFILE, "recvmsg of shared memory from a rank of this host: descriptors were lost");
  received.bytes.resize(static_cast<std::size_t>(got));
  received.progress = got == 0 ? Progress::gone : Progress::done;
  return received;
}

pid_t peer_process(const FileDescriptor& socket) noexcept {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 ? credentials.pid
                                                                                         : 0;
}

}  // namespace tutti::shm
