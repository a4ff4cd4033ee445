// The listening socket of a rank and the clients that have come to it. Clients that have not said hello yet
// are held at arm's length: a bounded number, for a bounded time, and never waited for.
#pragma once

#include <deque>
#include <set>
#include <vector>

#include "base/clock.hpp"
#include "base/network.hpp"
#include "transport/tcp/hello.hpp"

namespace tutti::tcp {

class Listener {
 public:
  /// Throws when the settings' interfaces, family or ports leave nothing to listen on.
  explicit Listener(const World& world);

  /// Where peers can connect, best first.
  [[nodiscard]] const std::vector<SocketAddress>& addresses() const noexcept { return addresses_; }

  /// Takes in who has come, without waiting. Throws when the process is out of file descriptors.
  void accept_clients();
  /// Waits until somebody comes or says something, at most so long.
  void wait(int timeout_ms) noexcept;

  /// All sockets of a connection, in order, if all have come; else none. They are then the caller's.
  [[nodiscard]] std::vector<FileDescriptor> take(int writer, int lane);
  /// How many of a connection's sockets have come, for messages.
  [[nodiscard]] std::size_t arrived(int writer, int lane) const noexcept;

 private:
  struct Client {  // has not said all of its hello
    FileDescriptor socket;
    Deadline deadline;
    HelloBytes bytes{};
    std::size_t got = 0;
    Hello hello{};  // once welcome
  };
  struct Arrival {
    Hello hello;
    FileDescriptor socket;
  };
  enum class Verdict { wait, drop, welcome };
  [[nodiscard]] Verdict listen_to(Client& client);
  void greet(Client& client);

  const World& world_;
  std::vector<SocketAddress> addresses_;
  FileDescriptor listener_;
  std::deque<Client> clients_;
  std::vector<Arrival> arrivals_;
  std::set<Hello> accepted_;  // each hello is good once: a recorded one cannot be played again
};

}  // namespace tutti::tcp
