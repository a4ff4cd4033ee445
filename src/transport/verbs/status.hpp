// What devices report, in words.
#pragma once

#include <string>
#include <string_view>

#include "transport/verbs/table.hpp"

namespace tutti::verbs {

/// "transport retry counter exceeded"
[[nodiscard]] std::string_view words(ibv_wc_status status) noexcept;
/// What most likely happened and what to look at; empty where the status does not tell.
[[nodiscard]] std::string_view likely_cause(ibv_wc_status status) noexcept;
/// The peer or the way to it is the cause, not this process.
[[nodiscard]] bool is_remote(ibv_wc_status status) noexcept;

/// "mlx5_0 port 1: the port went down"
[[nodiscard]] std::string describe(const ibv_async_event& event, const std::string& device);

}  // namespace tutti::verbs
