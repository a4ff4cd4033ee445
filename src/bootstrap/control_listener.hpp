// The listening socket of a rank's control plane. Made before join(), so that its address can be part of what
// the rank gives there; then handed to the ControlPlane.
#pragma once

#include <string>

#include "base/handle.hpp"
#include "base/settings.hpp"

namespace tutti {

class ControlListener {
 public:
  /// Listens. Throws system_error or invalid_argument (no usable interface, no free port in the range).
  explicit ControlListener(const Settings& settings);

  /// Every address and the port where this listener can be reached: opaque, under 1 KiB, any bytes.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  FileDescriptor socket_;
  std::string address_;
};

}  // namespace tutti
