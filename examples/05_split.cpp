// Split: communicators for rows and columns of a grid of ranks, as models that are both tensor- and
// data-parallel use them.
#include <array>
#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

#include <tutti/tutti.hpp>

constexpr int kRows = 2, kColumns = 2, kRanks = kRows * kColumns;

int work(tutti::Communicator world) {
  const int row = world.rank() / kColumns, column = world.rank() % kColumns;
  tutti::Communicator along_row =
      world.split(row, column);  // colour: who belongs together; key: the order there
  tutti::Communicator along_column = world.split(column, row);

  std::array<int, 1> row_sum{world.rank()}, column_sum{world.rank()};
  along_row.all_reduce(row_sum);
  along_column.all_reduce(column_sum);

  // A rank may stay out: it gets an empty communicator.
  const bool first = world.rank() == 0;
  tutti::Communicator alone = world.split(first ? 0 : TUTTI_SPLIT_NOCOLOR, 0);

  std::printf("rank %d: row %d sums to %d, column %d to %d\n", world.rank(), row, row_sum[0], column,
              column_sum[0]);
  const bool right = row_sum[0] == 4 * row + 1 && column_sum[0] == 2 * column + 2;
  return right && static_cast<bool>(alone) == first ? 0 : 1;
}

int main() {
  std::vector<int> status(kRanks, 1);
  std::vector<std::thread> threads;
  auto ranks = tutti::Communicator::all_here(kRanks);
  for (std::size_t rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&, rank] { status[rank] = work(std::move(ranks[rank])); });
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(status.begin(), status.end(), 0);
}
