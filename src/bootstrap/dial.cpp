#include "bootstrap/dial.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "base/error.hpp"
#include "bootstrap/endpoint.hpp"

namespace tutti {

namespace {

constexpr int kStagger_ms = 200;  // an address that has not answered for so long is joined by the next one

// Waits until the channel's socket has something to do, or the deadline.
void wait_for(const Channel& channel, Deadline deadline) {
  const auto events = static_cast<short>(POLLIN | (channel.wants_to_write() ? POLLOUT : 0));
  pollfd socket{channel.fd(), events, 0};
  ::poll(&socket, 1, ms_until(deadline));
}

// One pass over the addresses: connects to them, a little apart, and hands out connections as they come
// about.
class Round {
 public:
  explicit Round(const std::vector<SocketAddress>& addresses) : addresses_(addresses) {}

  struct Answer {
    std::size_t index;
    FileDescriptor socket;
  };
  // The next connection; nothing when no address is left that could give one, or at the deadline.
  std::optional<Answer> next(Deadline deadline) {
    while (true) {
      // A refusal is an answer: the next address need not wait for its turn.
      while (next_ < addresses_.size() && (attempts_.empty() || passed(next_start_))) start();
      if (auto answer = decided()) return answer;
      if (attempts_.empty() && next_ < addresses_.size()) continue;
      if (attempts_.empty() || passed(deadline)) return std::nullopt;
      wait(deadline);
    }
  }
  void failed(std::size_t index, const std::string& reason) {
    reasons_ += (reasons_.empty() ? "" : "; ") + to_text(addresses_[index]) + ": " + reason;
  }
  [[nodiscard]] std::string reasons() const {
    std::string all = reasons_;
    for (const Answer& attempt : attempts_)
      all += (all.empty() ? "" : "; ") + to_text(addresses_[attempt.index]) + ": no answer";
    return all;
  }

 private:
  void start() {
    const std::size_t index = next_++;
    next_start_ = after_ms(kStagger_ms);
    try {
      attempts_.push_back({index, start_connect(addresses_[index])});
    } catch (const Error& error) {
      failed(index, error.what());
    }
  }
  void wait(Deadline deadline) {
    std::vector<pollfd> sockets;
    for (const Answer& attempt : attempts_) sockets.push_back({attempt.socket.get(), POLLOUT, 0});
    const Deadline until = next_ < addresses_.size() ? std::min(deadline, next_start_) : deadline;
    ::poll(sockets.data(), sockets.size(), ms_until(until));
  }
  std::optional<Answer> decided() {
    for (auto attempt = attempts_.begin(); attempt != attempts_.end();) {
      pollfd socket{attempt->socket.get(), POLLOUT, 0};
      if (::poll(&socket, 1, 0) <= 0) {
        ++attempt;
        continue;
      }
      const int error = connect_result(attempt->socket.get());
      Answer answer = std::move(*attempt);
      attempt = attempts_.erase(attempt);
      if (error == 0) return answer;
      failed(answer.index, errno_text(error));
    }
    return std::nullopt;
  }

  const std::vector<SocketAddress>& addresses_;
  std::size_t next_ = 0;
  Deadline next_start_{};
  std::vector<Answer> attempts_;
  std::string reasons_;
};

// Whether the peer proved itself in time.
bool shake_hands(Channel& channel, Deadline deadline) {
  channel.progress();
  while (!channel.authenticated() && !channel.closed() && !passed(deadline)) {
    wait_for(channel, deadline);
    channel.progress();
  }
  return channel.authenticated();
}

[[noreturn]] void give_up(const Destination& call, bool refused, const std::string& reasons) {
  const Code code = refused ? Code::system_error : Code::timeout;
  fail(code,
       "cannot reach {}: {}. Check that its process is alive, and that no firewall stands between "
       "(TUTTI_SOCKET_INTERFACES chooses the network, TUTTI_PORT_RANGE the ports)",
       call.whom, reasons.empty() ? "it has no address" : reasons);
}

}  // namespace

std::unique_ptr<Channel> dial(const Destination& call) {
  const Deadline refusal = std::min(call.deadline, after_ms(call.refusal_ms));
  int pause_ms = 10;
  int patience_ms = 2'000;  // for the handshake, as long as other addresses may do better
  while (true) {
    Round round(call.addresses);
    const Deadline round_end = std::min(call.deadline, after_ms(2LL * patience_ms));
    bool refused = true;  // by all
    while (auto answer = round.next(round_end)) {
      auto channel = std::make_unique<Channel>(std::move(answer->socket), Channel::Role::client, call.secret,
                                               call.context);
      if (shake_hands(*channel, std::min(call.deadline, after_ms(patience_ms)))) return channel;
      round.failed(answer->index,
                   channel->closed() ? channel->reason() : "it accepted the connection and said nothing");
      refused = refused && channel->closed();
    }
    refused = refused && !passed(round_end);
    if (passed(call.deadline) || (refused && passed(refusal))) give_up(call, refused, round.reasons());
    ::poll(nullptr, 0, std::min(pause_ms, ms_until(call.deadline)));
    pause_ms = std::min(2 * pause_ms, 250);
    patience_ms = std::min(2 * patience_ms, 30'000);
  }
}

std::optional<Frame> await_frame(Channel& channel, Deadline deadline) {
  while (true) {
    channel.progress();
    if (auto frame = channel.receive()) return frame;
    if (channel.closed() || passed(deadline)) return std::nullopt;
    wait_for(channel, deadline);
  }
}

}  // namespace tutti
