#include "transport/verbs/memory.hpp"

#include <algorithm>

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"

namespace tutti::verbs {
namespace {

std::uintptr_t page_bytes() noexcept {
  static const auto bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}
std::uintptr_t down_to_page(std::uintptr_t address) noexcept {
  return address / page_bytes() * page_bytes();
}
std::uintptr_t up_to_page(std::uintptr_t address) noexcept {
  return down_to_page(address + page_bytes() - 1);
}

Mapping fresh_pages(std::size_t bytes, const std::string& what) {
  const std::size_t size = up_to_page(bytes);
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail_errno(errno, fmt::format("mmap of {} bytes for {}", size, what));
  return {static_cast<std::byte*>(memory), size};
}

std::pair<std::uintptr_t, std::uintptr_t> pages_of(const std::byte* data, std::size_t bytes) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  return {down_to_page(begin), up_to_page(begin + bytes)};
}

}  // namespace

PinnedMemory::PinnedMemory(std::span<const std::shared_ptr<Device>> devices, std::size_t bytes, Use use,
                           const std::string& what)
    : mapping_(fresh_pages(bytes, what)),
      registration_(devices, {mapping_.data(), mapping_.bytes()}, use, refused_) {}

const std::string* PinnedMemory::refusal(const Device& device) const noexcept {
  for (const Registration::Refusal& one : refused_)
    if (one.device == &device) return &one.why;
  return nullptr;
}

Registration::Registration(std::span<const std::shared_ptr<Device>> devices, const Range& range, Use use)
    : begin_(range.data), end_(range.data + range.bytes), kind_(range.kind) {
  for (const auto& device : devices) parts_.push_back({device, register_memory(*device, range, use)});
}

Registration::Registration(std::span<const std::shared_ptr<Device>> devices, const Range& range, Use use,
                           std::vector<Refusal>& refused)
    : begin_(range.data), end_(range.data + range.bytes), kind_(range.kind) {
  for (const auto& device : devices) try {
      parts_.push_back({device, register_memory(*device, range, use)});
    } catch (const Error& error) {
      refused.push_back({device.get(), error.what()});
    }
}

const ibv_mr* Registration::region(const Device& device) const noexcept {
  for (const Part& part : parts_)
    if (part.device.get() == &device) return part.region.get();
  return nullptr;
}

// The pages of a GPU are not ours to round to.
void Registrations::add(std::span<const std::shared_ptr<Device>> devices, const Range& range) {
  const auto begin = reinterpret_cast<std::uintptr_t>(range.data);
  const bool host = range.kind == MemoryKind::host;
  const Place place = host ? pages_of(range.data, range.bytes) : Place{begin, begin + range.bytes};
  if (const auto known = known_.find(place); known != known_.end()) {
    ++known->second.owners;
    return;
  }
  Range whole = range;
  whole.data -= begin - place.first;
  whole.bytes = place.second - place.first;
  known_.emplace(place, Entry{Registration(devices, whole, Use::data), 1});
  longest_ = std::max(longest_, place.second - place.first);
}

void Registrations::remove(const std::byte* memory, std::size_t bytes) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  auto known = known_.find(pages_of(memory, bytes));
  if (known == known_.end()) known = known_.find(Place{begin, begin + bytes});
  if (known != known_.end() && --known->second.owners == 0) known_.erase(known);
}

/// Backwards from the last that begins before it, as far back as one may reach.
const Registration* Registrations::find(const std::byte* data, std::size_t bytes) const noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  for (auto at = known_.upper_bound(Place{begin, ~std::uintptr_t{0}}); at != known_.begin();) {
    --at;
    if (at->first.first + longest_ < begin + bytes) return nullptr;
    if (at->second.registration.covers(data, bytes)) return &at->second.registration;
  }
  return nullptr;
}

}  // namespace tutti::verbs
