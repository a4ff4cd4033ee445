// What a port's speed and width come to. Pure.
#pragma once

#include <cstdint>

namespace tutti::verbs {

/// Data bytes a nanosecond of a port with these codes of ibv_port_attr; 0: unknown ones.
[[nodiscard]] constexpr double bytes_per_ns(std::uint8_t active_speed, std::uint8_t active_width) noexcept {
  const auto lanes = [&]() -> double {
    switch (active_width) {
      case 1: return 1;
      case 2: return 4;
      case 4: return 8;
      case 8: return 12;
      case 16: return 2;
      default: return 0;
    }
  };
  const auto gigabits = [&]() -> double {  // of a lane, what the line code takes left out
    switch (active_speed) {
      case 1: return 2;      // SDR
      case 2: return 4;      // DDR
      case 4: return 8;      // QDR
      case 8: return 10;     // FDR10
      case 16: return 13.6;  // FDR
      case 32: return 25;    // EDR
      case 64: return 50;    // HDR
      case 128: return 100;  // NDR
      default: return 0;
    }
  };
  return lanes() * gigabits() / 8;
}

}  // namespace tutti::verbs
