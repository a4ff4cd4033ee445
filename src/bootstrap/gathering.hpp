// What the root of the control plane keeps of the exchanges that are going on: who has come to each, with
// what.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tutti {

class Gathering {
 public:
  explicit Gathering(int size) : size_(size) {}

  /// Takes what `rank` gives to exchange `sequence`; the exchange, by rank, once all have come.
  [[nodiscard]] std::optional<std::vector<std::string>> add(std::uint64_t sequence, int rank,
                                                            std::string_view bytes);
  /// Who has not come to it yet, ascending.
  [[nodiscard]] std::vector<int> missing(std::uint64_t sequence) const;

 private:
  int size_;
  std::map<std::uint64_t, std::map<int, std::string>> exchanges_;
};

/// A complete exchange as it travels, and back (nothing if it is not one of `size` ranks).
[[nodiscard]] std::string pack_exchange(std::uint64_t sequence, const std::vector<std::string>& by_rank);
struct Exchange {
  std::uint64_t sequence = 0;
  std::vector<std::string> by_rank;
};
[[nodiscard]] std::optional<Exchange> unpack_exchange(std::string_view payload, int size);

}  // namespace tutti
