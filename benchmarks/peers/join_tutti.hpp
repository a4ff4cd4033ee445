// How the drivers of tutti make a communicator: by unique id, carried through the ranks' shared mapping.
#pragma once

#include <cstring>
#include <stdexcept>

#include <tutti/tutti.h>

#include "ranks.hpp"

namespace peers {

inline void check(tuttiResult_t result) {
  if (result != tuttiSuccess) throw std::runtime_error(tuttiGetLastError(nullptr));
}

inline tuttiComm_t join_tutti(Ranks& ranks) {
  static_assert(sizeof(tuttiUniqueId) <= kBlobBytes);
  tuttiUniqueId id;
  if (ranks.rank() == 0) {
    check(tuttiGetUniqueId(&id));
    std::memcpy(ranks.blob(), &id, sizeof id);
  }
  ranks.barrier();
  std::memcpy(&id, ranks.blob(), sizeof id);
  tuttiComm_t comm = nullptr;
  check(tuttiCommInitRank(&comm, ranks.size(), id, ranks.rank()));
  return comm;
}

}  // namespace peers
