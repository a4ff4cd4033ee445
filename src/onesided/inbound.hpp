// What comes from one peer: headers, and the data that follow them into a window.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "execute/connections.hpp"
#include "onesided/header.hpp"

namespace tutti::onesided {

/// Used by one thread at a time.
class Inbound {
 public:
  /// `piece_bytes`: how the peer cuts long data.
  Inbound(Incoming& in, std::size_t piece_bytes) : in_(&in), piece_bytes_(piece_bytes) {}

  /// Data of an earlier header are still on their way.
  [[nodiscard]] bool filling() const noexcept { return placed_ < target_.size(); }
  /// The next header, once it is here; not while filling().
  [[nodiscard]] bool take(Header& header) noexcept;
  /// The data that follow a header go to `target`.
  void fill(std::span<std::byte> target) noexcept;
  /// Takes what has come of them; false: nothing.
  [[nodiscard]] bool advance() noexcept;

 private:
  [[nodiscard]] std::size_t piece_at(std::size_t offset) const noexcept;
  [[nodiscard]] bool copy() noexcept;
  [[nodiscard]] bool place() noexcept;

  Incoming* in_;
  std::size_t piece_bytes_;
  std::span<std::byte> target_;
  std::size_t announced_ = 0;  // bytes that the wire knows the place of
  std::size_t placed_ = 0;     // bytes that are there
  std::uint64_t pieces_ = 0;   // placed messages seen on this inlet so far
};

}  // namespace tutti::onesided
