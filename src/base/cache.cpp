#include "base/cache.hpp"

#include <algorithm>
#include <fstream>
#include <string>

namespace tutti {
namespace {

std::string word_in(const std::filesystem::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

/// "32768K"; 0: none.
std::size_t size_from(const std::string& text) {
  std::size_t number = 0, digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 12; ++digits)
    number = number * 10 + static_cast<std::size_t>(text[digits] - '0');
  const std::string unit = text.substr(digits);
  return unit == "K" ? number << 10 : unit == "M" ? number << 20 : unit.empty() ? number : 0;
}

/// Bits of a mask in hexadecimal, "ff,ffffffff".
int bits_in(const std::string& mask) {
  int bits = 0;
  for (const char c : mask) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
    bits += (digit & 1) + (digit >> 1 & 1) + (digit >> 2 & 1) + (digit >> 3);
  }
  return bits;
}

}  // namespace

LastLevelCache last_level_cache(const std::filesystem::path& folder) {
  LastLevelCache last;
  int highest = 0;
  for (int index = 0;; ++index) {
    const auto cache = folder / ("index" + std::to_string(index));
    const std::string level = word_in(cache / "level");
    if (level.size() != 1 || level[0] < '1' || level[0] > '9') return last;
    const std::size_t bytes = size_from(word_in(cache / "size"));
    if (word_in(cache / "type") == "Instruction" || bytes == 0 || level[0] - '0' <= highest) continue;
    highest = level[0] - '0';
    last = {bytes, std::max(1, bits_in(word_in(cache / "shared_cpu_map")))};
  }
}

}  // namespace tutti
