// What the double's devices are made of: their objects, and a fabric that carries out what is posted.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/handle.hpp"
#include "transport/verbs_double.hpp"

namespace tutti::verbs_double {

struct SoftContext : ibv_context {
  FileDescriptor told;  // readable while there are events; async_fd is what its user made of it
  std::deque<ibv_async_event> events;
};

struct SoftChannel : ibv_comp_channel {
  std::deque<ibv_cq*> events;
};

struct SoftQueue : ibv_cq {
  std::deque<ibv_wc> completions;
  bool armed = false;
};

/// A request with its data, where that was inline.
struct Request {
  ibv_send_wr wr{};
  ibv_sge piece{};
  std::vector<std::byte> inlined;
  bool arrived = false;  // or will, without being acknowledged
};

/// It travels.
struct Packet {
  std::uint32_t to = 0;
  Request request;
};

struct SoftPair : ibv_qp {
  ibv_qp_cap limits{};
  std::uint32_t peer = 0;
  std::deque<std::uint64_t> receives;
  std::deque<Request> requests;  // posted, not carried out
  int waits = 0;                 // polls of anybody while nothing is acknowledged
  bool mute = false;             // it completes nothing any more
};

/// Makes an event descriptor readable once more.
void ring(int fd);

class Fabric {
 public:
  std::mutex lock;
  Options options;
  std::vector<std::unique_ptr<ibv_device>> devices;
  std::map<ibv_context*, std::unique_ptr<SoftContext>> contexts;
  std::map<ibv_pd*, std::unique_ptr<ibv_pd>> domains;
  std::map<ibv_mr*, std::unique_ptr<ibv_mr>> regions;
  std::map<std::uint32_t, std::pair<ibv_mr*, int>> keys;  // and access
  std::map<ibv_comp_channel*, std::unique_ptr<SoftChannel>> channels;
  std::map<ibv_cq*, std::unique_ptr<SoftQueue>> queues;
  std::map<std::uint32_t, std::unique_ptr<SoftPair>> pairs;
  std::uint32_t next_number = 17;
  Judge judge;
  Death death;
  std::set<const ibv_device*> down;  // their ports, as raise() was told
  long rail_requests = 0;
  bool rail_dead = false;
  int stragglers = 0;                  // requests that still arrive on it
  int polls = 0;                       // since it is dead
  std::vector<std::uint32_t> victims;  // queue pairs that were on it
  std::vector<Packet> network;
  std::vector<std::pair<ibv_cq*, ibv_wc>> held;  // what a slow device has not told yet

  ~Fabric() { stop(); }

  void stop();
  void start() {
    if (options.delayed) worker_ = std::thread([this] { work(); });
  }

  void complete(ibv_cq* to, const ibv_wc& completion);

  void post(SoftPair& pair, Request request);

  void flush(SoftPair& pair, std::uint64_t receive);
  /// It takes nothing more; what is posted is flushed.
  void fail(SoftPair& pair);
  /// Those that still wait for an acknowledgement on the dead rail have waited long enough.
  void wait_on();
  /// What travels to it arrives.
  void let_arrive(std::uint32_t target);
  /// Its queue pair and its wait, of a receive.
  void tell(SoftPair& pair, const ibv_wc& completion);
  /// Some of what it posted arrives after all, unacknowledged.
  void straggle(SoftPair& from);
  void fail_device(SoftPair& pair);
  void raise(ibv_context& context, ibv_event_type type, int port);
  void mend();
  [[nodiscard]] bool is_used() const;
  [[nodiscard]] bool port_is_down(const ibv_context& context) const {
    return down.contains(context.device) ||
           (rail_dead && death.manner == Manner::down && is_on_rail(context));
  }

  /// Carries out what can be.
  void run(SoftPair& pair);
  /// Those that waited for this one's receives or state.
  void run_towards(const SoftPair& target);

 private:
  void work();

  bool readable(const ibv_sge& piece);
  static bool inside(const ibv_mr& region, std::uint64_t address, std::size_t bytes);

  [[nodiscard]] bool is_on_rail(const ibv_context& context) const;
  /// Whether the rail is dead for the request that would be next.
  bool dies(SoftPair& pair);
  /// false: the target is not ready.
  bool deliver(std::uint32_t target, const Request& request);
  void finish(SoftPair& pair, const Request& request, ibv_wc_status status);

  ibv_wc_status status_of(SoftPair& pair, const Request& request, std::size_t bytes);

  /// false: not yet.
  bool execute(SoftPair& pair, Request& request);

  void arrive(SoftPair& peer, const Request& request, std::size_t bytes);

  std::condition_variable work_;
  std::thread worker_;
  bool over_ = false;
};

/// The one of this process.
Fabric& fabric();

}  // namespace tutti::verbs_double
