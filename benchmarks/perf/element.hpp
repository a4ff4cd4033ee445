// Element types and operators as nccl-tests names them, and how a small integer looks in each type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tutti/tutti.h>

namespace perf {

/// An operator as -o names it. A pre-multiplied sum is made per communicator, so it has no tuttiRedOp_t of
/// its own.
enum class Operator { sum, prod, max, min, avg, mulsum };

[[nodiscard]] std::string_view name_of(tuttiDataType_t type);
[[nodiscard]] std::string_view name_of(Operator op);
/// "float", "float32", "half", …; nothing for an unknown name.
[[nodiscard]] std::optional<tuttiDataType_t> type_named(std::string_view name);
[[nodiscard]] std::optional<Operator> operator_named(std::string_view name);
[[nodiscard]] const std::vector<tuttiDataType_t>& all_types();
[[nodiscard]] const std::vector<Operator>& all_operators();
[[nodiscard]] std::vector<std::string_view> type_names();
[[nodiscard]] std::vector<std::string_view> operator_names();

[[nodiscard]] std::size_t size_of(tuttiDataType_t type);
[[nodiscard]] bool is_signed(tuttiDataType_t type);
[[nodiscard]] bool is_floating(tuttiDataType_t type);
/// All integers from 0 up to here (and down to its negative, of signed types) are exact.
[[nodiscard]] std::int64_t largest_exact(tuttiDataType_t type);
/// All powers of two from 0 up to this exponent are exact.
[[nodiscard]] int largest_power(tuttiDataType_t type);

/// Writes sum / divisor: integers truncated, floats divided in float32 (float64 in float64) and rounded to
/// nearest even. The exact value is wanted, so `sum` must be exact in the type.
void store_quotient(std::byte* element, tuttiDataType_t type, std::int64_t sum, std::int64_t divisor);
inline void store(std::byte* element, tuttiDataType_t type, std::int64_t value) {
  store_quotient(element, type, value, 1);
}

}  // namespace perf
