// What the connections of a rank share: its rails, the memory that the user registered, and who has to be
// looked after. Endpoints keep it alive, so that transport and endpoints may be destroyed in any order. One
// thread at a time.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "transport/transport.hpp"
#include "transport/verbs/device.hpp"
#include "transport/verbs/flush.hpp"
#include "transport/verbs/memory.hpp"
#include "transport/verbs/watcher.hpp"

namespace tutti::verbs {

/// An endpoint that has something to do of itself: a connection to be set up, messages that wait, a peer that
/// is gone.
class Busy {
 public:
  /// Does what can be done. false: nothing is left to do.
  [[nodiscard]] virtual bool pump() noexcept = 0;
  /// That port (0: every one) of the device serves no more; `why` is a sentence. How many connections do
  /// without it from now on.
  [[nodiscard]] virtual unsigned rail_down(const Device& device, int port,
                                           const std::string& why) noexcept = 0;

 protected:
  ~Busy() = default;

 private:
  friend class Station;
  bool listed_ = false;
};

class Station {
 public:
  Station(const World& world, std::vector<Rail> rails);
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  [[nodiscard]] const World& world() const noexcept { return world_; }
  [[nodiscard]] const std::vector<Rail>& rails() const noexcept { return rails_; }
  /// Its device has said that it serves no more, and not yet that it does again.
  [[nodiscard]] bool is_down(std::size_t rail) const noexcept { return down_[rail]; }
  /// The device has said that it failed; what it has to say is read first.
  [[nodiscard]] bool has_failed(const Device& device) noexcept;
  /// The rail as it is now, if it can be used again. Asks its device now and then, not each time.
  [[nodiscard]] std::optional<Rail> find_again(const Rail& rail) noexcept;
  [[nodiscard]] std::span<const std::shared_ptr<Device>> devices() const noexcept { return devices_; }
  /// Registered memory goes from where it lies.
  [[nodiscard]] bool takes_added() const noexcept { return world_.settings.verbs_zero_copy; }
  [[nodiscard]] Registrations& registrations() noexcept { return registrations_; }
  [[nodiscard]] std::list<ExposedMemory>& exposed() noexcept { return exposed_; }
  [[nodiscard]] Flushes& flushes() noexcept { return flushes_; }
  [[nodiscard]] Watcher& watcher() noexcept { return watcher_; }

  /// Endpoints as long as they live.
  void enroll(Busy& endpoint) { endpoints_.push_back(&endpoint); }
  void dismiss(Busy& endpoint) noexcept { std::erase(endpoints_, &endpoint); }
  [[nodiscard]] bool in_use() const noexcept { return !endpoints_.empty(); }

  /// From now on it is pumped until it says that nothing is left.
  void start(Busy& endpoint);
  void stop(Busy& endpoint) noexcept;

  /// Tells of completions, and pumps.
  void progress() noexcept;
  void arm() noexcept;
  void disarm() noexcept { watcher_.wait(0); }
  void sleep(int timeout_ms) noexcept { watcher_.wait(timeout_ms); }

 private:
  /// A device's two descriptors.
  struct Channel final : Watched {
    explicit Channel(Completions& its) : completions(its) {}
    void ready() noexcept override { completions.drain(); }
    Completions& completions;
  };
  struct Events final : Watched {
    Events(Station& its_station, Device& its_device) : station(its_station), device(its_device) {}
    void ready() noexcept override;
    Station& station;
    Device& device;
  };
  [[nodiscard]] bool is_outdated(const ibv_async_event& event, const Device& device) const noexcept;
  [[nodiscard]] std::string act_on(const ibv_async_event& event, const Device& device) noexcept;

  const World& world_;
  std::vector<Rail> rails_;
  std::vector<bool> down_, failed_;  // by rail; what has failed is not asked any more
  /// What a device was asked last.
  struct Found {
    std::optional<Rail> rail;
    Deadline fresh{};
  };
  std::vector<Found> found_;  // by rail
  std::vector<std::shared_ptr<Device>> devices_;
  Registrations registrations_;
  std::list<ExposedMemory> exposed_;
  Flushes flushes_;
  Watcher watcher_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<std::unique_ptr<Events>> events_;
  std::vector<Busy*> busy_;
  std::vector<Busy*> endpoints_;
};

}  // namespace tutti::verbs
