#include "transport/conformance.hpp"
#include "transport/shm/shm.hpp"

namespace tutti::conformance {

std::vector<Wire> wires() {
  const auto make = [](const World& world) { return make_shm_transport(world); };
  const auto shrink = [](World& world) {
    world.settings.slot_bytes = kPieceBytes;
    world.settings.slots = 1;  // the executor's proofs assume no more
  };
  return {{.name = "shm", .make = make}, {.name = "shm_one_slot", .make = make, .adapt = shrink}};
}

}  // namespace tutti::conformance
