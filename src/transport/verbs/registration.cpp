#include "transport/verbs/registration.hpp"

#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti::verbs {
namespace {

int access_for(Use use, MemoryKind kind) noexcept {
  if (use == Use::source) return IBV_ACCESS_LOCAL_WRITE;
  const int flushes = kind == MemoryKind::host ? 0 : IBV_ACCESS_REMOTE_READ;  // flush.hpp
  return IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | flushes;
}

bool is_read_after_completions(Use use) noexcept {
  return use == Use::ring || use == Use::data;
}

const char* call_for(const Range& range, int access) noexcept {
  if (range.kind == MemoryKind::dma_buf) return "ibv_reg_dmabuf_mr";
  return (access & IBV_ACCESS_OPTIONAL_RANGE) != 0 ? "ibv_reg_mr_iova2" : "ibv_reg_mr";
}

ibv_mr* attempt(const Device& device, const Range& range, int access) {
  const Table& table = device.table();
  const auto address = reinterpret_cast<std::uintptr_t>(range.data);
  if (range.kind == MemoryKind::dma_buf)
    return table.reg_dmabuf_mr(device.domain(), range.offset, range.bytes, address, range.dma_buf, access);
  if ((access & IBV_ACCESS_OPTIONAL_RANGE) != 0)
    return table.reg_mr_iova2(device.domain(), range.data, range.bytes, address,
                              static_cast<unsigned>(access));
  return table.reg_mr(device.domain(), range.data, range.bytes, access);
}

std::string describe(const Device& device, const Range& range, int access) {
  const char* const of = range.kind == MemoryKind::host ? "" : " of a GPU";
  std::string what =
      fmt::format("{} of {} bytes{} on {}", call_for(range, access), range.bytes, of, device.name());
  if (range.kind == MemoryKind::device)
    what += " (by address it takes a peer-memory module, such as nvidia_peermem)";
  return what;
}

}  // namespace

Region register_memory(Device& device, const Range& range, Use use) {
  if (range.kind == MemoryKind::dma_buf && device.table().reg_dmabuf_mr == nullptr)
    fail(Code::system_error,
         "libibverbs has no ibv_reg_dmabuf_mr: memory of a GPU by its dma-buf takes rdma-core 34 or later");
  const int access = access_for(use, range.kind);
  if (!is_read_after_completions(use) || device.relaxing() == Relaxing::never)
    return owned(device.table(), attempt(device, range, access), describe(device, range, access));

  const int relaxed = access | IBV_ACCESS_RELAXED_ORDERING;
  ibv_mr* const made = attempt(device, range, relaxed);
  const bool unknown = made == nullptr && (errno == EINVAL || errno == EOPNOTSUPP);
  if (!unknown || device.relaxing() == Relaxing::always)
    return owned(device.table(), made, describe(device, range, relaxed));
  Region plain = owned(device.table(), attempt(device, range, access), describe(device, range, access));
  device.relax_no_more();
  return plain;
}

}  // namespace tutti::verbs
