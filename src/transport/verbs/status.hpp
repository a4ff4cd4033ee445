// What devices report, in words.
#pragma once

#include <optional>
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
/// It means that the way is cut or a device has failed, not that this request was wrong: another rail may do.
[[nodiscard]] bool is_of_rail(ibv_wc_status status) noexcept;

/// The port that serves no more; 0: all of the device.
[[nodiscard]] std::optional<int> port_lost(const ibv_async_event& event) noexcept;
/// "mlx5_0 port 1: the port went down"
[[nodiscard]] std::string describe(const ibv_async_event& event, const std::string& device);

}  // namespace tutti::verbs
