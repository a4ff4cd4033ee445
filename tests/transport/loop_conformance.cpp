// The loop wire in the conformance suite: ranks are threads, and their polls move the clock.
#include "transport/conformance.hpp"
#include "transport/loop/loop.hpp"

namespace tutti::conformance {

namespace {
// Networks live as long as the program: communicators keep the tests apart.
Wire wire(std::string name, LoopOptions options) {
  constexpr int kMostRanks = 64;
  options.self_advancing = true;
  auto network = std::make_shared<LoopNetwork>(kMostRanks, 20261122, options);
  return {.name = std::move(name),
          .make = [network](const World& world) { return network->make(world); },
          .adapt = nullptr,
          .processes = false};
}
}  // namespace

std::vector<Wire> wires() {
  return {wire("loop", {}), wire("loop_one_slot", {.slots = 1, .outstanding_expects = 1}),
          wire("loop_copying", {.places = false, .zero_copy = false, .multicasts = false})};
}

}  // namespace tutti::conformance
