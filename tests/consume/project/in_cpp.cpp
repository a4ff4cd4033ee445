// A C++20 program that sees only the installed headers: two ranks in one process, one all-reduce.
#include <future>
#include <vector>

#include <tutti/tutti.hpp>

int main() {
  auto comms = tutti::Communicator::all_here(2);
  const auto reduce = [&](std::size_t rank) {
    std::vector<int> data(1000, static_cast<int>(rank) + 1);
    comms[rank].all_reduce(data);
    return data == std::vector<int>(1000, 3);
  };
  auto other = std::async(std::launch::async, reduce, std::size_t{1});
  const bool right = reduce(0);
  return other.get() && right ? 0 : 1;
}
