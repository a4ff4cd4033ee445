// The verbs wire in the conformance suite, over the double's devices: ranks are threads.
#include "transport/conformance.hpp"
#include "transport/verbs/verbs.hpp"
#include "transport/verbs_double.hpp"

namespace tutti::conformance {

namespace {
struct Shape {
  bool zero_copy = false;
  int queue_pairs = 1;
  int slots = 8;
};

Wire wire(std::string name, Shape shape) {
  return {.name = std::move(name),
          .make = [](const World& world) { return make_verbs_transport(world, verbs_double::table()); },
          .adapt =
              [shape](World& world) {
                world.settings.socket_interfaces = "=lo";
                world.settings.verbs_zero_copy = shape.zero_copy;
                world.settings.verbs_queue_pairs = shape.queue_pairs;
                world.settings.verbs_slots = shape.slots;
              },
          .processes = false};
}
}  // namespace

std::vector<Wire> wires() {
  verbs_double::reset({.devices = 2});
  return {wire("verbs", {}), wire("verbs_two_slots", {.slots = 2}),
          wire("verbs_zero_copy", {.zero_copy = true}),
          wire("verbs_three_pairs", {.zero_copy = true, .queue_pairs = 3})};
}

}  // namespace tutti::conformance
