// Sentences for the operating-system errors that a user can do something about.
#pragma once

#include <string>

namespace tutti::shm {

/// Throws system_error: "<what>: <errno's text>", with the remedy where descriptors or memory ran out.
[[noreturn]] void fail_explained(int error_number, const std::string& what);

}  // namespace tutti::shm
