#include "reduce/kernel.hpp"
#include "reduce/vector_avx512.hpp"

namespace tutti::reduce {

constexpr KernelTable kAvx512Kernels = kTable<Avx512>;

}  // namespace tutti::reduce
