#include "transport/verbs/verbs.hpp"

#include <algorithm>

#include <poll.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/network.hpp"
#include "transport/tcp/dial.hpp"
#include "transport/tcp/listener.hpp"
#include "transport/tcp/socket.hpp"
#include "transport/verbs/address.hpp"
#include "transport/verbs/inlet.hpp"
#include "transport/verbs/outlet.hpp"
#include "transport/verbs/reach.hpp"

namespace tutti {

namespace verbs {
namespace {

constexpr int kGlance_ms = 50;  // between looks at the failure

class VerbsTransport final : public Transport {
 public:
  VerbsTransport(const World& world, const Table& table)
      : world_(world),
        station_(std::make_shared<Station>(world, find_rails(table, world.settings))),
        interfaces_(usable_interfaces(world.settings)),
        network_(network_identity()),
        listener_(world) {
    for (const Rail& rail : station_->rails()) own_rails_.push_back(describe(rail));
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "verbs"; }
  [[nodiscard]] std::size_t slot_bytes() const override { return world_.settings.verbs_slot_bytes; }
  [[nodiscard]] LinkSpeed link_speed() const noexcept override;
  [[nodiscard]] std::string address() override {
    return to_text(Address{host_name(), own_rails_, {machine_identity(), network_, listener_.addresses()}});
  }
  void meet(std::vector<std::string> addresses) override;
  [[nodiscard]] bool reaches(int peer) const noexcept override {
    return !peers_[static_cast<std::size_t>(peer)].rails.empty();
  }

  [[nodiscard]] std::unique_ptr<Outlet> open_outlet(std::span<const int> readers, int lane) override;
  [[nodiscard]] std::unique_ptr<Inlet> open_inlet(int writer, std::span<const int> readers, int lane,
                                                  Deadline deadline) override;

  void add_memory(std::byte* data, std::size_t bytes) override {
    if (!takes_added() && !exposes_) return;  // nobody would look for it
    station_->registrations().add(station_->devices(), {data, bytes});
  }
  void add_gpu_memory(std::byte* data, std::size_t bytes, int dma_buf, std::uint64_t offset) override {
    if (!takes_added()) return;
    station_->flushes().prepare(station_->devices(), station_->rails(), world_.settings, *world_.failure);
    const MemoryKind kind = dma_buf < 0 ? MemoryKind::device : MemoryKind::dma_buf;
    station_->registrations().add(station_->devices(), {data, bytes, kind, dma_buf, offset});
  }
  void remove_memory(std::byte* data, std::size_t bytes) noexcept override {
    station_->registrations().remove(data, bytes);
  }

  [[nodiscard]] bool takes_added() const noexcept override { return station_->takes_added(); }

  [[nodiscard]] std::string expose(std::byte* data, std::size_t bytes) override;
  void conceal(const std::string& exposed) noexcept override {
    station_->exposed().remove_if([&](const ExposedMemory& one) { return one.words == exposed; });
  }

  void progress() noexcept override { station_->progress(); }
  [[nodiscard]] bool needs_progress() const noexcept override { return station_->in_use(); }
  void arm() noexcept override { station_->arm(); }
  void disarm() noexcept override { station_->disarm(); }
  void sleep(int timeout_ms) noexcept override { station_->sleep(timeout_ms); }
  [[nodiscard]] int wake_fd() noexcept override { return station_->watcher().fd(); }

 private:
  struct Peer {
    Address address;
    std::vector<RailPair> rails;
    std::vector<tcp::Way> ways;
  };
  [[nodiscard]] Peer& peer(int rank) noexcept { return peers_[static_cast<std::size_t>(rank)]; }
  [[nodiscard]] std::string text_of(int rank) {
    return fmt::format("rank {} ({})", rank, peer(rank).address.host);
  }
  [[nodiscard]] std::vector<RailPair> rails_for(int rank, int lane);
  [[nodiscard]] FileDescriptor wait_for_writer(int writer, int lane, Deadline deadline);
  [[nodiscard]] EndDescription wait_for_offer(int socket, int writer, int lane, Deadline deadline);
  [[nodiscard]] bool sane(const EndDescription& offer, int writer, int lane);

  const World& world_;
  std::shared_ptr<Station> station_;
  std::vector<PeerRail> own_rails_;
  const std::vector<Interface> interfaces_;
  const std::uint64_t network_;
  tcp::Listener listener_;
  std::vector<Peer> peers_;
  bool logged_ = false;
  bool exposes_ = false;
};

/// Of the slowest rail, as often as a connection spreads its messages.
Transport::LinkSpeed VerbsTransport::link_speed() const noexcept {
  const auto slower = [](const Rail& a, const Rail& b) { return a.bytes_per_ns < b.bytes_per_ns; };
  const std::vector<Rail>& rails = station_->rails();
  const Rail& slowest = *std::min_element(rails.begin(), rails.end(), slower);
  const auto width = std::min(rails.size(), static_cast<std::size_t>(world_.settings.verbs_queue_pairs));
  return {slowest.bytes_per_ns * static_cast<double>(width), slowest.device->is_software()};
}

/// Without it, puts are as slow as messages, and nothing is lost.
std::string VerbsTransport::expose(std::byte* data, std::size_t bytes) {
  exposes_ = true;
  try {
    return expose_memory(*station_, data, bytes);
  } catch (const Error& error) {
    TUTTI_LOG(info, "verbs: a window is not written directly but by messages: {}", error.what());
    return {};
  }
}

void VerbsTransport::meet(std::vector<std::string> addresses) {
  TUTTI_ASSERT(static_cast<int>(addresses.size()) == world_.size, addresses.size(), world_.size);
  peers_.clear();
  for (const std::string& text : addresses) {
    Peer& added = peers_.emplace_back();
    if (text.empty()) continue;  // that rank has no RDMA
    auto address = parse_address(text);
    if (!address) fail(Code::remote_error, "rank {} gave no verbs address but '{}'", peers_.size() - 1, text);
    added.address = std::move(*address);
    added.rails = match(own_rails_, added.address.rails);
    added.ways = tcp::ways_to(added.address.greeting, network_, interfaces_, world_.settings);
  }
}

/// Lanes, and connections to different peers, begin with different rails; spare ones come late, those that
/// are down last.
std::vector<RailPair> VerbsTransport::rails_for(int rank, int lane) {
  std::vector<RailPair> rails = peer(rank).rails;
  const auto first = static_cast<std::size_t>(rank + world_.rank + lane) % rails.size();
  std::rotate(rails.begin(), rails.begin() + static_cast<std::ptrdiff_t>(first), rails.end());
  std::stable_partition(rails.begin(), rails.end(), [](const RailPair& rail) { return !rail.spare; });
  std::stable_partition(rails.begin(), rails.end(),
                        [&](const RailPair& rail) { return !station_->is_down(rail.own); });
  return rails;
}

std::unique_ptr<Outlet> VerbsTransport::open_outlet(std::span<const int> readers, int lane) {
  TUTTI_ASSERT(readers.size() == 1, readers.size());
  const int reader = readers.front();
  tcp::Dialled dialled = tcp::dial(peer(reader).ways, 1, reader, after_ms(world_.settings.init_timeout_ms));
  if (dialled.sockets.empty())
    throw Error(
        Code::remote_error,
        fmt::format("rank {} listens at no address that rank {} can reach to set up an RDMA connection",
                    reader, world_.rank),
        reader);
  const int socket = dialled.sockets.front().get();
  const auto rails = rails_for(reader, lane);
  auto outlet =
      std::make_unique<VerbsOutlet>(station_, Link(world_, reader, lane, text_of(reader)),
                                    std::move(dialled.sockets.front()), lane, peer(reader).address, rails);
  tcp::Hello hello;
  hello.communicator = world_.communicator;
  hello.writer = world_.rank;
  hello.reader = reader;
  hello.lane = lane;
  const tcp::HelloBytes greeting = encode(hello, world_.sign);
  const EndBytes offer = encode(outlet->offer(), world_.sign);
  // The buffer of a new socket takes both whole.
  if (tcp::write_some(socket, greeting.data(), greeting.size()).bytes != greeting.size() ||
      tcp::write_some(socket, offer.data(), offer.size()).bytes != offer.size())
    throw Error(Code::remote_error, text_of(reader) + " closed a connection at once", reader);
  if (!logged_)
    TUTTI_LOG(info, "verbs: {}, {} queue pair{} a connection", outlet->path(), outlet->offer().pairs,
              outlet->offer().pairs == 1 ? "" : "s");
  logged_ = true;
  return outlet;
}

std::unique_ptr<Inlet> VerbsTransport::open_inlet(int writer, std::span<const int> readers, int lane,
                                                  Deadline deadline) {
  TUTTI_ASSERT(readers.size() == 1 && readers.front() == world_.rank, readers.size(), world_.rank);
  FileDescriptor lifeline = wait_for_writer(writer, lane, deadline);
  const EndDescription offer = wait_for_offer(lifeline.get(), writer, lane, deadline);
  return std::make_unique<VerbsInlet>(station_, Link(world_, writer, lane, text_of(writer)),
                                      std::move(lifeline), offer, peer(writer).address);
}

FileDescriptor VerbsTransport::wait_for_writer(int writer, int lane, Deadline deadline) {
  listener_.accept_clients();
  std::vector<FileDescriptor> sockets = listener_.take(writer, lane);
  while (sockets.empty()) {
    world_.failure->check();
    if (passed(deadline))
      throw Error(
          Code::timeout,
          fmt::format("{} did not open its RDMA connection to rank {} in time (lane {}); is it alive, and "
                      "does a firewall let it reach this host's TCP ports? TUTTI_SOCKET_INTERFACES chooses "
                      "interfaces, TUTTI_PORT_RANGE ports",
                      text_of(writer), world_.rank, lane),
          writer);
    station_->progress();
    listener_.wait(std::min(kGlance_ms, ms_until(deadline)));
    listener_.accept_clients();
    sockets = listener_.take(writer, lane);
  }
  return std::move(sockets.front());
}

EndDescription VerbsTransport::wait_for_offer(int socket, int writer, int lane, Deadline deadline) {
  EndReader reader;
  for (;;) {
    const EndReader::Verdict verdict = reader.read(socket);
    const auto offer = verdict == EndReader::Verdict::complete ? parse(reader.bytes(), world_) : std::nullopt;
    if (offer && sane(*offer, writer, lane)) return *offer;
    if (verdict != EndReader::Verdict::wait || passed(deadline))
      throw Error(
          Code::remote_error,
          fmt::format("{} {} while its RDMA connection to rank {} was set up (lane {})", text_of(writer),
                      verdict == EndReader::Verdict::complete ? "made an offer that is none" : "went away",
                      world_.rank, lane),
          writer);
    world_.failure->check();
    station_->progress();
    pollfd waiting{socket, POLLIN, 0};
    ::poll(&waiting, 1, std::min(kGlance_ms, ms_until(deadline)));
  }
}

bool VerbsTransport::sane(const EndDescription& offer, int writer, int lane) {
  bool good = offer.answer == 0 && offer.writer == writer && offer.reader == world_.rank &&
              offer.lane == lane && offer.memory_bytes >= kAdverts * sizeof(Advert);
  for (unsigned i = 0; i < offer.pairs; ++i)
    good = good && offer.pair[i].own_rail < peer(writer).address.rails.size() &&
           offer.pair[i].peers_rail < own_rails_.size();
  return good;
}

}  // namespace
}  // namespace verbs

std::unique_ptr<Transport> make_verbs_transport(const World& world) {
  return make_verbs_transport(world, verbs::libibverbs());
}

std::unique_ptr<Transport> make_verbs_transport(const World& world, const verbs::Table& table) {
  return std::make_unique<verbs::VerbsTransport>(world, table);
}

}  // namespace tutti
