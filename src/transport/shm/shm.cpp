#include "transport/shm/shm.hpp"

#include <algorithm>
#include <map>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "transport/shm/direct.hpp"
#include "transport/shm/inlet.hpp"
#include "transport/shm/outlet.hpp"
#include "transport/shm/station.hpp"

namespace tutti {
namespace shm {
namespace {

/// Ranks on the fullest host: so slots are equally large on every host, and all ranks cut messages alike.
int most_local_ranks(const World& world) {
  std::map<int, int> ranks;
  int most = 1;
  for (const int host : world.host_of) most = std::max(most, ++ranks[host]);
  return most;
}

class ShmTransport final : public Transport {
 public:
  explicit ShmTransport(const World& world) : station_(std::make_shared<Station>(world)) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "shm"; }
  [[nodiscard]] std::string address() override { return station_->neighbours.address(); }
  void meet(std::vector<std::string> addresses) override { station_->neighbours.meet(addresses); }
  [[nodiscard]] bool reaches(int peer) const noexcept override { return station_->neighbours.reaches(peer); }
  [[nodiscard]] bool multicasts() const noexcept override { return true; }
  [[nodiscard]] std::size_t slot_bytes() const override {
    return Geometry::of(station_->world.settings, 1, most_local_ranks(station_->world)).slot_bytes;
  }

  [[nodiscard]] std::unique_ptr<Outlet> open_outlet(std::span<const int> readers, int lane) override;
  [[nodiscard]] std::unique_ptr<Inlet> open_inlet(int writer, std::span<const int> readers, int lane,
                                                  Deadline deadline) override;

  [[nodiscard]] bool lends_added() const noexcept override { return true; }
  void add_memory(std::byte* data, std::size_t bytes) override {
    station_->peers.catch_up();
    station_->lent.add(data, bytes);
  }
  void remove_memory(std::byte* data, std::size_t bytes) noexcept override {
    station_->peers.catch_up();
    station_->lent.remove(data, bytes);
  }

  [[nodiscard]] std::string expose(std::byte* data, std::size_t) override {
    return describe_exposed(*station_, data);
  }

  void arm() noexcept override { station_->sleeper.arm(); }
  void disarm() noexcept override { station_->sleeper.disarm(); }
  void sleep(int timeout_ms) noexcept override { station_->sleeper.sleep(timeout_ms); }
  [[nodiscard]] int wake_fd() noexcept override { return station_->sleeper.wake_fd(); }

 private:
  std::shared_ptr<Station> station_;
};

std::unique_ptr<Outlet> ShmTransport::open_outlet(std::span<const int> readers, int lane) {
  const World& world = station_->world;
  const auto purpose =
      fmt::format("the connection from rank {} to {} (lane {})", world.rank, fmt::join(readers, ","), lane);
  const auto geometry =
      Geometry::of(world.settings, static_cast<int>(readers.size()), most_local_ranks(world));
  FileDescriptor descriptor;
  Segment segment = Segment::create(geometry, descriptor, purpose);

  Notice notice;
  notice.kind = Kind::offer;
  notice.communicator = world.communicator;
  notice.from = world.rank;
  notice.lane = lane;
  notice.readers_hash = hash_of(readers);
  notice.geometry = geometry;
  const Deadline deadline = after_ms(world.settings.init_timeout_ms);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    notice.to = readers[i];
    notice.reader = static_cast<std::uint32_t>(i);
    station_->neighbours.offer(notice, descriptor, deadline);
  }
  return std::make_unique<ShmOutlet>(station_, std::move(segment),
                                     std::vector<int>(readers.begin(), readers.end()));
}

std::unique_ptr<Inlet> ShmTransport::open_inlet(int writer, std::span<const int> readers, int lane,
                                                Deadline deadline) {
  const int rank = station_->world.rank;
  const auto place = std::find(readers.begin(), readers.end(), rank);
  TUTTI_ASSERT(place != readers.end(), rank, writer);
  const auto index = static_cast<std::uint32_t>(place - readers.begin());
  const auto purpose =
      fmt::format("the connection from rank {} to {} (lane {})", writer, fmt::join(readers, ","), lane);
  const Offer offer = station_->neighbours.await_offer(writer, hash_of(readers), lane, deadline);
  if (offer.notice.reader != index || offer.notice.geometry.readers != readers.size())
    throw Error(Code::internal_error,
                fmt::format("{}: the writer has this rank as reader {} of {}", purpose, offer.notice.reader,
                            offer.notice.geometry.readers),
                writer);
  return std::make_unique<ShmInlet>(station_, Segment::open(offer.notice.geometry, offer.segment, purpose),
                                    writer, index);
}

}  // namespace
}  // namespace shm

std::unique_ptr<Transport> make_shm_transport(const World& world) {
  return std::make_unique<shm::ShmTransport>(world);
}

}  // namespace tutti
