#include "base/handle.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace tutti {

void FileDescriptor::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

}  // namespace tutti
