// Host reduction kernels: element type x operator, any number of inputs in one pass, one or two outputs.
// The instruction set (AVX-512, AVX2 or portable) is chosen once, at run time. Thread-safe: kernels are pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/element.hpp"

namespace tutti::reduce {

/// How the results leave: through the cache, or past it by non-temporal stores (fenced before return).
enum class Store : std::uint8_t { plain, streaming };

/// Where a pass writes. Both may not overlap each other; `first` may be exactly one of the inputs.
struct Output {
  std::byte* first;             // may be nullptr: only `second` is written
  std::byte* second = nullptr;  // the same result once more (an outgoing slot), or nullptr
  Store store_first = Store::plain;
  Store store_second = Store::plain;
};

/// output[i] = ((in[0][i] op in[1][i]) op in[2][i]) …, folded in the order given. `inputs` >= 1. Narrow
/// floats (float16, bfloat16, float8) accumulate in float32 and are rounded once, to nearest even. `divisor`:
/// what a folded sum is divided by before it is rounded (average; integers truncate towards zero), at least
/// 1; the other operators ignore it. Integer sums and products wrap around. min and max: NaN if any input is
/// NaN; else as a scalar loop `b < a ? b : a` / `a < b ? b : a` would. Of several NaNs the first gives the
/// bits. float8e4m3 has no infinity: what exceeds its range becomes NaN. Pointers may be misaligned. The bits
/// of a result depend on nothing but the inputs: not on the instruction set, nor on where in the buffer the
/// element lies.
using Kernel = void (*)(const Output& output, const std::byte* const* inputs, int input_count,
                        std::size_t count, std::int64_t divisor) noexcept;

/// The kernel for this machine. `op` avg is the kernel of sum (give the divisor).
[[nodiscard]] Kernel kernel(ElementType type, Operator op) noexcept;

/// output[i] = scalar * input[i], computed as type's own multiplication (narrow floats in float32, rounded
/// once). `scalar` points at one element of `type`. `output` may equal `input`.
void scale(std::byte* output, const std::byte* input, std::size_t count, ElementType type,
           const std::byte* scalar) noexcept;

/// Copies to one or two places in one pass. `first` may not overlap the source.
void copy(const Output& output, const std::byte* source, std::size_t bytes) noexcept;

enum class InstructionSet { portable, avx2, avx512 };
/// What the machine (or TUTTI_CPU=portable|avx2|avx512, for tests) allows; and each one's kernels, for tests
/// and benchmarks.
[[nodiscard]] InstructionSet best_instruction_set() noexcept;
[[nodiscard]] Kernel kernel(ElementType type, Operator op, InstructionSet set) noexcept;

/// One element to and from float, rounding to nearest even. For tests, checks and scalars.
[[nodiscard]] double to_double(const std::byte* element, ElementType type) noexcept;
void from_double(double value, std::byte* element, ElementType type) noexcept;

}  // namespace tutti::reduce
