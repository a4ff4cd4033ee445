// The control plane: one authenticated TCP tree beside the data, by which ranks learn of deaths and aborts
// within milliseconds and exchange small things at set-up. Each rank keeps one connection to its parent and
// one to each child, and one thread that serves them.
//
// What it reports goes into the communicator's Failure: a neighbour that died (its connection closed without
// goodbye), that has not answered for control_timeout_ms, or that aborted. Whoever notices tells the whole
// tree. What others put into the Failure it tells the tree too, within heartbeat_ms.
//
// all_gather() is called by one thread at a time, in the same order on all ranks; abort() and leave() by any
// thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/settings.hpp"
#include "bootstrap/control_listener.hpp"
#include "bootstrap/rendezvous.hpp"

namespace tutti {

class ControlThread;

class ControlPlane {
 public:
  /// Children of a rank in the tree, at most.
  static constexpr int kFanOut = 32;

  /// Connects to the parent (init_timeout_ms at most) and starts the thread; children may come later. Throws
  /// timeout, system_error or remote_error naming the parent. `failure` outlives the control plane.
  ControlPlane(const Membership& membership, ControlListener listener,
               const std::vector<std::string>& control_addresses, const Settings& settings, Failure& failure,
               int fan_out = kFanOut);
  /// Without leave() before, tells the others that this rank gave up. Waits a second at most for what is to
  /// be sent.
  ~ControlPlane();

  /// What every rank gave, by rank. Throws timeout naming who has not come, or the recorded failure.
  [[nodiscard]] std::vector<std::string> all_gather(std::string mine, Deadline deadline);

  /// Tells every other rank: its Failure gets this rank's own, or, where there is none, remote_error "rank R
  /// aborted: <sentence>". This rank's own is the caller's business.
  void abort(Code code, std::string sentence) noexcept;

  /// The orderly end: says goodbye, so that the closing is no death. A rank that lies between others in the
  /// tree keeps passing messages on until it is destroyed.
  void leave() noexcept;

 private:
  std::unique_ptr<ControlThread> thread_;
};

}  // namespace tutti
