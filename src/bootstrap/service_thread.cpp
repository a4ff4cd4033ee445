#include "bootstrap/service_thread.hpp"

#include <system_error>
#include <utility>

#include <pthread.h>
#include <signal.h>

#include "base/error.hpp"

namespace tutti {

std::thread start_service_thread(const std::string& name, std::function<void()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the thread inherits the mask
  std::thread thread;
  std::string refusal;
  try {
    thread = std::thread(std::move(body));
    ::pthread_setname_np(thread.native_handle(), name.c_str());
  } catch (const std::system_error& error) {
    refusal = error.what();
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!thread.joinable()) fail(Code::system_error, "no thread for {}: {}", name, refusal);
  return thread;
}

}  // namespace tutti
