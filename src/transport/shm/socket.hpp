// Unix sockets in the abstract namespace (nothing in the file system), of whole messages that can carry
// descriptors. Nothing here waits: "would block" is a value.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/handle.hpp"

namespace tutti::shm {

/// A listener that takes as many waiting peers as the kernel allows. `name` is without the leading zero byte.
[[nodiscard]] FileDescriptor listen_at(const std::string& name);

/// The next peer; empty: none waits. Throws where descriptors ran out.
[[nodiscard]] FileDescriptor accept_from(const FileDescriptor& listener);

enum class Progress { done, later, gone };

/// Connects; `later`: the listener's queue is full; `gone`: nobody listens there. Throws system_error
/// otherwise.
[[nodiscard]] Progress connect_to(const std::string& name, FileDescriptor& socket);

/// Sends one message. `gone`: the peer closed. Throws system_error otherwise.
[[nodiscard]] Progress send_message(const FileDescriptor& socket, std::span<const std::byte> bytes,
                                    std::span<const int> descriptors);

struct Received {
  Progress progress = Progress::later;
  std::vector<std::byte> bytes;
  std::vector<FileDescriptor> descriptors;
};
/// Takes one message of at most `most` bytes (longer ones are cut). Throws where descriptors ran out.
[[nodiscard]] Received receive_message(const FileDescriptor& socket, std::size_t most);

/// The process at the other end as this process's pid namespace sees it; 0: unknown.
[[nodiscard]] pid_t peer_process(const FileDescriptor& socket) noexcept;

}  // namespace tutti::shm
