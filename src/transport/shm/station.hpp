// What a rank's endpoints share. They keep it alive, so that transport and endpoints may be destroyed in any
// order.
#pragma once

#include "transport/shm/bell.hpp"
#include "transport/shm/neighbours.hpp"
#include "transport/shm/sleeper.hpp"

namespace tutti::shm {

struct Station {
  explicit Station(const World& its_world)
      : world(its_world), neighbours(its_world, bell), sleeper(bell, neighbours) {}
  ~Station() { bell.close(); }  // before the sockets end: closing is no death
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  const World& world;
  Bell bell;
  Neighbours neighbours;
  Sleeper sleeper;
};

}  // namespace tutti::shm
