#include "bootstrap/secret.hpp"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/error.hpp"

namespace tutti {

Digest hmac(const Secret& secret, std::span<const std::byte> bytes) {
  Digest digest{};
  unsigned int length = 0;
  const auto* const data = reinterpret_cast<const unsigned char*>(bytes.data());
  auto* const result = reinterpret_cast<unsigned char*>(digest.data());
  if (::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), data, bytes.size(), result,
             &length) == nullptr ||
      length != digest.size())
    fail(Code::internal_error, "HMAC-SHA256 over {} bytes: OpenSSL refused", bytes.size());
  return digest;
}

Digest hmac(const Secret& secret, std::string_view bytes) {
  return hmac(secret, std::as_bytes(std::span(bytes)));
}

Secret derive(const Secret& secret, std::string_view purpose) {
  return hmac(secret, purpose);
}

Secret secret_from(std::string_view text) {
  constexpr std::string_view label = "tutti secret from text";
  Secret key{};
  std::transform(label.begin(), label.end(), key.begin(),
                 [](char letter) { return static_cast<std::byte>(letter); });
  return hmac(key, text);
}

bool same(const Digest& left, const Digest& right) noexcept {
  return ::CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Secret random_secret() {
  Secret secret{};
  if (::RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size())) != 1)
    fail(Code::system_error, "no random bytes for a secret: the system's generator refused");
  return secret;
}

Signer make_signer(const Secret& secret) {
  return [secret](std::span<const std::byte> bytes) { return hmac(secret, bytes); };
}

}  // namespace tutti
