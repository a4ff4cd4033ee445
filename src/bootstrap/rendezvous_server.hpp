// The serving side of a rendezvous: takes in the ranks as they come, and when all are there tells each what
// every one gave. Owned and run by one thread (hosting.hpp); only stop() may be called by others.
//
// Strangers do not disturb it: a client that has not proved itself within a few seconds is dropped, and
// nothing of it is looked at before. What a member does wrong (two claim a rank, sizes differ, one dies) ends
// the rendezvous for all with a sentence that says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/handle.hpp"
#include "bootstrap/channel.hpp"
#include "bootstrap/describe.hpp"

namespace tutti {

/// More than this is taken for a mistake.
inline constexpr int kMostRanks = 1 << 24;

class RendezvousServer {
 public:
  /// `lifetime_ms`: after so long it ends, whether or not all have come.
  RendezvousServer(FileDescriptor listener, const Secret& secret, std::uint64_t context,
                   long long lifetime_ms);

  /// Serves until all ranks were told, the lifetime is over, or stop(). Throws only what set-up calls throw.
  void serve();
  /// Makes serve() return soon; ranks that are being told are told first. Any thread.
  void stop() noexcept;

 private:
  // One connected client.
  struct Guest {
    Guest(Channel connection, Deadline until) : channel(std::move(connection)), patience(until) {}
    Channel channel;
    Deadline patience;     // by when it must have proved itself and joined
    int rank = -1;         // once it has joined
    std::string who;       // and where it runs
    std::string info;      // and what it gave
    bool gave_up = false;  // it ran out of time and asked why
  };

  void poll_once();
  void accept_all();
  void handle(Guest& guest, const Frame& frame);
  void handle_join(Guest& guest, const std::string& payload);
  void handle_departure(Guest& guest);
  void refuse_all(FailureReport verdict);
  void welcome_all();
  void drop_the_gone();
  [[nodiscard]] bool over() const;
  [[nodiscard]] Deadline next_deadline() const;
  [[nodiscard]] std::string missing() const;

  FileDescriptor listener_;
  FileDescriptor stop_;  // eventfd
  Secret secret_;
  std::uint64_t context_;
  Deadline end_;
  std::vector<std::unique_ptr<Guest>> guests_;

  int size_ = 0;                          // as the first to join said
  std::string size_by_;                   // who that was
  std::map<int, Guest*> members_;         // who has joined, by rank
  std::set<int> gave_up_;                 // who had joined and ran out of time
  std::optional<FailureReport> verdict_;  // why it failed
  bool welcomed_ = false;
  bool stopping_ = false;
};

}  // namespace tutti
