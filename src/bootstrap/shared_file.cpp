#include "bootstrap/shared_file.hpp"

#include <cerrno>
#include <cstdio>
#include <exception>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/handle.hpp"
#include "base/log.hpp"

namespace tutti {

namespace {

// Nothing when there is no file.
FileDescriptor open_own_file(const std::string& path, struct stat& status) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return file;
  const std::string what = "the rendezvous file " + path;
  if (!file || ::fstat(file.get(), &status) != 0) fail_errno(errno, what);
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
    fail(Code::system_error,
         "{} is not a file of this user (uid {} owns it): remove it, or set TUTTI_RENDEZVOUS_FILE", what,
         status.st_uid);
  return file;
}

}  // namespace

void write_id_file(const std::string& path, const UniqueId& id) {
  struct stat status {};
  const bool taken = static_cast<bool>(open_own_file(path, status));
  // An empty one is welcome: `mktemp` makes such.
  if (taken && status.st_size != 0 && !read_id_file(path))
    fail(Code::system_error,
         "{} exists and was not written by tutti: set TUTTI_RENDEZVOUS_FILE to another path", path);

  const std::string draft = fmt::format("{}.{}", path, ::getpid());
  ::unlink(draft.c_str());  // of a killed process that had our number
  FileDescriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) fail_errno(errno, "create the rendezvous file " + draft);
  const bool written =
      ::write(file.get(), id.bytes.data(), id.bytes.size()) == static_cast<ssize_t>(id.bytes.size());
  if (written && ::rename(draft.c_str(), path.c_str()) == 0) return;
  const int error = errno;
  ::unlink(draft.c_str());
  fail_errno(error, "write the rendezvous file " + path);
}

std::optional<UniqueId> read_id_file(const std::string& path) {
  struct stat status {};
  const FileDescriptor file = open_own_file(path, status);
  UniqueId id;
  if (!file || status.st_size != static_cast<off_t>(id.bytes.size())) return std::nullopt;
  if (::read(file.get(), id.bytes.data(), id.bytes.size()) != static_cast<ssize_t>(id.bytes.size()))
    return std::nullopt;
  if (!decode(id)) return std::nullopt;
  return id;
}

void remove_id_file(const std::string& path, const UniqueId& id) noexcept {
  try {
    const auto there = read_id_file(path);
    if (there && there->bytes == id.bytes) ::unlink(path.c_str());
  } catch (const std::exception& error) {
    TUTTI_LOG(debug, "left the rendezvous file {} where it is: {}", path, error.what());
  }
}

}  // namespace tutti
