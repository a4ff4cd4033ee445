#include "transport/shm/lending.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti::shm {

void LentMemory::add(const std::byte* data, std::size_t bytes) {
  auto shared = Allocations::instance().shared(data, bytes);
  if (!shared) return;
  const std::uint64_t number = shared->allocation.number;
  const auto known = std::find_if(lent_.begin(), lent_.end(),
                                  [&](const Lent& lent) { return lent.shared.allocation.number == number; });
  if (known != lent_.end()) {
    ++known->uses;
  } else {
    lent_.push_back({std::move(*shared), 1, std::vector<bool>(static_cast<std::size_t>(world_.size), false)});
  }
}

void LentMemory::remove(const std::byte* data, std::size_t bytes) noexcept {
  const auto known = lent_at(data, bytes);
  if (known == lent_.end() || --known->uses > 0) return;
  for (int reader = 0; reader < world_.size; ++reader) {
    if (!known->shown[static_cast<std::size_t>(reader)]) continue;
    try {
      tell(Kind::forget, *known, reader);
    } catch (const std::exception& error) {  // it keeps a mapping that it will not use again
      TUTTI_LOG(info, "rank {} was not told of memory that is no longer lent: {}", reader, error.what());
    }
  }
  lent_.erase(known);
}

std::list<LentMemory::Lent>::iterator LentMemory::lent_at(const std::byte* data, std::size_t bytes) noexcept {
  return std::find_if(lent_.begin(), lent_.end(), [&](const Lent& lent) {
    const Allocation& all = lent.shared.allocation;
    return data >= all.data && data < all.data + all.bytes &&
           bytes <= static_cast<std::size_t>(all.data + all.bytes - data);
  });
}

LentPlace LentMemory::find(const std::byte* data, std::size_t bytes) noexcept {
  const auto lent = lent_at(data, bytes);
  if (lent == lent_.end()) return {};
  const Allocation& all = lent->shared.allocation;
  return {all.number, static_cast<std::uint64_t>(data - all.data)};
}

bool LentMemory::show(const std::byte* data, std::span<const int> readers) noexcept {
  const auto lent = lent_at(data, 0);
  if (lent == lent_.end()) return false;
  for (const int reader : readers) {
    if (lent->shown[static_cast<std::size_t>(reader)]) continue;
    try {
      tell(Kind::memory, *lent, reader);
    } catch (const std::exception& error) {
      TUTTI_LOG(info, "{} bytes of tuttiMemAlloc go to rank {} through slots: {}",
                lent->shared.allocation.bytes, reader, error.what());
      return false;
    }
    lent->shown[static_cast<std::size_t>(reader)] = true;
  }
  return true;
}

void LentMemory::tell(Kind kind, const Lent& lent, int reader) {
  Notice notice;
  notice.kind = kind;
  notice.communicator = world_.communicator;
  notice.from = world_.rank;
  notice.to = reader;
  notice.memory = lent.shared.allocation.number;
  notice.memory_bytes = lent.shared.allocation.bytes;
  neighbours_.offer(notice, lent.shared.file, after_ms(world_.settings.init_timeout_ms));
}

std::byte* PeerMemory::find(int owner, LentPlace place, std::size_t bytes) noexcept {
  auto found = mapped_.find({owner, place.memory});
  if (found == mapped_.end()) {
    catch_up();  // it was shown before it was lent or offered, so that it waits here
    found = mapped_.find({owner, place.memory});
  }
  if (found == mapped_.end()) {
    neighbours_.report(
        Code::internal_error, owner,
        fmt::format("{} named {} bytes of memory that it has not shown", neighbours_.name_of(owner), bytes));
    return nullptr;
  }
  const Mapping& memory = found->second;
  if (bytes > memory.bytes() || place.offset > memory.bytes() - bytes) {
    neighbours_.report(Code::internal_error, owner,
                       fmt::format("{} named {} bytes at {} of memory of {} bytes",
                                   neighbours_.name_of(owner), bytes, place.offset, memory.bytes()));
    return nullptr;
  }
  return memory.data() + place.offset;
}

void PeerMemory::catch_up() noexcept {
  neighbours_.attend(0);
  for (const MemoryNotice& heard : neighbours_.take_memory_notices()) {
    if (heard.notice.kind == Kind::memory)
      map(heard);
    else
      mapped_.erase({heard.notice.from, heard.notice.memory});
  }
}

void PeerMemory::map(const MemoryNotice& shown) noexcept {
  const Notice& notice = shown.notice;
  struct stat status {};
  const int seals = ::fcntl(shown.file.get(), F_GET_SEALS);
  const bool sound = ::fstat(shown.file.get(), &status) == 0 && seals >= 0 && (seals & F_SEAL_SHRINK) != 0 &&
                     static_cast<std::uint64_t>(status.st_size) == notice.memory_bytes;
  // Not populated: pages that the owner has never touched would be taken from the machine.
  void* const data =
      sound ? ::mmap(nullptr, notice.memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shown.file.get(), 0)
            : MAP_FAILED;
  if (data == MAP_FAILED) {
    const std::string reason = sound
                                   ? errno_text(errno) + "; see vm.max_map_count and ulimit -v"
                                   : fmt::format("its file has {} bytes and seals {}", status.st_size, seals);
    neighbours_.report(Code::system_error, notice.from,
                       fmt::format("mapping {} bytes of tuttiMemAlloc memory of {}: {}", notice.memory_bytes,
                                   neighbours_.name_of(notice.from), reason));
    return;
  }
  mapped_.insert_or_assign({notice.from, notice.memory},
                           Mapping(static_cast<std::byte*>(data), notice.memory_bytes));
}

}  // namespace tutti::shm
