// Starting by unique id: one rank makes 128 bytes and carries them to the others, by whatever means there
// are. Here the ranks are threads of one process and the means is a variable; between processes it would be a
// file, a socket or MPI.
#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

#include <tutti/tutti.hpp>

constexpr int kRanks = 4;

int main() {
  const tutti::UniqueId id =
      tutti::UniqueId::make();  // opens the rendezvous: stay alive until all have joined

  std::atomic<int> rank_sum{0};
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < kRanks; ++rank)
    ranks.emplace_back([&, rank] {
      tutti::Communicator comm = tutti::Communicator::join(kRanks, id, rank);  // returns when all are here
      std::printf("I am rank %d of %d\n", comm.rank(), comm.size());
      rank_sum += comm.rank();

      comm.barrier();  // after it, every rank has added its number
      if (rank_sum != 0 + 1 + 2 + 3) std::printf("rank %d was let through early\n", comm.rank());
    });
  for (std::thread& rank : ranks) rank.join();
  return rank_sum == 6 ? 0 : 1;
}
