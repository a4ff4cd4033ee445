#include "transport/tcp/listener.hpp"

#include <algorithm>
#include <cerrno>

#include <poll.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::tcp {

namespace {

constexpr std::size_t kMostStrangers =
    256;                              // clients that have not said hello: beyond, the oldest is dropped
constexpr int kPatience_ms = 10'000;  // for a hello, which a peer sends at once

// Only where there is a single usable address is it worth listening on that alone.
FileDescriptor listen_on(const std::vector<Interface>& usable, const Settings& settings) {
  if (usable.size() == 1)
    return listen_in_range(usable.front().address, parse_port_range(settings.port_range));
  return listen_anywhere(settings);
}

}  // namespace

Listener::Listener(const World& world) : world_(world) {
  const std::vector<Interface> usable = usable_interfaces(world.settings);
  listener_ = listen_on(usable, world.settings);
  const std::uint16_t port = local_address(listener_.get()).port();
  for (const Interface& one : usable) {
    addresses_.push_back(one.address);
    addresses_.back().set_port(port);
  }
}

void Listener::accept_clients() {
  while (FileDescriptor socket = accept_connection(listener_.get())) {
    if (clients_.size() >= kMostStrangers) clients_.pop_front();
    clients_.push_back({std::move(socket), after_ms(kPatience_ms)});
    greet(clients_.back());
  }
  if (errno == EMFILE || errno == ENFILE)
    fail_errno(
        errno,
        "accept() of the tcp transport: every connection needs file descriptors; raise ulimit -n, or lower "
        "TUTTI_SOCKETS or TUTTI_LANES");
  for (Client& client : clients_) greet(client);
  clients_.erase(
      std::remove_if(clients_.begin(), clients_.end(), [](const Client& one) { return !one.socket; }),
      clients_.end());
}

// Reads what the client has sent; afterwards its socket is gone if there is nothing more to wait for.
void Listener::greet(Client& client) {
  if (!client.socket) return;
  const Verdict verdict = listen_to(client);
  if (verdict == Verdict::drop) {
    TUTTI_LOG(debug, "tcp: dropped a client at {} that said no hello",
              to_text(peer_address(client.socket.get())));
    client.socket.reset();
  }
  if (verdict == Verdict::welcome) {
    set_up_reading(client.socket.get(), world_.settings);
    arrivals_.push_back({client.hello, std::move(client.socket)});
  }
}

Listener::Verdict Listener::listen_to(Client& client) {
  const Moved moved =
      read_some(client.socket.get(), client.bytes.data() + client.got, client.bytes.size() - client.got);
  client.got += moved.bytes;
  if (client.got < client.bytes.size())
    return moved.broken() || passed(client.deadline) ? Verdict::drop : Verdict::wait;
  const auto hello = parse(client.bytes, world_);
  if (!hello || !accepted_.insert(*hello).second) return Verdict::drop;
  client.hello = *hello;
  return Verdict::welcome;
}

void Listener::wait(int timeout_ms) noexcept {
  std::array<pollfd, kMostStrangers + 1> waited;
  std::size_t count = 0;
  waited[count++] = {listener_.get(), POLLIN, 0};
  for (const Client& client : clients_) waited[count++] = {client.socket.get(), POLLIN, 0};
  ::poll(waited.data(), count, timeout_ms);
}

std::vector<FileDescriptor> Listener::take(int writer, int lane) {
  const auto belongs = [&](const Arrival& one) {
    return one.hello.writer == writer && one.hello.lane == lane;
  };
  const auto first = std::find_if(arrivals_.begin(), arrivals_.end(), belongs);
  if (first == arrivals_.end() || arrived(writer, lane) < first->hello.sockets) return {};
  std::vector<FileDescriptor> sockets(first->hello.sockets);
  for (Arrival& one : arrivals_)
    if (belongs(one) && one.hello.socket < sockets.size()) sockets[one.hello.socket] = std::move(one.socket);
  arrivals_.erase(std::remove_if(arrivals_.begin(), arrivals_.end(), belongs), arrivals_.end());
  return sockets;
}

std::size_t Listener::arrived(int writer, int lane) const noexcept {
  return static_cast<std::size_t>(std::count_if(arrivals_.begin(), arrivals_.end(), [&](const Arrival& one) {
    return one.hello.writer == writer && one.hello.lane == lane;
  }));
}

}  // namespace tutti::tcp
