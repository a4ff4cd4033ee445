// Transports by their names, as TUTTI_TRANSPORT and RankInfo say them.
#pragma once

#include <memory>
#include <string_view>

#include "transport/transport.hpp"

namespace tutti {

/// "shm", "tcp" or "verbs". Throws what making it throws.
[[nodiscard]] std::unique_ptr<Transport> make_transport(std::string_view name, const World& world);

}  // namespace tutti
