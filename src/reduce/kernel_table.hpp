// What one instruction set offers, as a table of functions; filled by kernel.hpp, chosen from by
// dispatch.cpp.
#pragma once

#include "reduce/reduce.hpp"

namespace tutti::reduce {

/// Average is the kernel of sum, so it has no column.
inline constexpr int kKernelOperators = 4;

using ScaleKernel = void (*)(std::byte* output, const std::byte* input, std::size_t count,
                             const std::byte* scalar) noexcept;
using CopyKernel = void (*)(const Output& output, const std::byte* source, std::size_t bytes) noexcept;

struct KernelTable {
  Kernel kernels[kElementTypes][kKernelOperators];
  ScaleKernel scales[kElementTypes];
  CopyKernel copy;
};

// One file each, compiled for that set. The last two exist on x86-64 only.
extern const KernelTable kPortableKernels;
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

}  // namespace tutti::reduce
