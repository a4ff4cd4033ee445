#include "base/error.hpp"

#include <system_error>

namespace tutti {

std::string errno_text(int error_number) {
  return fmt::format("{} (errno {})", std::generic_category().message(error_number), error_number);
}

void fail_errno(int error_number, const std::string& what) {
  throw Error(Code::system_error, fmt::format("{}: {}", what, errno_text(error_number)));
}

}  // namespace tutti
