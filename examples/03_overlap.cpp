// Overlap: the gradient of one layer travels while the next one is computed. A group that is ended
// asynchronously gives a Work, which progresses in the background.
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include <tutti/tutti.hpp>

constexpr int kRanks = 2, kLayers = 4;
constexpr std::size_t kElements = 100'000;

// Some work of the layer's own; its result is the layer's number.
void compute(std::vector<float>& gradient, int layer) {
  for (float& value : gradient) value = std::sqrt(static_cast<float>(layer * layer));
}

int train(tutti::Communicator comm) {
  std::vector<std::vector<float>> gradients(kLayers, std::vector<float>(kElements));
  std::vector<tutti::Work> travelling;
  for (int layer = 0; layer < kLayers; ++layer) {
    auto& gradient = gradients[static_cast<std::size_t>(layer)];
    compute(gradient, layer);
    tutti::Group group;
    comm.all_reduce(gradient);                // collected, not yet sent
    travelling.push_back(group.end_async());  // on its way; the gradient may not be touched until it is done
  }
  for (tutti::Work& work : travelling) work.wait();

  for (int layer = 0; layer < kLayers; ++layer)
    for (float value : gradients[static_cast<std::size_t>(layer)])
      if (value != static_cast<float>(kRanks * layer)) return 1;
  if (comm.rank() == 0)
    std::printf("%d gradients of %zu elements summed while computing\n", kLayers, kElements);
  return 0;
}

int main() {
  std::vector<int> status(kRanks, 1);
  std::vector<std::thread> threads;
  auto ranks = tutti::Communicator::all_here(kRanks);
  for (std::size_t rank = 0; rank < kRanks; ++rank)
    threads.emplace_back([&, rank] { status[rank] = train(std::move(ranks[rank])); });
  for (std::thread& thread : threads) thread.join();
  return status[0] + status[1];
}
