// Groups: calls that depend on each other, and many small ones. Here a row of cells is spread over the ranks;
// each step, every rank needs its neighbours' outermost cells (the halo), and all want to know the total and
// the maximum.
#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>
#include <span>
#include <thread>
#include <vector>

#include <tutti/tutti.hpp>

constexpr int kRanks = 3;
constexpr std::size_t kCells = 1000;

int simulate(tutti::Communicator comm) {
  const int left = (comm.rank() + kRanks - 1) % kRanks, right = (comm.rank() + 1) % kRanks;
  std::vector<double> cells(kCells, comm.rank());
  std::array<double, 1> from_left{}, from_right{};
  std::array<double, 1> total{std::accumulate(cells.begin(), cells.end(), 0.0)};
  std::array<double, 1> largest{*std::max_element(cells.begin(), cells.end())};

  {
    // Outside a group each send might wait for its receiver, which waits in its own send, and so on round the
    // ring.
    tutti::Group group;
    comm.send(std::span(cells).first(1), left);
    comm.send(std::span(cells).last(1), right);
    comm.receive(from_right, right);
    comm.receive(from_left, left);
    group.end();
  }
  {
    // Small calls issued together cost little more than one.
    tutti::Group group;
    comm.all_reduce(total);
    comm.all_reduce(largest, tutti::max);
    group.end();
  }

  if (comm.rank() == 0) std::printf("total %g, largest %g\n", total[0], largest[0]);
  const bool right_halo = from_left[0] == left && from_right[0] == right;
  return right_halo && total[0] == 3.0 * kCells && largest[0] == kRanks - 1 ? 0 : 1;
}

int main() {
  std::vector<int> status(kRanks, 1);
  std::vector<std::thread> threads;
  auto ranks = tutti::Communicator::all_here(kRanks);
  for (std::size_t rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&, rank] { status[rank] = simulate(std::move(ranks[rank])); });
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(status.begin(), status.end(), 0);
}
