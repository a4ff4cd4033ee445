// Communicators of one process, a thread each, for tests of the layer itself.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "bootstrap/unique_id.hpp"
#include "comm/communicator.hpp"

namespace tutti {

using Body = std::function<void(Communicator&)>;

/// Makes a communicator of `size` ranks, runs the body on each and ends them.
inline void with_ranks(int size, const Settings& settings, const Body& body) {
  const UniqueId id = create_unique_id(settings);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto communicator = Communicator::create(id, size, rank, settings);
      body(*communicator);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

inline Call all_reduce_of(std::size_t count) {
  Call call;
  call.collective = Collective::all_reduce;
  call.type = ElementType::float32;
  call.count = count;
  return call;
}

}  // namespace tutti
