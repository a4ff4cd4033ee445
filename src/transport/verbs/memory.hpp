// Memory that devices may touch: a connection's own rings and mailboxes, and what the user has registered.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "base/handle.hpp"
#include "transport/verbs/device.hpp"

namespace tutti::verbs {

/// Fresh zeroed pages, registered with one device for as long as it lives.
class PinnedMemory {
 public:
  /// Throws system_error; `what` for its sentence, "the ring towards rank 3".
  PinnedMemory(const Device& device, std::size_t bytes, int access, const std::string& what);
  [[nodiscard]] std::byte* data() const noexcept { return mapping_.data(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return mapping_.bytes(); }
  [[nodiscard]] std::uint32_t local_key() const noexcept { return region_->lkey; }
  [[nodiscard]] std::uint32_t remote_key() const noexcept { return region_->rkey; }

 private:
  Mapping mapping_;
  Region region_;
};

/// A range of the user's, registered with every device that there is. Its owner keeps it mapped.
class Registration {
 public:
  Registration(std::span<const std::shared_ptr<Device>> devices, std::byte* memory, std::size_t bytes);
  [[nodiscard]] bool covers(const std::byte* data, std::size_t bytes) const noexcept {
    return data >= begin_ && data + bytes <= end_;
  }
  [[nodiscard]] bool is(const std::byte* data, std::size_t bytes) const noexcept {
    return data == begin_ && data + bytes == end_;
  }
  /// nullptr: not registered with that device.
  [[nodiscard]] const ibv_mr* region(const Device& device) const noexcept;

 private:
  struct Part {
    std::shared_ptr<Device> device;
    Region region;
  };
  const std::byte* begin_;
  const std::byte* end_;
  std::vector<Part> parts_;
};

/// What is registered. Explicit only: a range stays until it is taken back.
class Registrations {
 public:
  void add(std::span<const std::shared_ptr<Device>> devices, std::byte* memory, std::size_t bytes) {
    known_.emplace_back(devices, memory, bytes);
  }
  void remove(const std::byte* memory, std::size_t bytes) noexcept;
  /// nullptr: not all of it is registered.
  [[nodiscard]] const Registration* find(const std::byte* data, std::size_t bytes) const noexcept;

 private:
  std::list<Registration> known_;
};

}  // namespace tutti::verbs
