// Threads that serve in the background: they take no signals (those are for the program's own threads) and
// have a name that a debugger shows.
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace tutti {

/// `name`: 15 letters at most. Throws system_error when the system gives no thread. `body` must not throw.
[[nodiscard]] std::thread start_service_thread(const std::string& name, std::function<void()> body);

}  // namespace tutti
