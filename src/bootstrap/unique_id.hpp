// The unique id: 128 bytes that the user carries from one process to all ranks of a communicator. It says
// where the rendezvous is (the addresses and the port of a listener in the process that made it) and holds
// the secret that proves to it, and to every other rank, that a process belongs. Who can read the id can
// join: carry it like a password.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/settings.hpp"
#include "bootstrap/endpoint.hpp"
#include "bootstrap/secret.hpp"

namespace tutti {

struct UniqueId {
  std::array<std::byte, 128> bytes{};
};

/// Opens a listener and starts a thread that serves one rendezvous. The thread ends when all ranks have
/// joined, after a generous time, or with the process, which it never keeps alive. Throws system_error or
/// invalid_argument (no usable interface, no free port in the range).
[[nodiscard]] UniqueId create_unique_id(const Settings& settings);
/// `at_end` is called with the id, in that thread, when it ends; it must not throw.
[[nodiscard]] UniqueId create_unique_id(const Settings& settings,
                                        const std::function<void(const UniqueId&)>& at_end);

/// What the 128 bytes say.
struct IdContents {
  Secret secret{};
  std::uint64_t context = 0;  // sets this rendezvous apart from any other that knows the same secret
  Endpoint root;              // where the rendezvous is served
};
[[nodiscard]] UniqueId encode(const IdContents& contents);
/// Nothing when the bytes are not an id of this version.
[[nodiscard]] std::optional<IdContents> decode(const UniqueId& id) noexcept;

}  // namespace tutti
