// What a rank's endpoints share. They keep it alive, so that transport and endpoints may be destroyed in any
// order.
#pragma once

#include "transport/shm/bell.hpp"
#include "transport/shm/lending.hpp"
#include "transport/shm/neighbours.hpp"
#include "transport/shm/sleeper.hpp"

namespace tutti::shm {

struct Station {
  explicit Station(const World& its_world)
      : world(its_world),
        probe(its_world.communicator ^ (static_cast<std::uint64_t>(its_world.rank) << 32)),
        neighbours(its_world, bell),
        sleeper(bell, neighbours),
        lent(its_world, neighbours),
        peers(neighbours) {}
  ~Station() { bell.close(); }  // before the sockets end: closing is no death
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  const World& world;
  const std::uint64_t probe;  // at a known place: who reads it there reads this process (direct.hpp)
  Bell bell;
  Neighbours neighbours;
  Sleeper sleeper;
  LentMemory lent;
  PeerMemory peers;
};

}  // namespace tutti::shm
