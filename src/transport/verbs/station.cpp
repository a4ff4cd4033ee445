#include "transport/verbs/station.hpp"

#include <algorithm>

#include "base/log.hpp"
#include "transport/verbs/status.hpp"

namespace tutti::verbs {

Station::Station(const World& world, std::vector<Rail> rails)
    : world_(world),
      rails_(std::move(rails)),
      down_(rails_.size()),
      failed_(rails_.size()),
      found_(rails_.size()) {
  for (const Rail& rail : rails_) {
    if (std::find(devices_.begin(), devices_.end(), rail.device) != devices_.end()) continue;
    devices_.push_back(rail.device);
    channels_.push_back(std::make_unique<Channel>(rail.device->completions()));
    watcher_.watch(rail.device->completions().fd(), *channels_.back());
    events_.push_back(std::make_unique<Events>(*this, *rail.device));
    watcher_.watch(rail.device->context()->async_fd, *events_.back());
  }
}

void Station::Events::ready() noexcept {
  for (const ibv_async_event& event : device.events()) {
    const std::string done = station.act_on(event, device);
    TUTTI_LOG(warn, "verbs: {}{}", describe(event, device.name()), done);
  }
}

/// It tells that a port went down, so late that the port is up again: connections may have gone back to it
/// since. Those that missed something by it find out from their completions.
bool Station::is_outdated(const ibv_async_event& event, const Device& device) const noexcept {
  return event.event_type == IBV_EVENT_PORT_ERR &&
         std::any_of(rails_.begin(), rails_.end(), [&](const Rail& rail) {
           return rail.device.get() == &device && rail.port == event.element.port_num &&
                  verbs::find_again(rail).has_value();
         });
}

/// What was done about it.
std::string Station::act_on(const ibv_async_event& event, const Device& device) noexcept {
  if (is_outdated(event, device)) return "; it is active again";
  const auto port = port_lost(event);
  for (std::size_t i = 0; i < rails_.size(); ++i) {
    if (rails_[i].device.get() != &device) continue;
    if (port && (*port == 0 || *port == rails_[i].port)) down_[i] = true;
    if (port == 0) failed_[i] = true;
    if (event.event_type == IBV_EVENT_PORT_ACTIVE && event.element.port_num == rails_[i].port)
      down_[i] = false;
    found_[i] = {};
  }
  if (!port) return "";
  unsigned moved = 0;
  for (Busy* const endpoint : endpoints_)
    moved += endpoint->rail_down(device, *port, describe(event, device.name()));
  if (moved > 0)
    return fmt::format("; {} connection{} of its go{} over other rails", moved, moved == 1 ? "" : "s",
                       moved == 1 ? "es" : "");
  return *port == 0 ? "" : "; its traffic, if any, waits until it is back or retries end";
}

bool Station::has_failed(const Device& device) noexcept {
  for (const auto& events : events_)
    if (&events->device == &device) events->ready();
  for (std::size_t i = 0; i < rails_.size(); ++i)
    if (rails_[i].device.get() == &device && failed_[i]) return true;
  return false;
}

std::optional<Rail> Station::find_again(const Rail& rail) noexcept {
  constexpr int kGlance_ms = 100;
  for (std::size_t i = 0; i < rails_.size(); ++i) {
    if (rails_[i].device != rail.device || rails_[i].port != rail.port || failed_[i]) continue;
    Found& found = found_[i];
    if (passed(found.fresh)) found = {verbs::find_again(rail), after_ms(kGlance_ms)};
    down_[i] = !found.rail;
    return found.rail;
  }
  return std::nullopt;
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
