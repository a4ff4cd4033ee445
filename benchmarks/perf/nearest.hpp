// Which of the known names someone may have meant.
#pragma once

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

namespace perf {

/// Insertions, deletions and replacements that make one word of the other (Levenshtein).
[[nodiscard]] inline std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

/// `known` must not be empty.
[[nodiscard]] inline std::string_view nearest(std::string_view name,
                                              const std::vector<std::string_view>& known) {
  return *std::min_element(known.begin(), known.end(), [name](std::string_view left, std::string_view right) {
    return edit_distance(name, left) < edit_distance(name, right);
  });
}

}  // namespace perf
