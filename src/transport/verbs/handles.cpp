#include "transport/verbs/handles.hpp"

#include <cerrno>

#include <sys/resource.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace tutti::verbs {
namespace {

std::string limit_of_locked_memory() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return "unlimited";
  return fmt::format("{} KiB", limit.rlim_cur >> 10);
}

/// What a user can do about it.
std::string remedy(int error_number) {
  switch (error_number) {
    case ENOMEM:
      return fmt::format(
          "; memory or the device's own tables are used up, or this process may not lock enough memory "
          "(ulimit "
          "-l says {}): raise it to unlimited, or lower TUTTI_VERBS_SLOT or TUTTI_VERBS_SLOTS",
          limit_of_locked_memory());
    case EACCES:
    case EPERM: return "; this process needs read and write access to /dev/infiniband/uverbs*";
    case ENOSYS:
    case ENODEV: return "; this kernel has no RDMA device (any more)";
    case EINVAL:
      return "; the device does not take these values: look at TUTTI_VERBS_INLINE, TUTTI_VERBS_PKEY_INDEX "
             "and "
             "TUTTI_VERBS_GID_INDEX";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
      return "; the peer's address cannot be reached from this port: TUTTI_VERBS_DEVICES chooses ports, "
             "TUTTI_VERBS_GID_INDEX addresses";
    default: return "";
  }
}

}  // namespace

void log_refusal(const char* call, int result) noexcept {
  TUTTI_LOG(warn, "verbs: {}: {}", call, errno_text(errno_of(result)));
}

int errno_of(int result) noexcept {
  if (result == -1) return errno;
  return result < 0 ? -result : result;
}

void refuse(int error_number, const std::string& what) {
  throw Error(Code::system_error,
              fmt::format("{}: {}{}", what, errno_text(error_number), remedy(error_number)));
}

void check(int result, const std::string& what) {
  if (result != 0) refuse(errno_of(result), what);
}

DeviceList::DeviceList(const Table& table) : table_(table), list_(table.get_device_list(&count_)) {
  if (list_ == nullptr) refuse(errno, "ibv_get_device_list");
}

DeviceList::~DeviceList() {
  table_.free_device_list(list_);
}

}  // namespace tutti::verbs
