#include "base/cache.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace tutti {
namespace {

std::string word_in(const std::filesystem::path& file) {
  std::string word;
  std::ifstream(file) >> word;
  return word;
}

/// "32768K"; 0: none.
std::size_t size_from(const std::string& text) {
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return 0;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  return unit == "K" ? number << 10 : unit == "M" ? number << 20 : unit.empty() ? number : 0;
}

/// Bits of a mask in hexadecimal, "ff,ffffffff".
int bits_in(const std::string& mask) {
  int bits = 0;
  for (const char& digit : mask) {
    unsigned value = 0;
    std::from_chars(&digit, &digit + 1, value, 16);
    bits += std::popcount(value);
  }
  return bits;
}

}  // namespace

Caches caches(const std::filesystem::path& folder) {
  Caches caches;
  int highest = 0;
  for (int index = 0;; ++index) {
    const auto cache = folder / ("index" + std::to_string(index));
    const std::string level = word_in(cache / "level");
    if (level.size() != 1 || level[0] < '1' || level[0] > '9') return caches;
    const std::size_t bytes = size_from(word_in(cache / "size"));
    if (word_in(cache / "type") == "Instruction" || bytes == 0 || level[0] - '0' <= highest) continue;
    highest = level[0] - '0';
    if (highest == 2) caches.second_level_bytes = bytes;
    caches.last = {bytes, std::max(1, bits_in(word_in(cache / "shared_cpu_map")))};
  }
}

}  // namespace tutti
