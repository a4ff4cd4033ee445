#include "transport/tcp/dial.hpp"

#include <algorithm>

#include <poll.h>

#include "base/error.hpp"

namespace tutti::tcp {

namespace {

/// An attempt on one way; the reason stays when it fails.
struct Attempt {
  explicit Attempt(const Way& tried) : way(&tried) {
    try {
      socket = start_connect(tried.to, tried.from);
    } catch (const Error& error) {
      reason = error.what();
    }
  }
  /// Waits for the decision.
  [[nodiscard]] bool succeeds(Deadline deadline) {
    if (!socket) return false;
    pollfd writable{socket.get(), POLLOUT, 0};
    while (::poll(&writable, 1, ms_until(deadline)) <= 0)
      if (passed(deadline)) {
        reason = "no answer (a firewall may swallow the packets)";
        return false;
      }
    const int error = connect_result(socket.get());
    if (error != 0) reason = errno_text(error);
    return error == 0;
  }

  const Way* way;
  FileDescriptor socket;
  std::string reason;
};

}  // namespace

Dialled dial(const std::vector<Way>& ways, int count, int peer, Deadline deadline) {
  constexpr int kPatience_ms = 5000;  // with a way, as long as there is another
  const std::vector<std::size_t> preferred = spread(ways);
  std::vector<Attempt> attempts;
  for (int i = 0; i < count && !preferred.empty(); ++i)
    attempts.emplace_back(ways[preferred[static_cast<std::size_t>(i) % preferred.size()]]);

  Dialled dialled;
  std::string reasons;
  for (Attempt& attempt : attempts) {
    const auto patience = [&] {
      return ways.size() == 1 ? deadline : std::min(deadline, after_ms(kPatience_ms));
    };
    const Way* const first_choice = attempt.way;
    bool connected = attempt.succeeds(patience());
    if (!connected) reasons += fmt::format("; {}: {}", to_text(*attempt.way), attempt.reason);
    for (auto next = ways.begin(); next != ways.end() && !connected; ++next) {
      if (&*next == first_choice) continue;
      attempt = Attempt(*next);
      connected = attempt.succeeds(patience());
      if (!connected) reasons += fmt::format("; {}: {}", to_text(*attempt.way), attempt.reason);
    }
    if (!connected)
      throw Error(
          Code::remote_error,
          fmt::format(
              "cannot connect to rank {}{}; is it alive, and does a firewall let this host reach its port? "
              "TUTTI_SOCKET_INTERFACES chooses interfaces, TUTTI_PORT_RANGE ports",
              peer, reasons),
          peer);
    if (dialled.way == nullptr) dialled.way = attempt.way;
    dialled.sockets.push_back(std::move(attempt.socket));
  }
  return dialled;
}

}  // namespace tutti::tcp
