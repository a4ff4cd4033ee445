#include "base/error.hpp"

#include <cerrno>
#include <system_error>

#include <sys/resource.h>

namespace tutti {

std::string errno_text(int error_number) {
  const std::string text = std::generic_category().message(error_number);
  if (error_number != EMFILE) return fmt::format("{} (errno {})", text, error_number);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return fmt::format("{} (errno {}; this process may have {}, RLIMIT_NOFILE: raise it with ulimit -n)", text,
                     error_number, limit.rlim_cur);
}

void fail_errno(int error_number, const std::string& what) {
  throw Error(Code::system_error, fmt::format("{}: {}", what, errno_text(error_number)));
}

}  // namespace tutti
