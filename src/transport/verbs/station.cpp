#include "transport/verbs/station.hpp"

#include <algorithm>

#include "base/log.hpp"

namespace tutti::verbs {

Station::Station(const World& world, std::vector<Rail> rails) : world_(world), rails_(std::move(rails)) {
  for (const Rail& rail : rails_) {
    if (std::find(devices_.begin(), devices_.end(), rail.device) != devices_.end()) continue;
    devices_.push_back(rail.device);
    channels_.push_back(std::make_unique<Channel>(rail.device->completions()));
    watcher_.watch(rail.device->completions().fd(), *channels_.back());
    events_.push_back(std::make_unique<Events>(*rail.device, *world.failure));
    watcher_.watch(rail.device->context()->async_fd, *events_.back());
  }
}

void Station::Events::ready() noexcept {
  for (const std::string& sentence : device.events()) TUTTI_LOG(warn, "verbs: {}", sentence);
}

void Station::start(Busy& endpoint) {
  if (endpoint.listed_) return;
  endpoint.listed_ = true;
  busy_.push_back(&endpoint);
}

void Station::stop(Busy& endpoint) noexcept {
  std::erase(busy_, &endpoint);
  endpoint.listed_ = false;
}

void Station::progress() noexcept {
  for (const auto& device : devices_) device->completions().poll(*world_.failure);
  for (std::size_t i = 0; i < busy_.size();) {
    Busy& endpoint = *busy_[i];
    if (endpoint.pump()) {
      ++i;
      continue;
    }
    endpoint.listed_ = false;
    busy_[i] = busy_.back();
    busy_.pop_back();
  }
}

// Draining comes first: the event of a completion that comes once the queues are armed is the only one until
// they are armed again, and must end the sleep.
void Station::arm() noexcept {
  watcher_.wait(0);
  for (const auto& device : devices_) device->completions().arm(*world_.failure);
}

}  // namespace tutti::verbs
