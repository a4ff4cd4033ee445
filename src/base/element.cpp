#include "base/element.hpp"

#include <array>

namespace tutti {

std::string_view name_of(ElementType type) noexcept {
  static constexpr std::array<std::string_view, kElementTypes> names = {
      "int8", "uint8", "int32",  "uint32",   "int64",    "uint64",
      "half", "float", "double", "bfloat16", "fp8_e4m3", "fp8_e5m2"};
  const auto index = static_cast<std::size_t>(type);
  return index < names.size() ? names[index] : "unknown";
}

std::string_view name_of(Operator op) noexcept {
  static constexpr std::array<std::string_view, kOperators> names = {"sum", "prod", "max", "min", "avg"};
  const auto index = static_cast<std::size_t>(op);
  return index < names.size() ? names[index] : "unknown";
}

}  // namespace tutti
