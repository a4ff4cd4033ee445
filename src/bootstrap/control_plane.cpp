#include "bootstrap/control_plane.hpp"

#include <exception>

#include "base/log.hpp"
#include "bootstrap/control_thread.hpp"

namespace tutti {

ControlPlane::ControlPlane(const Membership& membership, ControlListener listener,
                           const std::vector<std::string>& control_addresses, const Settings& settings,
                           Failure& failure, int fan_out)
    : thread_(std::make_unique<ControlThread>(membership, std::move(listener), control_addresses, settings,
                                              failure, fan_out)) {}

ControlPlane::~ControlPlane() = default;

std::vector<std::string> ControlPlane::all_gather(std::string mine, Deadline deadline) {
  return thread_->all_gather(std::move(mine), deadline);
}

void ControlPlane::abort(Code /*code*/, std::string sentence) noexcept {
  try {
    thread_->abort(std::move(sentence));
  } catch (const std::exception& error) {
    TUTTI_LOG(error, "an abort does not reach the other ranks: {}", error.what());
  }
}

void ControlPlane::leave() noexcept {
  try {
    thread_->leave();
  } catch (const std::exception& error) {
    TUTTI_LOG(error, "a goodbye does not reach the other ranks: {}", error.what());
  }
}

}  // namespace tutti
