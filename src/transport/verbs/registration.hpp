// How memory becomes known to a device: which call registers it and with which access, by what the memory is
// and what it is for. The only file that registers any.
//
// Relaxed ordering lets the writes of a device reach memory in any order, which is faster on some hosts. A
// completion still stands for all the data before it, so it is safe where memory is read only after a
// completion, and no place is written again before that: for rings (a place is given back first) and
// for targets of messages (an advert comes first). It is not where a later write may meet an earlier one
// under way at the same place, and the last must win: in mailboxes (an advert may overwrite an old one that
// nobody has looked at) and in windows (puts that follow each other).
#pragma once

#include <cstddef>
#include <cstdint>

#include "transport/verbs/device.hpp"

namespace tutti::verbs {

enum class MemoryKind {
  host,
  device,   // of a GPU, by its address: a kernel module must know it (peer memory)
  dma_buf,  // of a GPU, by a descriptor that its driver gave
};

struct Range {
  std::byte* data = nullptr;  // the address by which requests name it
  std::size_t bytes = 0;
  MemoryKind kind = MemoryKind::host;
  int dma_buf = -1;          // may be closed once it is registered
  std::uint64_t offset = 0;  // in the dma_buf
};

/// What a device may do with it.
enum class Use {
  source,   // read it
  ring,     // and peers write parcels into it
  mailbox,  // adverts
  data,     // messages of registered memory
  window,   // what they like
};

/// Throws what libibverbs says, and system_error for a dma_buf where it is too old for that.
[[nodiscard]] Region register_memory(Device& device, const Range& range, Use use);

}  // namespace tutti::verbs
