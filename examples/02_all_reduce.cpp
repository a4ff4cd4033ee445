// What training does after each step: average a gradient over all ranks. Runs alone, or under any launcher:
//     mpirun -np 4 02_all_reduce        torchrun --no-python --nproc-per-node 4 02_all_reduce        srun -n
//     4 02_all_reduce
#include <cstdio>
#include <vector>

#include <tutti/tutti.hpp>

int main() {
  try {
    auto comm = tutti::Communicator::from_environment();

    std::vector<float> gradient(1'000'000, static_cast<float>(comm.rank()));
    comm.all_reduce(gradient, tutti::avg);  // in place; all_reduce(in, out, op) leaves `in` alone

    const float expected = static_cast<float>(comm.size() - 1) / 2;
    for (float value : gradient)
      if (value != expected)
        return std::printf("rank %d: %g instead of %g\n", comm.rank(), value, expected), 1;
    if (comm.rank() == 0) std::printf("%d ranks agree on the average, %g\n", comm.size(), expected);
  } catch (const tutti::Error& error) {
    return std::fprintf(stderr, "%s\n", error.what()), 1;
  }
}
