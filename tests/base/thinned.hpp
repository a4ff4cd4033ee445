// Sweeps of tests that have a single thread or need no race to find: whole in every other build.
#pragma once

namespace tutti {

/// With a sanitizer, which makes them ten times as long, they are thinned.
inline constexpr bool kThinned = TUTTI_SANITIZED != 0;

}  // namespace tutti
