// What every rank puts into a collective, and what it must find afterwards: written down straight from the
// definitions, with int32 and wrapping sums, so that every order of reduction gives the same.
#pragma once

#include <cstdint>
#include <vector>

#include "execute/call.hpp"

namespace tutti::testing {

using Ints = std::vector<std::int32_t>;

/// Elements of the send and the receive buffer of a rank; 0 where it has none.
struct Sizes {
  std::size_t send, receive;
};
[[nodiscard]] Sizes sizes_of(const Call& call, int rank, int size);

/// Element i of rank's input: a hash, so that no two places look alike.
[[nodiscard]] std::int32_t input_at(int rank, std::size_t index);
[[nodiscard]] Ints input_of(const Call& call, int rank, int size);
/// The receive buffer after the call; empty where the rank gets nothing.
[[nodiscard]] Ints expected(const Call& call, int rank, int size);

}  // namespace tutti::testing
