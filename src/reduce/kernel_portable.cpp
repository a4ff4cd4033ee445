#include "reduce/kernel.hpp"
#include "reduce/vector_portable.hpp"

namespace tutti::reduce {

constexpr KernelTable kPortableKernels = kTable<Portable>;

}  // namespace tutti::reduce
