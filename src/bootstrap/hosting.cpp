#include "bootstrap/hosting.hpp"

#include <atomic>
#include <exception>
#include <list>
#include <mutex>
#include <thread>

#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "bootstrap/service_thread.hpp"

namespace tutti {

namespace {

struct Hosted {
  std::unique_ptr<RendezvousServer> server;
  std::function<void()> at_end;
  std::atomic<bool> finished{false};
  std::thread thread;

  void run() noexcept {
    try {
      server->serve();
    } catch (const std::exception& error) {
      TUTTI_LOG(error, "the rendezvous of a unique id ended: {}", error.what());
    }
    if (at_end) at_end();
    // release: who sees it may join at once and then destroys what this thread used.
    finished.store(true, std::memory_order_release);
  }
};

class Hosts {
 public:
  ~Hosts() {
    // A forked child has a copy of the objects and none of the threads: there is nothing to join, and nothing
    // to free.
    if (::getpid() != owner_) {
      for (auto& hosted : all_) static_cast<void>(hosted.release());
      return;
    }
    for (const auto& hosted : all_) hosted->server->stop();
    for (const auto& hosted : all_) hosted->thread.join();
  }

  void add(std::unique_ptr<Hosted> hosted) {
    const std::lock_guard lock(mutex_);
    forget_the_dead();
    Hosted& started = *all_.emplace_back(std::move(hosted));
    try {
      started.thread = start_service_thread("tutti-root", [&started] { started.run(); });
    } catch (const Error&) {
      all_.pop_back();
      throw;
    }
  }

 private:
  void forget_the_dead() {
    if (::getpid() != owner_) {
      for (auto& hosted : all_) static_cast<void>(hosted.release());
      all_.clear();
      owner_ = ::getpid();
    }
    all_.remove_if([](const std::unique_ptr<Hosted>& hosted) {
      // acquire: pairs with the release at the end of run().
      if (!hosted->finished.load(std::memory_order_acquire)) return false;
      hosted->thread.join();
      return true;
    });
  }

  std::mutex mutex_;  // guards all_ and owner_
  std::list<std::unique_ptr<Hosted>> all_;
  pid_t owner_ = ::getpid();
};

}  // namespace

void host(std::unique_ptr<RendezvousServer> server, std::function<void()> at_end) {
  // The log is made before the threads that write to it, and so destroyed after them.
  (void)log_enabled(LogLevel::error);
  static Hosts hosts;
  auto hosted = std::make_unique<Hosted>();
  hosted->server = std::move(server);
  hosted->at_end = std::move(at_end);
  hosts.add(std::move(hosted));
}

}  // namespace tutti
