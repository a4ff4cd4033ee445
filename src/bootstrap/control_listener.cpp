#include "bootstrap/control_listener.hpp"

#include "base/network.hpp"
#include "bootstrap/endpoint.hpp"

namespace tutti {

ControlListener::ControlListener(const Settings& settings)
    : socket_(listen_anywhere(settings)), address_(encode(endpoint_of(socket_.get(), settings))) {}

}  // namespace tutti
