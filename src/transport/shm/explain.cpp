#include "transport/shm/explain.hpp"

#include <cerrno>

#include <sys/resource.h>

#include "base/error.hpp"

namespace tutti::shm {
namespace {

std::string limit_of(int resource) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : fmt::format("{}", limit.rlim_cur);
}

std::string remedy(int error_number) {
  switch (error_number) {
    case ETOOMANYREFS:  // EMFILE says so itself
      return fmt::format("; this process may have {} open files (RLIMIT_NOFILE): raise it with ulimit -n",
                         limit_of(RLIMIT_NOFILE));
    case ENFILE: return "; the whole machine is out of open files: raise fs.file-max";
    case ENOMEM:
    case ENOSPC:
      return fmt::format(
          "; lower TUTTI_SHM_SLOT or TUTTI_SHM_SLOTS, or give the process more memory (container or cgroup "
          "limit "
          "memory.max, RLIMIT_AS, now {}); the size of /dev/shm does not matter",
          limit_of(RLIMIT_AS));
    case EFBIG:
      return fmt::format(
          "; files may be {} bytes long (RLIMIT_FSIZE): raise it with ulimit -f, or lower TUTTI_SHM_SLOT",
          limit_of(RLIMIT_FSIZE));
    default: return "";
  }
}

}  // namespace

void fail_explained(int error_number, const std::string& what) {
  fail(Code::system_error, "{}: {}{}", what, errno_text(error_number), remedy(error_number));
}

}  // namespace tutti::shm
