#include "transport/verbs/greeting.hpp"

#include <cstring>

#include "transport/tcp/hello.hpp"
#include "transport/tcp/socket.hpp"

namespace tutti::verbs {
EndBytes encode(const EndDescription& end, const Signer& sign) {
  EndBytes bytes;
  std::memcpy(bytes.data(), &end, sizeof end);
  const Digest proof = sign(std::span(bytes).first<sizeof end>());
  std::memcpy(bytes.data() + sizeof end, proof.data(), proof.size());
  return bytes;
}

std::optional<EndDescription> parse(const EndBytes& bytes, const World& world) {
  const std::span all(bytes);
  const Digest proof = world.sign(all.first<sizeof(EndDescription)>());
  if (!tcp::same_proof(proof, all.last<sizeof(Digest)>())) return std::nullopt;
  EndDescription end;
  std::memcpy(&end, bytes.data(), sizeof end);
  const bool sane = end.communicator == world.communicator && end.pairs >= 1 && end.pairs <= kMostPairs;
  return sane ? std::optional(end) : std::nullopt;
}

EndReader::Verdict EndReader::read(int socket) noexcept {
  const tcp::Moved moved = tcp::read_some(socket, bytes_.data() + got_, bytes_.size() - got_);
  got_ += moved.bytes;
  if (got_ == bytes_.size()) return Verdict::complete;
  return moved.broken() ? Verdict::closed : Verdict::wait;
}

}  // namespace tutti::verbs
