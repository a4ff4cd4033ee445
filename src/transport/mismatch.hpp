// What a reader says when the next message is not the one it awaits: the two ranks called different things.
#pragma once

#include <string>

#include "transport/transport.hpp"

namespace tutti {

/// A message as its writer sent it, or as its reader awaits it.
struct Announced {
  std::size_t bytes;
  Tag tag;
};

/// `writer`: "rank 3 (10.0.0.2:4242 via eth0)"; `reader`: the rank that awaits.
[[nodiscard]] std::string mismatch_sentence(const std::string& writer, Announced sent, int reader,
                                            Announced awaited, TagDescriber describe = nullptr);
/// The message is the awaited one, but its writer sent another before it, which took another way.
[[nodiscard]] std::string overtaken_sentence(const std::string& writer, Announced sent, int reader,
                                             TagDescriber describe = nullptr);

}  // namespace tutti
