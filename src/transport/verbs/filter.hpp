// Which ports of which devices TUTTI_VERBS_DEVICES allows. Pure.
#pragma once

#include <string_view>

namespace tutti::verbs {

/// Whether `filter` lets port `port` of `device` be used: "" everything; "mlx5,bnxt" devices whose names
/// begin so; "=mlx5_1" just that one; "mlx5_0:2" port 2 of it; "^mlx4,=rxe1:1" everything but these. Throws
/// invalid_argument naming the part that is no such thing.
[[nodiscard]] bool allows(std::string_view filter, std::string_view device, int port);

}  // namespace tutti::verbs
