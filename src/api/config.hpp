// tuttiConfig_t as Settings.
#pragma once

#include <tutti/tutti.h>

#include "base/settings.hpp"

namespace tutti::api {

/// `base` with what the config sets. NULL: `base`. Throws invalid_argument for a struct that the initializer
/// did not make, or a value that is not allowed.
[[nodiscard]] Settings configured(Settings base, const tuttiConfig_t* config);

}  // namespace tutti::api
