// A communicator: ranks that call collectives together. It joins the layers: bootstrap finds the ranks, the
// selector chooses a program, the executor runs it over the transports.
//
// Threads: one thread at a time uses a communicator; different ones are independent. abort() and failure()
// may be called by any thread at any time.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/failure.hpp"
#include "bootstrap/control_plane.hpp"
#include "bootstrap/rendezvous.hpp"
#include "comm/engine.hpp"
#include "comm/rank_info.hpp"
#include "onesided/service.hpp"
#include "select/select.hpp"

namespace tutti {

/// A user's operator that multiplies each input before the sum.
struct PreMultiply {
  ElementType type;
  std::array<std::byte, 8> scalar;
  bool alive = true;
};

class Communicator {
 public:
  /// Joins as `rank` of `size`. Throws what bootstrap's join() does, and invalid_argument for settings.
  static std::unique_ptr<Communicator> create(const UniqueId& id, int size, int rank, Settings settings);
  /// Collective over this communicator: ranks of equal color form a new one, ordered by key, then rank.
  /// nullptr for color -1.
  std::unique_ptr<Communicator> split(int color, int key, Settings settings);
  ~Communicator();

  [[nodiscard]] int rank() const noexcept { return world_.rank; }
  [[nodiscard]] int size() const noexcept { return world_.size; }
  [[nodiscard]] const Settings& settings() const noexcept { return world_.settings; }
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }
  /// What its messages begin with: "communicator \"NAME\": ", or nothing where it was given no name.
  [[nodiscard]] std::string label() const;

  /// The plan of a call, from the cache or made now; its readers' ends are not yet open (connect()).
  Plan& plan(const Call& call);
  /// Opens what plans still need, this one at the latest; waits for the peers to call the same. Throws the
  /// failure.
  void connect(const Plan& plan) { engine_->connect(plan); }
  /// The plan of a plain call if it is cached: no allocation, no lock. `key`: Call::append_key's two words.
  [[nodiscard]] Plan* cached(std::uint64_t word, std::uint64_t count) noexcept {
    const Recent& recent = recent_[(count ^ word ^ (count >> 7)) % recent_.size()];
    return recent.word == word && recent.count == count ? recent.plan : nullptr;
  }

  /// Runs and waits. `buffers`: the user's, as Call counts them. Throws the failure.
  void run(Plan& plan, std::span<std::byte* const> buffers) { engine_->run(plan, buffers); }
  [[nodiscard]] Engine& engine() noexcept { return *engine_; }
  /// Memory for a prepared copy of the input of a synchronous call.
  [[nodiscard]] std::byte* staging(std::size_t bytes) { return staging_.reserve(bytes); }

  /// Prepares the user's memory for the wires; it is taken back with the same arguments. Throws what a device
  /// says.
  void add_memory(std::byte* data, std::size_t bytes);
  void remove_memory(std::byte* data, std::size_t bytes) noexcept;

  /// Memory that peers may put into. Collective: every rank gives its own, of whatever size.
  onesided::Window& register_window(std::byte* data, std::size_t bytes);
  /// Collective; returns when nobody puts into it any more.
  void deregister_window(const onesided::Window& window);
  /// Checks of a one-sided call that is to be made: throws invalid_usage or the failure.
  onesided::Service& one_sided();
  /// Runs and waits; what is queued goes first. Throws the failure.
  void run(onesided::Operation& operation);

  int add_operator(const PreMultiply& op);
  /// Throws invalid_argument when there is no such operator (any more).
  [[nodiscard]] PreMultiply& user_operator(int handle);

  /// Waits for queued calls.
  void finalize();
  /// After an abort: waits until a call in another thread has returned.
  void wait_until_left() noexcept;
  /// Gives up: every rank's waiting calls fail, naming this rank.
  void abort(const std::string& sentence) noexcept;

 private:
  struct Recent {
    std::uint64_t word = ~std::uint64_t{0}, count = 0;
    Plan* plan = nullptr;
  };
  struct KeyHash {
    std::size_t operator()(const std::vector<std::uint64_t>& key) const noexcept;
  };

  explicit Communicator(Settings settings);
  [[nodiscard]] RankInfo describe() const;
  void assemble(Membership membership, ControlListener listener);
  void keep_useful_transports(const std::vector<RankInfo>& infos);
  void describe_situation(const std::vector<RankInfo>& infos);
  [[nodiscard]] std::unique_ptr<Plan> make_plan(const Call& call);
  void start_one_sided(Deadline deadline);
  void refuse_if_left() const;

  Failure failure_;
  World world_;
  Membership membership_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::unique_ptr<ControlPlane> control_;
  std::unique_ptr<Connections> connections_;
  Situation situation_;
  std::size_t cache_share_ = 0;  // this rank's part of its host's last-level cache
  std::unordered_map<std::vector<std::uint64_t>, std::unique_ptr<Plan>, KeyHash> plans_;
  std::array<Recent, 64> recent_;
  std::vector<std::uint64_t> key_;
  std::vector<PreMultiply> operators_;
  Arena staging_;
  std::uint64_t splits_ = 0;
  bool left_ = false;
  std::vector<std::pair<std::byte*, std::size_t>> prepared_;  // by add_memory()
  World one_sided_world_;                                     // as world_, with transports of its own
  std::unique_ptr<onesided::Service> one_sided_;              // made with the first window
  std::unique_ptr<Engine> engine_;                            // last: its thread uses all of the above
};

}  // namespace tutti
