// Chooses among the instruction sets, once, at run time. This file itself is compiled for none in particular.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/settings.hpp"
#include "reduce/kernel_table.hpp"

namespace tutti::reduce {
namespace {

constexpr std::array<std::string_view, 3> kSetNames = {"portable", "avx2", "avx512"};

#ifdef TUTTI_REDUCE_X86
InstructionSet machine_set() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return InstructionSet::avx512;
  }
  // Every processor with AVX2 has F16C.
  return __builtin_cpu_supports("avx2") ? InstructionSet::avx2 : InstructionSet::portable;
}

const KernelTable& table_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::avx512: return kAvx512Kernels;
    case InstructionSet::avx2: return kAvx2Kernels;
    case InstructionSet::portable: break;
  }
  return kPortableKernels;
}
#else
InstructionSet machine_set() {
  return InstructionSet::portable;
}
const KernelTable& table_of(InstructionSet) {
  return kPortableKernels;
}
#endif

std::string_view name_of(InstructionSet set) {
  return kSetNames.at(static_cast<std::size_t>(set));
}

InstructionSet choose_set() {
  const InstructionSet machine = machine_set();
  const std::string asked = environment("TUTTI_CPU");
  if (asked.empty()) return machine;
  const auto found = std::find(kSetNames.begin(), kSetNames.end(), asked);
  if (found == kSetNames.end()) {
    TUTTI_LOG(warn, "TUTTI_CPU={}: allowed are portable, avx2 and avx512; using {}", asked, name_of(machine));
    return machine;
  }
  const auto set = static_cast<InstructionSet>(found - kSetNames.begin());
  if (set <= machine) return set;
  TUTTI_LOG(warn, "TUTTI_CPU={}: this processor has no {}; using {}", asked, asked, name_of(machine));
  return machine;
}

const KernelTable& best_table() noexcept {
  static const KernelTable& table = table_of(best_instruction_set());
  return table;
}

Kernel kernel_of(const KernelTable& table, ElementType type, Operator op) {
  const Operator column = op == Operator::avg ? Operator::sum : op;
  return table.kernels[static_cast<std::size_t>(type)][static_cast<std::size_t>(column)];
}

}  // namespace

InstructionSet best_instruction_set() noexcept {
  static const InstructionSet set = choose_set();
  return set;
}

Kernel kernel(ElementType type, Operator op) noexcept {
  return kernel_of(best_table(), type, op);
}

Kernel kernel(ElementType type, Operator op, InstructionSet set) noexcept {
  return kernel_of(table_of(set), type, op);
}

void scale(std::byte* output, const std::byte* input, std::size_t count, ElementType type,
           const std::byte* scalar) noexcept {
  best_table().scales[static_cast<std::size_t>(type)](output, input, count, scalar);
}

void copy(const Output& output, const std::byte* source, std::size_t bytes) noexcept {
  best_table().copy(output, source, bytes);
}

}  // namespace tutti::reduce
