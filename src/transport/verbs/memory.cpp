#include "transport/verbs/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"

namespace tutti::verbs {
namespace {

Mapping fresh_pages(std::size_t bytes, const std::string& what) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t size = (bytes + page - 1) / page * page;
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail_errno(errno, fmt::format("mmap of {} bytes for {}", size, what));
  return {static_cast<std::byte*>(memory), size};
}

}  // namespace

PinnedMemory::PinnedMemory(std::span<const std::shared_ptr<Device>> devices, std::size_t bytes, Use use,
                           const std::string& what)
    : mapping_(fresh_pages(bytes, what)), registration_(devices, {mapping_.data(), mapping_.bytes()}, use) {}

Registration::Registration(std::span<const std::shared_ptr<Device>> devices, const Range& range, Use use)
    : begin_(range.data), end_(range.data + range.bytes) {
  for (const auto& device : devices) parts_.push_back({device, register_memory(*device, range, use)});
}

const ibv_mr* Registration::region(const Device& device) const noexcept {
  for (const Part& part : parts_)
    if (part.device.get() == &device) return part.region.get();
  return nullptr;
}

void Registrations::remove(const std::byte* memory, std::size_t bytes) noexcept {
  for (auto one = known_.begin(); one != known_.end(); ++one) {
    if (!one->is(memory, bytes)) continue;
    known_.erase(one);
    return;
  }
}

const Registration* Registrations::find(const std::byte* data, std::size_t bytes) const noexcept {
  for (const Registration& one : known_)
    if (one.covers(data, bytes)) return &one;
  return nullptr;
}

}  // namespace tutti::verbs
