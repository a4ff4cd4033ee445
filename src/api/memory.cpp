// Memory and user operators of tutti.h.
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/check.hpp"
#include "api/guard.hpp"
#include "base/allocations.hpp"

namespace tutti::api {
namespace {

constexpr std::size_t kHugePage = 2 << 20;

std::size_t rounded(std::size_t bytes) {
  const std::size_t page = bytes >= kHugePage ? kHugePage : 4096;
  return (bytes + page - 1) / page * page;
}

Mapping map(int file, std::size_t length, int flags) {
  void* data = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, flags, file, 0);
  return data == MAP_FAILED ? Mapping() : Mapping(static_cast<std::byte*>(data), length);
}

/// Of a file without a name, which ranks of this host can map, too. Empty: that cannot be had here.
Mapping map_shared(std::size_t length, unsigned pages, FileDescriptor& file) {
  file = FileDescriptor(::memfd_create("tutti-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING | pages));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(length)) != 0) return {};
  // Whoever maps it must be able to trust its length.
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return {};
  return map(file.get(), length, MAP_SHARED);
}

void* allocate(std::size_t bytes) {
  const std::size_t length = rounded(bytes);
  FileDescriptor file;
  Mapping memory;
  if (length >= kHugePage) memory = map_shared(length, MFD_HUGETLB, file);  // where any are set aside
  if (!memory) memory = map_shared(length, 0, file);
  if (!memory) {
    file.reset();
    memory = map(-1, length, MAP_PRIVATE | MAP_ANONYMOUS);
  }
  if (!memory) fail_errno(errno, fmt::format("mmap of {} bytes for tuttiMemAlloc", length));
  if (length >= kHugePage)
    ::madvise(memory.data(), length, MADV_HUGEPAGE);  // a wish; small pages work as well
  return Allocations::instance().add(std::move(memory), std::move(file));
}

}  // namespace
}  // namespace tutti::api

using namespace tutti;
using namespace tutti::api;

extern "C" {

tuttiResult_t tuttiMemAlloc(void** ptr, size_t size) {
  return guarded(nullptr, [&] {
    if (ptr == nullptr) fail(Code::invalid_argument, "ptr: NULL given, a place for a pointer expected");
    *ptr = size == 0 ? nullptr : allocate(size);
  });
}

tuttiResult_t tuttiMemFree(void* ptr) {
  if (ptr == nullptr) return tuttiSuccess;
  return guarded(nullptr, [&] {
    if (!Allocations::instance().remove(ptr)) {
      fail(Code::invalid_argument, "ptr: {} was not given out by tuttiMemAlloc, or was freed before", ptr);
    }
  });
}

tuttiResult_t tuttiCommRegister(tuttiComm_t comm, void* buff, size_t size, void** handle) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_pointer(buff, size, "buff");
    if (handle == nullptr) fail(Code::invalid_argument, "handle: NULL given, a place for a handle expected");
    if (size > 0) communicator.add_memory(static_cast<std::byte*>(buff), size);
    *handle = &comm->registrations.emplace_back(tuttiComm::Registration{buff, size});
  });
}

tuttiResult_t tuttiCommDeregister(tuttiComm_t comm, void* handle) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    const std::size_t erased =
        comm->registrations.remove_if([&](const tuttiComm::Registration& registration) {
          const bool meant = &registration == handle;
          if (meant)
            communicator.remove_memory(static_cast<std::byte*>(registration.data), registration.bytes);
          return meant;
        });
    if (erased == 0) fail(Code::invalid_argument, "handle: {} is no handle of this communicator", handle);
  });
}

tuttiResult_t tuttiRedOpCreatePreMulSum(tuttiRedOp_t* op, const void* scalar, tuttiDataType_t datatype,
                                        tuttiScalarResidence_t residence, tuttiComm_t comm) {
  return guarded(comm, [&] {
    Communicator& communicator = communicator_of(comm);
    check_type(datatype);
    if (op == nullptr) fail(Code::invalid_argument, "op: NULL given, a place for the operator expected");
    if (scalar == nullptr) fail(Code::invalid_argument, "scalar: NULL given, one element expected");
    if (residence != tuttiScalarHostImmediate) {
      fail(Code::invalid_argument,
           "residence: {} given, only tuttiScalarHostImmediate (1) is allowed in this version",
           static_cast<int>(residence));
    }
    PreMultiply multiply{static_cast<ElementType>(datatype), {}};
    std::memcpy(multiply.scalar.data(), scalar, size_of(multiply.type));
    *op = static_cast<tuttiRedOp_t>(kOperators + communicator.add_operator(multiply));
  });
}

tuttiResult_t tuttiRedOpDestroy(tuttiRedOp_t op, tuttiComm_t comm) {
  return guarded(comm, [&] { communicator_of(comm).user_operator(op - kOperators).alive = false; });
}

}  // extern "C"
