// Secrets and what is proved with them: HMAC-SHA256, random bytes, comparison in constant time. The only
// place of the library that calls OpenSSL.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "transport/transport.hpp"  // Digest, Signer

namespace tutti {

using Secret = std::array<std::byte, 32>;

/// HMAC-SHA256. Throws internal_error when the library refuses.
[[nodiscard]] Digest hmac(const Secret& secret, std::span<const std::byte> bytes);
[[nodiscard]] Digest hmac(const Secret& secret, std::string_view bytes);
/// A secret of its own for each purpose, derived so that none tells anything of another.
[[nodiscard]] Secret derive(const Secret& secret, std::string_view purpose);
/// The secret that a text (of any length) stands for.
[[nodiscard]] Secret secret_from(std::string_view text);
/// Compares without telling by its duration where the first difference is.
[[nodiscard]] bool same(const Digest& left, const Digest& right) noexcept;
/// Unpredictable bytes. Throws system_error when the system has none.
[[nodiscard]] Secret random_secret();

/// Signs with a copy of the secret.
[[nodiscard]] Signer make_signer(const Secret& secret);

}  // namespace tutti
