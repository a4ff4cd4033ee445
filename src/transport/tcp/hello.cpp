#include "transport/tcp/hello.hpp"

#include <algorithm>
#include <cstring>

#include "transport/tcp/message.hpp"

namespace tutti::tcp {

bool same_proof(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
  std::byte difference{};
  for (std::size_t i = 0; i < left.size(); ++i) difference |= left[i] ^ right[i];
  return difference == std::byte{};
}

HelloBytes encode(const Hello& hello, const Signer& sign) {
  HelloBytes bytes;
  std::memcpy(bytes.data(), &hello, sizeof hello);
  const Digest proof = sign(std::span(bytes).first<sizeof(Hello)>());
  std::copy(proof.begin(), proof.end(), bytes.begin() + sizeof(Hello));
  return bytes;
}

std::optional<Hello> parse(const HelloBytes& bytes, const World& world) {
  const std::span all(bytes);
  const Digest proof = world.sign(all.first<sizeof(Hello)>());
  if (!same_proof(proof, all.last<sizeof(Digest)>())) return std::nullopt;

  Hello hello;
  std::memcpy(&hello, bytes.data(), sizeof hello);
  const bool ours =
      hello.magic == Hello::kMagic && hello.communicator == world.communicator && hello.reader == world.rank;
  const bool sane = hello.writer >= 0 && hello.writer < world.size && hello.sockets >= 1 &&
                    hello.sockets <= kMostSockets && hello.socket < hello.sockets;
  return ours && sane ? std::optional(hello) : std::nullopt;
}

}  // namespace tutti::tcp
