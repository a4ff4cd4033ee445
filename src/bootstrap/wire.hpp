// How bootstrap's messages are laid out: little-endian integers, and texts (any bytes) behind their length.
// The Unpacker reads what a stranger may have written: it never reads past the end and allocates no more than
// it was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tutti {

class Packer {
 public:
  template <typename Integer>
  Packer& number(Integer value) {
    auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
    for (std::size_t byte = 0; byte < sizeof bits; ++byte)
      bytes_ += static_cast<char>((bits >> (8 * byte)) & 0xff);
    return *this;
  }
  /// Exactly these bytes, without their length.
  Packer& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  Packer& text(std::string_view text) { return number(static_cast<std::uint32_t>(text.size())).raw(text); }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string take() noexcept { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Takes apart what a Packer wrote. After the first read that does not fit, ok() is false and every read
/// gives 0 or "".
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) noexcept : rest_(bytes) {}

  template <typename Integer>
  [[nodiscard]] Integer number() noexcept {
    std::make_unsigned_t<Integer> bits = 0;
    const std::string_view from = raw(sizeof bits);
    for (std::size_t byte = 0; byte < from.size(); ++byte)
      bits = static_cast<decltype(bits)>(
          bits | (std::uint64_t{static_cast<unsigned char>(from[byte])} << (8 * byte)));
    return static_cast<Integer>(bits);
  }
  [[nodiscard]] std::string_view raw(std::size_t bytes) noexcept {
    ok_ = ok_ && bytes <= rest_.size();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  [[nodiscard]] std::string_view text() noexcept { return raw(number<std::uint32_t>()); }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  /// All was read and fitted.
  [[nodiscard]] bool finished() const noexcept { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace tutti
