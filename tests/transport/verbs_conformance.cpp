// The verbs wire in the conformance suite: over the double's devices, where ranks are threads; and with
// TUTTI_TEST_VERBS_DEVICES over this host's own, where they are processes too.
#include "transport/conformance.hpp"
#include "transport/verbs/verbs.hpp"
#include "transport/verbs_pair.hpp"

namespace tutti::conformance {

namespace {
struct Shape {
  bool zero_copy = false;
  int queue_pairs = 1;
  int slots = 8;
  long rail_dies_at = -1;  // this request
};

Wire wire(std::string name, Shape shape) {
  const bool real = verbs_double::on_real_devices();
  static const verbs::Table& doubles = verbs_faults::around(verbs_double::table());
  return {.name = std::move(name),
          .make =
              [real](const World& world) {
                return real ? make_verbs_transport(world) : make_verbs_transport(world, doubles);
              },
          .adapt =
              [shape, real](World& world) {
                world.settings.verbs_devices = verbs_double::real_devices(world.rank);
                world.settings.socket_interfaces = "=lo";
                world.settings.verbs_zero_copy = shape.zero_copy;
                world.settings.verbs_queue_pairs = shape.queue_pairs;
                world.settings.verbs_slots = shape.slots;
                if (real || world.rank != 0) return;
                // The port and not the device: a failed device may have lost what it acknowledged.
                verbs_double::kill_rail({1, shape.rail_dies_at, verbs_double::Manner::down});
              },
          .processes = real};
}
}  // namespace

std::vector<Wire> wires() {
  verbs_double::reset({.devices = 2});
  std::vector<Wire> all = {wire("verbs", {}), wire("verbs_two_slots", {.slots = 2}),
                           wire("verbs_zero_copy", {.zero_copy = true}),
                           wire("verbs_three_pairs", {.zero_copy = true, .queue_pairs = 3})};
  if (!verbs_double::on_real_devices())
    for (const long request : {0, 3, 20, 60})
      all.push_back(wire(fmt::format("verbs_rail_dies_at_{}", request),
                         {.zero_copy = true, .queue_pairs = 2, .rail_dies_at = request}));
  return all;
}

}  // namespace tutti::conformance
