#include "bootstrap/gathering.hpp"

#include "bootstrap/wire.hpp"

namespace tutti {

std::optional<std::vector<std::string>> Gathering::add(std::uint64_t sequence, int rank,
                                                       std::string_view bytes) {
  std::map<int, std::string>& given = exchanges_[sequence];
  given.emplace(rank, bytes);
  if (static_cast<int>(given.size()) < size_) return std::nullopt;
  std::vector<std::string> by_rank;
  by_rank.reserve(given.size());
  for (auto& [giver, gift] : given) by_rank.push_back(std::move(gift));
  exchanges_.erase(sequence);
  return by_rank;
}

std::vector<int> Gathering::missing(std::uint64_t sequence) const {
  std::vector<int> ranks;
  const auto exchange = exchanges_.find(sequence);
  for (int rank = 0; rank < size_; ++rank)
    if (exchange == exchanges_.end() || exchange->second.count(rank) == 0) ranks.push_back(rank);
  return ranks;
}

std::string pack_exchange(std::uint64_t sequence, const std::vector<std::string>& by_rank) {
  Packer packer;
  packer.number(sequence);
  for (const std::string& bytes : by_rank) packer.text(bytes);
  return packer.take();
}

std::optional<Exchange> unpack_exchange(std::string_view payload, int size) {
  Unpacker from(payload);
  Exchange exchange;
  exchange.sequence = from.number<std::uint64_t>();
  for (int rank = 0; rank < size && from.ok(); ++rank) exchange.by_rank.emplace_back(from.text());
  if (!from.finished()) return std::nullopt;
  return exchange;
}

}  // namespace tutti
