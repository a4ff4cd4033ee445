// One-sided calls: heat flows along a rod whose cells are spread over the ranks. Each step, every rank writes
// its outermost cells straight into its neighbours' memory and raises a signal; nobody receives anything.
//
// Two signals a neighbour: kHere, "your halo is there", and kRead, "I have read mine, write the next one".
#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

#include <tutti/tutti.hpp>

constexpr std::size_t kCells = 100;  // of each rank
constexpr int kSteps = 500;
constexpr int kHere = 0, kRead = 1;  // signals

// The next temperature of a cell.
double next(double left, double own, double right) {
  return own + 0.25 * (left - 2 * own + right);
}

// The same rod on one rank, to compare with.
std::vector<double> alone(std::size_t cells) {
  std::vector<double> rod(cells + 2, 0.0), fresh(rod);
  rod[1] = 1000.0;
  for (int step = 0; step < kSteps; ++step) {
    for (std::size_t i = 1; i <= cells; ++i) fresh[i] = next(rod[i - 1], rod[i], rod[i + 1]);
    std::swap(rod, fresh);
  }
  return rod;
}

int simulate(tutti::Communicator comm) {
  const int rank = comm.rank(), size = comm.size();
  std::vector<double> cells(kCells + 2, 0.0), fresh(cells);  // a halo cell at either end
  if (rank == 0) cells[1] = 1000.0;
  std::vector<double> halo(2, 0.0);  // from the left, from the right
  const tutti::Window window = comm.window(halo);
  std::vector<int> neighbours;
  for (const int peer : {rank - 1, rank + 1}) {
    if (peer >= 0 && peer < size) neighbours.push_back(peer);
  }

  for (int step = 0; step < kSteps; ++step) {
    for (const int peer : neighbours) {
      const std::size_t edge = peer < rank ? 1 : kCells, side = peer < rank ? 1 : 0;
      if (step > 0) comm.wait_signal(peer, kRead);
      comm.put_signal(std::span(cells).subspan(edge, 1), peer, window, side, kHere);
    }
    for (const int peer : neighbours) comm.wait_signal(peer, kHere);
    cells.front() = halo[0];
    cells.back() = halo[1];
    for (const int peer : neighbours) comm.signal(peer, kRead);
    for (std::size_t i = 1; i <= kCells; ++i) fresh[i] = next(cells[i - 1], cells[i], cells[i + 1]);
    std::swap(cells, fresh);
  }

  const std::vector<double> expected = alone(kCells * static_cast<std::size_t>(size));
  const std::size_t first = static_cast<std::size_t>(rank) * kCells;
  for (std::size_t i = 1; i <= kCells; ++i) {
    if (cells[i] != expected[first + i])
      return std::fprintf(stderr, "rank %d, cell %zu differs\n", rank, i), 1;
  }
  if (rank == 0) std::printf("%d steps over %d ranks: as on one\n", kSteps, size);
  return 0;
}

int main() {
  auto launched = tutti::Communicator::from_environment();
  if (launched.size() > 1) return simulate(std::move(launched));
  constexpr int kRanks = 3;  // no launcher: as threads
  std::vector<int> status(kRanks, 1);
  std::vector<std::thread> threads;
  auto ranks = tutti::Communicator::all_here(kRanks);
  for (std::size_t rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&, rank] { status[rank] = simulate(std::move(ranks[rank])); });
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(status.begin(), status.end(), 0);
}
