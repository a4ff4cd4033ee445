// Memory that devices may touch: a connection's own rings and mailboxes, and what the user has registered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/handle.hpp"
#include "transport/verbs/registration.hpp"

namespace tutti::verbs {

/// A range registered with several devices. Its owner keeps it mapped.
class Registration {
 public:
  /// Throws what register_memory() says.
  Registration(std::span<const std::shared_ptr<Device>> devices, const Range& range, Use use);
  /// Without those devices that refuse; what they said is added to `refused`.
  struct Refusal {
    const Device* device;
    std::string why;
  };
  Registration(std::span<const std::shared_ptr<Device>> devices, const Range& range, Use use,
               std::vector<Refusal>& refused);
  [[nodiscard]] bool covers(const std::byte* data, std::size_t bytes) const noexcept {
    return data >= begin_ && data + bytes <= end_;
  }
  /// Of a GPU: what devices write there is visible behind a flush (flush.hpp), and the processor cannot write
  /// there.
  [[nodiscard]] bool is_of_gpu() const noexcept { return kind_ != MemoryKind::host; }
  /// nullptr: not registered with that device.
  [[nodiscard]] const ibv_mr* region(const Device& device) const noexcept;

 private:
  struct Part {
    std::shared_ptr<Device> device;
    Region region;
  };
  const std::byte* begin_;
  const std::byte* end_;
  MemoryKind kind_;
  std::vector<Part> parts_;
};

/// Fresh zeroed pages, registered for as long as they live with those of these devices that take them.
class PinnedMemory {
 public:
  /// Throws system_error; `what` for its sentence, "the ring towards rank 3".
  PinnedMemory(std::span<const std::shared_ptr<Device>> devices, std::size_t bytes, Use use,
               const std::string& what);
  [[nodiscard]] std::byte* data() const noexcept { return mapping_.data(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return mapping_.bytes(); }
  [[nodiscard]] const Registration& registration() const noexcept { return registration_; }
  /// What that device said when it refused them; nullptr: it took them.
  [[nodiscard]] const std::string* refusal(const Device& device) const noexcept;

 private:
  Mapping mapping_;
  std::vector<Registration::Refusal> refused_;
  Registration registration_;
};

/// Memory that peers may write into by themselves, and what they were told of it.
struct ExposedMemory {
  std::string words;
  Registration memory;
};

/// What is registered for messages. Explicit only: a range stays until it is taken back, as often as it was
/// given. Whole pages of host memory, and the same pages once: a page that holds a byte of what is registered
/// is mapped.
class Registrations {
 public:
  /// Throws what register_memory() says, and nothing has changed then.
  void add(std::span<const std::shared_ptr<Device>> devices, const Range& range);
  void remove(const std::byte* memory, std::size_t bytes) noexcept;
  /// nullptr: not all of it is registered.
  [[nodiscard]] const Registration* find(const std::byte* data, std::size_t bytes) const noexcept;

 private:
  struct Entry {
    Registration registration;
    int owners;
  };
  using Place = std::pair<std::uintptr_t, std::uintptr_t>;  // from, to
  std::map<Place, Entry> known_;
  std::uintptr_t longest_ = 0;  // of all that ever were
};

}  // namespace tutti::verbs
