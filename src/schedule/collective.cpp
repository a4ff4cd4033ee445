#include "schedule/collective.hpp"

namespace tutti {

std::string_view name_of(Collective collective) noexcept {
  switch (collective) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::reduce: return "reduce";
    case Collective::broadcast: return "broadcast";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::all_gather: return "all_gather";
    case Collective::gather: return "gather";
    case Collective::scatter: return "scatter";
    case Collective::all_to_all: return "all_to_all";
    case Collective::barrier: return "barrier";
    case Collective::send_receive: return "send_receive";
  }
  return "unknown collective";
}

bool is_input(Collective collective, int size, int root, int rank, int block) noexcept {
  switch (collective) {
    case Collective::broadcast:
    case Collective::scatter: return rank == root;
    case Collective::all_gather:
    case Collective::gather: return block == rank;
    case Collective::all_to_all: return block / size == rank;
    case Collective::all_reduce:
    case Collective::reduce:
    case Collective::reduce_scatter:
    case Collective::barrier:
    case Collective::send_receive: return true;
  }
  return false;
}

bool is_output(Collective collective, int size, int root, int rank, int block) noexcept {
  switch (collective) {
    case Collective::reduce:
    case Collective::gather: return rank == root;
    case Collective::reduce_scatter:
    case Collective::scatter: return block == rank;
    case Collective::all_to_all: return block % size == rank;
    case Collective::all_reduce:
    case Collective::broadcast:
    case Collective::all_gather:
    case Collective::barrier:
    case Collective::send_receive: return true;
  }
  return false;
}

int blocks_of(Collective collective, int size) noexcept {
  switch (collective) {
    case Collective::reduce_scatter:
    case Collective::all_gather:
    case Collective::gather:
    case Collective::scatter: return size;
    case Collective::all_to_all: return size * size;
    case Collective::barrier: return 1;
    case Collective::all_reduce:
    case Collective::reduce:
    case Collective::broadcast:
    case Collective::send_receive: return 0;
  }
  return 0;
}

}  // namespace tutti
