// loop: a transport within one process, on a virtual clock, from a seed. It exists for tests: whole worlds of
// ranks are driven by one thread, every delay is random but repeatable, and a fault plan says what breaks and
// when. A failing run is then one number, the seed.
//
// Time moves only in advance(). A message becomes visible to its reader, and a slot free for its writer,
// after a random delay each; messages of one connection never overtake one another. An inlet may be opened
// before its outlet. The wire is strict with its users: it scribbles over targets and slots whose content is
// undefined, notices when a message's memory is changed before completed() counted it, and aborts on calls
// that the interface forbids.
//
// With `self_advancing`, every poll moves the clock, and there may be a thread for each rank (the conformance
// suite). A LoopNetwork outlives the transports that it made. Any thread may call it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "transport/transport.hpp"

namespace tutti {

namespace loop {
class Wire;
}

struct LoopOptions {
  std::size_t slots = 4;  // messages in flight per connection
  std::size_t slot_bytes = 64 << 10;
  std::size_t outstanding_expects = 16;  // per inlet
  std::uint64_t min_delay_ns = 500;
  std::uint64_t max_delay_ns = 20'000;
  bool places = true;
  bool zero_copy = true;
  bool takes_added = false;  // beside these: memory that was added goes as it lies
  bool lends_added = false;  // or is read where it lies, and written where its owner offers it
  bool multicasts = true;
  bool self_advancing = false;
  bool keep_trace = false;  // keep trace() as text, for a person
};

class LoopNetwork {
 public:
  LoopNetwork(int ranks, std::uint64_t seed, LoopOptions options = {});
  LoopNetwork(const LoopNetwork&) = delete;
  LoopNetwork& operator=(const LoopNetwork&) = delete;
  ~LoopNetwork();

  /// The transport of world.rank. Several communicators of one rank are several transports.
  [[nodiscard]] std::unique_ptr<Transport> make(const World& world);

  /// Moves the clock to the next event and lets it happen. false: nothing is under way any more; if ranks
  /// still wait, they wait for ever.
  bool advance();
  [[nodiscard]] std::uint64_t now_ns() const;

  // The fault plan. `at_ns` is virtual time; what is in the past happens at the next advance().
  /// The rank's process dies: its calls do nothing from then on, and every peer connected with it learns of
  /// it.
  void kill(int rank, std::uint64_t at_ns);
  /// All connections from writer to reader break; both ends learn of it.
  void cut(int writer, int reader, std::uint64_t at_ns);
  /// The next message from writer to reader arrives a byte short (one of 0 bytes: a byte long).
  void truncate(int writer, int reader, std::uint64_t at_ns);
  /// The next message from writer to reader arrives with another tag.
  void corrupt_tag(int writer, int reader, std::uint64_t at_ns);
  /// The next message from writer to reader takes so much longer.
  void delay(int writer, int reader, std::uint64_t at_ns, std::uint64_t extra_ns);
  /// The rank finds nothing ready for so long, as if the system did not run it.
  void pause(int rank, std::uint64_t at_ns, std::uint64_t for_ns);

  [[nodiscard]] bool killed(int rank) const;

  /// A hash over everything that happened, in order: equal for equal seeds and equal calls.
  [[nodiscard]] std::uint64_t fingerprint() const;
  /// What happened, a line each; only with keep_trace.
  [[nodiscard]] std::vector<std::string> trace() const;
  /// Every connection and what it waits for: what to print when advance() says false too early.
  [[nodiscard]] std::string describe() const;

 private:
  std::unique_ptr<loop::Wire> wire_;
};

}  // namespace tutti
