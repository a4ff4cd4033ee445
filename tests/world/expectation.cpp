#include "world/expectation.hpp"

namespace tutti::testing {
namespace {

std::int32_t sum_at(std::size_t index, int size) {
  std::uint32_t sum = 0;
  for (int r = 0; r < size; ++r) sum += static_cast<std::uint32_t>(input_at(r, index));
  return static_cast<std::int32_t>(sum);
}

}  // namespace

Sizes sizes_of(const Call& call, int rank, int size) {
  const auto all = call.count * static_cast<std::size_t>(size);
  const bool is_root = rank == call.root;
  switch (call.collective) {
    case Collective::all_reduce: return {call.count, call.count};
    case Collective::reduce: return {call.count, is_root ? call.count : 0};
    case Collective::broadcast: return {is_root ? call.count : 0, call.count};
    case Collective::reduce_scatter: return {all, call.count};
    case Collective::all_gather: return {call.count, all};
    case Collective::gather: return {call.count, is_root ? all : 0};
    case Collective::scatter: return {is_root ? all : 0, call.count};
    case Collective::all_to_all: return {all, all};
    default: return {0, 0};
  }
}

std::int32_t input_at(int rank, std::size_t index) {
  auto hash = (static_cast<std::uint64_t>(rank) + 1) * 0x9e3779b97f4a7c15U + index * 0xc2b2ae3d27d4eb4fU;
  hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9U;
  return static_cast<std::int32_t>(hash >> 32);
}

Ints input_of(const Call& call, int rank, int size) {
  Ints values(sizes_of(call, rank, size).send);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = input_at(rank, i);
  return values;
}

Ints expected(const Call& call, int rank, int size) {
  Ints values(sizes_of(call, rank, size).receive);
  const std::size_t own = static_cast<std::size_t>(rank) * call.count;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int block = call.count == 0 ? 0 : static_cast<int>(i / call.count);
    const std::size_t within = call.count == 0 ? 0 : i % call.count;
    switch (call.collective) {
      case Collective::all_reduce:
      case Collective::reduce: values[i] = sum_at(i, size); break;
      case Collective::broadcast: values[i] = input_at(call.root, i); break;
      case Collective::reduce_scatter: values[i] = sum_at(own + i, size); break;
      case Collective::all_gather:
      case Collective::gather: values[i] = input_at(block, within); break;
      case Collective::scatter: values[i] = input_at(call.root, own + i); break;
      case Collective::all_to_all: values[i] = input_at(block, own + within); break;
      default: break;
    }
  }
  return values;
}

}  // namespace tutti::testing
