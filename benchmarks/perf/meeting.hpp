// How ranks meet before a timed call, and put their numbers together after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tutti/tutti.hpp>

namespace perf {

enum class Combine { maximum, sum };

/// All ranks call the same members in the same order.
class Meeting {
 public:
  virtual ~Meeting() = default;
  /// Returns when all ranks have called it, at nearly the same moment everywhere.
  virtual void barrier() = 0;
  /// Replaces each value by its maximum, or its sum, over all ranks.
  virtual void combine(std::span<double> values, Combine how) = 0;
};

/// Ranks of one host, by memory that they share and nothing of tutti: what is measured cannot disturb the
/// measure.
class SharedMeeting : public Meeting {
 public:
  struct Table;
  /// The table of `ranks` ranks, in memory that processes forked later share. It lives until the process
  /// ends.
  [[nodiscard]] static Table& make_table(int ranks);
  SharedMeeting(Table& table, int rank, int ranks);

  void barrier() override;
  void combine(std::span<double> values, Combine how) override;
  /// From now on, who waits here throws when this communicator has failed: the rank that is awaited may be
  /// stopped.
  void watch(const tutti::Communicator& comm) { comm_ = &comm; }

  /// Rank 0's id for everyone.
  [[nodiscard]] tuttiUniqueId share(tuttiUniqueId id);

 private:
  [[nodiscard]] std::span<double> board(int rank) const;
  void sleep(std::uint32_t generation);

  Table& table_;
  int rank_, ranks_;
  int spins_;
  const tutti::Communicator* comm_ = nullptr;
};

/// Ranks that only tutti connects.
class RemoteMeeting : public Meeting {
 public:
  explicit RemoteMeeting(tuttiComm_t comm) : comm_(comm) {}
  void barrier() override;
  void combine(std::span<double> values, Combine how) override;

 private:
  tuttiComm_t comm_;
};

}  // namespace perf
