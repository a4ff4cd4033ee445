#include "transport/tcp/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fcntl.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/tcp/activity.hpp"
#include "transport/tcp/address.hpp"
#include "transport/tcp/dial.hpp"
#include "transport/tcp/inlet.hpp"
#include "transport/tcp/listener.hpp"
#include "transport/tcp/message.hpp"
#include "transport/tcp/outlet.hpp"
#include "transport/tcp/twin.hpp"

namespace tutti {

namespace tcp {
namespace {

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(const World& world)
      : world_(world),
        interfaces_(usable_interfaces(world.settings)),
        machine_(machine_identity()),
        network_(network_identity()),
        listener_(world) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "tcp"; }
  [[nodiscard]] std::size_t slot_bytes() const override { return kSlotBytes; }
  [[nodiscard]] std::string address() override {
    return to_text(Address{machine_, network_, listener_.addresses()});
  }
  void meet(std::vector<std::string> addresses) override;
  [[nodiscard]] bool reaches(int peer) const noexcept override {
    return !ways_[static_cast<std::size_t>(peer)].empty();
  }

  [[nodiscard]] std::unique_ptr<Outlet> open_outlet(std::span<const int> readers, int lane) override;
  [[nodiscard]] std::unique_ptr<Inlet> open_inlet(int writer, std::span<const int> readers, int lane,
                                                  Deadline deadline) override;

  void progress() noexcept override { activity_.pump(); }
  [[nodiscard]] bool needs_progress() const noexcept override { return activity_.any(); }
  void arm() noexcept override { activity_.arm(); }
  void disarm() noexcept override { activity_.disarm(); }
  void sleep(int timeout_ms) noexcept override { activity_.sleep(timeout_ms); }
  [[nodiscard]] int wake_fd() noexcept override { return activity_.fd(); }

 private:
  [[nodiscard]] int sockets() const noexcept;
  void share(Twin& twin, const FileDescriptor& socket) const;
  void say_hello(int socket, const Hello& hello, const std::string& peer_text);
  [[noreturn]] void give_up(int writer, int lane) const;
  void log_way(const Way& way);

  const World& world_;
  const std::vector<Interface> interfaces_;
  const std::uint64_t machine_, network_;
  Activity activity_;
  Listener listener_;
  std::vector<std::vector<Way>> ways_;         // by rank
  std::vector<bool> on_this_machine_;          // by rank
  std::map<std::pair<int, int>, Twin> twins_;  // by peer and lane; node-based: endpoints point at them
  bool logged_ = false;
};

void TcpTransport::meet(std::vector<std::string> addresses) {
  TUTTI_ASSERT(static_cast<int>(addresses.size()) == world_.size, addresses.size(), world_.size);
  ways_.clear();
  on_this_machine_.clear();
  for (const std::string& text : addresses) {
    const auto address = parse_address(text);
    if (!address) fail(Code::remote_error, "rank {} gave no tcp address but '{}'", ways_.size(), text);
    ways_.push_back(ways_to(*address, network_, interfaces_, world_.settings));
    on_this_machine_.push_back(address->machine == machine_);
  }
}

// One socket carries what a core can copy; a second one lets the kernel work on both ends of a large message
// at once.
int TcpTransport::sockets() const noexcept {
  constexpr int kDefault = 2;
  const int wanted = world_.settings.sockets;
  return wanted == 0 ? kDefault : std::clamp(wanted, 1, kMostSockets);
}

std::unique_ptr<Outlet> TcpTransport::open_outlet(std::span<const int> readers, int lane) {
  TUTTI_ASSERT(readers.size() == 1, readers.size());
  const int reader = readers.front();
  const Deadline deadline = after_ms(world_.settings.init_timeout_ms);
  Dialled dialled = dial(ways_[static_cast<std::size_t>(reader)], sockets(), reader, deadline);
  if (dialled.sockets.empty())
    throw Error(
        Code::remote_error,
        fmt::format("rank {} listens at no address that rank {} can reach by tcp", reader, world_.rank),
        reader);
  log_way(*dialled.way);
  const std::string peer_text = fmt::format("rank {} ({})", reader, to_text(*dialled.way));
  Hello hello;
  hello.communicator = world_.communicator;
  hello.writer = world_.rank;
  hello.reader = reader;
  hello.lane = lane;
  hello.sockets = static_cast<std::uint16_t>(dialled.sockets.size());
  for (const FileDescriptor& socket : dialled.sockets) {
    set_up_writing(socket.get(), world_.settings);
    if (on_this_machine_[static_cast<std::size_t>(reader)]) keep_little(socket.get());
    say_hello(socket.get(), hello, peer_text);
    ++hello.socket;
  }
  Twin& twin = twins_[{reader, lane}];
  const bool turns = world_.rank > reader;
  if (!turns) share(twin, dialled.sockets.front());
  return std::make_unique<TcpOutlet>(activity_, Link(world_, reader, lane, peer_text),
                                     std::move(dialled.sockets), turns ? &twin : nullptr, world_.settings);
}

// The buffer of a new socket takes it whole.
void TcpTransport::say_hello(int socket, const Hello& hello, const std::string& peer_text) {
  const HelloBytes bytes = encode(hello, world_.sign);
  const Moved moved = write_some(socket, bytes.data(), bytes.size());
  if (moved.bytes != bytes.size())
    throw Error(Code::remote_error,
                fmt::format("{} closed a connection at once: {}", peer_text, errno_text(moved.error)),
                hello.reader);
}

std::unique_ptr<Inlet> TcpTransport::open_inlet(int writer, std::span<const int> readers, int lane,
                                                Deadline deadline) {
  TUTTI_ASSERT(readers.size() == 1 && readers.front() == world_.rank, readers.size(), world_.rank);
  constexpr int kGlance_ms = 50;  // between looks at the failure
  listener_.accept_clients();
  std::vector<FileDescriptor> sockets = listener_.take(writer, lane);
  while (sockets.empty()) {
    world_.failure->check();
    if (passed(deadline)) give_up(writer, lane);
    activity_.pump();
    listener_.wait(std::min(kGlance_ms, ms_until(deadline)));
    listener_.accept_clients();
    sockets = listener_.take(writer, lane);
  }
  const std::string peer_text =
      fmt::format("rank {} ({})", writer, tutti::to_text(peer_address(sockets[0].get())));
  Twin& twin = twins_[{writer, lane}];
  const bool turns = writer > world_.rank;
  if (!turns) share(twin, sockets.front());
  return std::make_unique<TcpInlet>(activity_, Link(world_, writer, lane, peer_text), std::move(sockets),
                                    turns ? &twin : nullptr);
}

// This socket of the lower rank's carries both directions.
void TcpTransport::share(Twin& twin, const FileDescriptor& socket) const {
  twin.socket = FileDescriptor(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!twin.socket) fail_errno(errno, "a second descriptor of a socket of the tcp transport");
  set_up_writing(twin.socket.get(), world_.settings);
  set_up_reading(twin.socket.get(), world_.settings);
}

void TcpTransport::give_up(int writer, int lane) const {
  std::string own;
  for (const SocketAddress& address : listener_.addresses())
    own += (own.empty() ? "" : ", ") + tutti::to_text(address);
  std::string theirs;
  for (const Way& way : ways_[static_cast<std::size_t>(writer)])
    theirs += (theirs.empty() ? "" : ", ") + to_text(way);
  throw Error(
      Code::timeout,
      fmt::format(
          "rank {} (which listens at {}) did not connect to rank {} at {} in time (lane {}, {} of its "
          "sockets came); is it alive, and does a firewall let it reach that port? "
          "TUTTI_SOCKET_INTERFACES chooses interfaces, TUTTI_PORT_RANGE ports",
          writer, theirs.empty() ? "no reachable address" : theirs, world_.rank, own, lane,
          listener_.arrived(writer, lane)),
      writer);
}

void TcpTransport::log_way(const Way& way) {
  if (logged_) return;
  logged_ = true;
  std::string address = tutti::to_text(way.from ? way.from : route_to(way.to));
  address.resize(std::min(address.rfind(':'), address.size()));  // its port means nothing
  TUTTI_LOG(info, "tcp: interface {} (address {}), since {}; {} sockets per connection", way.interface,
            address, way.reason, sockets());
}

}  // namespace
}  // namespace tcp

std::unique_ptr<Transport> make_tcp_transport(const World& world) {
  return std::make_unique<tcp::TcpTransport>(world);
}

}  // namespace tutti
