#include "reduce/kernel.hpp"
#include "reduce/vector_avx2.hpp"

namespace tutti::reduce {

constexpr KernelTable kAvx2Kernels = kTable<Avx2>;

}  // namespace tutti::reduce
