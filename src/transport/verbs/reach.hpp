// One-sided writes: what a rank says of memory that peers may write into, and how a peer reads it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "transport/verbs/station.hpp"

namespace tutti::verbs {

struct Exposed {
  std::uint64_t address = 0;
  std::vector<std::uint32_t> keys;  // by rail of its owner
};

/// Registers the memory with every device. Throws what the device says.
[[nodiscard]] std::string expose_memory(Station& station, std::byte* data, std::size_t bytes);
/// From which a put can be written without a copy; nullptr: nobody has registered all of it.
[[nodiscard]] const Registration* find_source(Station& station, const std::byte* data,
                                              std::size_t bytes) noexcept;
/// nullopt: it makes no sense.
[[nodiscard]] std::optional<Exposed> parse_exposed(const std::string& text);

}  // namespace tutti::verbs
