#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace tutti {

void assertion_failed(const char* condition, const char* file, int line, const std::string& values) noexcept {
  std::fprintf(stderr, "tutti: broken invariant %s %s at %s:%d\n", condition, values.c_str(), file, line);
  std::abort();
}

}  // namespace tutti
