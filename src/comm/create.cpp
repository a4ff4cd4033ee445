// How a communicator comes to be: transports are made, ranks meet, and what they must agree on is agreed.
#include <algorithm>

#include "base/cache.hpp"
#include "base/log.hpp"
#include "bootstrap/secret.hpp"
#include "bootstrap/wire.hpp"
#include "comm/communicator.hpp"
#include "comm/transports.hpp"

namespace tutti {
namespace {

void check_rank(int size, int rank) {
  if (size < 1) fail(Code::invalid_argument, "nranks: {} given, 1 or more allowed", size);
  if (rank < 0 || rank >= size)
    fail(Code::invalid_argument, "rank: {} given, 0 to {} allowed", rank, size - 1);
}

std::vector<RankInfo> parse(const std::vector<std::string>& texts) {
  std::vector<RankInfo> infos;
  for (const std::string& text : texts) infos.push_back(rank_info_from_text(text));
  return infos;
}

/// nullptr where this host has no RDMA: the others serve. A setting that is wrong is no such case.
std::unique_ptr<Transport> verbs_if_there_is_any(const World& world) {
  try {
    return make_transport("verbs", world);
  } catch (const Error& error) {
    if (error.code() == Code::invalid_argument) throw;
    TUTTI_LOG(info, "verbs is not used: {}", error.what());
    return nullptr;
  }
}

/// Those of the machine, and of its RDMA devices if there are any.
Costs costs_here(const Settings& settings, const std::vector<std::unique_ptr<Transport>>& transports) {
  Costs costs = machine_costs(settings);
  for (const auto& transport : transports) {
    if (transport->name() != "verbs") continue;
    const Transport::LinkSpeed link = transport->link_speed();
    costs.rdma = rdma_cost(costs, link.bytes_per_ns, link.software);
    TUTTI_LOG(debug, "RDMA is priced at {:.0f} ns a message, {:.0f} ns until it is there, {:.3g} ns a byte",
              costs.rdma.overhead_ns, costs.rdma.latency_ns, costs.rdma.ns_per_byte);
  }
  return costs;
}

/// What a split's rank gives.
struct Vote {
  int color, key;
  std::string info;
};

std::string to_text(const Vote& vote) {
  return Packer().number(vote.color).number(vote.key).text(vote.info).take();
}

Vote vote_from_text(const std::string& text) {
  Unpacker unpacker(text);
  Vote vote{};
  vote.color = unpacker.number<int>();
  vote.key = unpacker.number<int>();
  vote.info = unpacker.text();
  return vote;
}

}  // namespace

Communicator::Communicator(Settings settings) {
  world_.settings = std::move(settings);
  world_.failure = &failure_;
  world_.describe_tag = describe_signature;
  const std::string& wanted = world_.settings.transport;
  if (wanted == "loop")
    fail(Code::invalid_argument,
         "TUTTI_TRANSPORT: \"loop\" serves simulations; shm, tcp and verbs join processes");
  const bool all = wanted.empty();
  if (all || wanted == "shm") transports_.push_back(make_transport("shm", world_));
  if (wanted == "verbs") transports_.push_back(make_transport("verbs", world_));
  if (all) {
    if (auto verbs = verbs_if_there_is_any(world_)) transports_.push_back(std::move(verbs));
  }
  if (all || wanted == "tcp") transports_.push_back(make_transport("tcp", world_));
}

RankInfo Communicator::describe() const {
  RankInfo info = describe_this_process(world_.settings);
  for (const auto& transport : transports_)
    info.addresses[std::string(transport->name())] = transport->address();
  return info;
}

std::unique_ptr<Communicator> Communicator::create(const UniqueId& id, int size, int rank,
                                                   Settings settings) {
  check_rank(size, rank);
  set_log_rank(rank);
  std::unique_ptr<Communicator> made(new Communicator(std::move(settings)));
  made->world_.rank = rank;
  made->world_.size = size;
  ControlListener listener(made->world_.settings);
  RankInfo info = made->describe();
  info.control_address = listener.address();
  if (rank == 0) info.costs = tutti::to_text(costs_here(made->world_.settings, made->transports_));
  made->assemble(join(id, rank, size, tutti::to_text(info), made->world_.settings), std::move(listener));
  return made;
}

std::unique_ptr<Communicator> Communicator::split(int color, int key, Settings settings) {
  if (color < -1)
    fail(Code::invalid_argument, "color: {} given, 0 or more allowed, or TUTTI_SPLIT_NOCOLOR (-1)", color);
  if (left_) fail(Code::invalid_usage, "tuttiCommFinalize ended this communicator: it cannot be split");
  engine_->drain();
  std::unique_ptr<Communicator> made(new Communicator(std::move(settings)));
  ControlListener listener(made->world_.settings);
  RankInfo info = made->describe();
  info.control_address = listener.address();
  info.costs = tutti::to_text(situation_.ground.costs);
  const auto texts = control_->all_gather(to_text(Vote{color, key, tutti::to_text(info)}),
                                          after_ms(world_.settings.init_timeout_ms));
  const std::uint64_t count = ++splits_;
  if (color < 0) return nullptr;

  std::vector<std::pair<int, int>> members;  // key, rank
  std::vector<Vote> votes;
  for (int r = 0; r < size(); ++r) {
    votes.push_back(vote_from_text(texts[static_cast<std::size_t>(r)]));
    if (votes.back().color == color) members.emplace_back(votes.back().key, r);
  }
  std::sort(members.begin(), members.end());
  Membership membership;
  const Secret secret = derive(membership_.secret, fmt::format("split {} color {}", count, color));
  membership.secret = secret;
  const Digest digest = hmac(secret, std::string_view("communicator"));
  std::copy_n(digest.begin(), sizeof membership.communicator,
              reinterpret_cast<std::byte*>(&membership.communicator));
  membership.size = static_cast<int>(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].second == rank()) membership.rank = static_cast<int>(i);
    membership.infos.push_back(votes[static_cast<std::size_t>(members[i].second)].info);
  }
  made->world_.rank = membership.rank;
  made->world_.size = membership.size;
  made->assemble(std::move(membership), std::move(listener));
  return made;
}

void Communicator::assemble(Membership membership, ControlListener listener) {
  membership_ = std::move(membership);
  const std::vector<RankInfo> infos = parse(membership_.infos);
  agree(world_.settings, infos.front().settings);
  world_.communicator = membership_.communicator;
  world_.sign = make_signer(membership_);
  world_.host_of = hosts_of(infos);
  const double crowd =
      ranks_per_core(infos, world_.host_of, world_.host_of[static_cast<std::size_t>(rank())]);
  world_.oversubscribed = crowd > 1;
  static const LastLevelCache cache = caches().last;  // of the machine: asked for once
  // Half of it at most: the wire's buffers, and what the program itself works with, are there too.
  cache_share_ = static_cast<std::size_t>(static_cast<double>(cache.bytes) /
                                          std::max(2.0, crowd * static_cast<double>(cache.processors)));
  keep_useful_transports(infos);
  std::vector<std::string> control_addresses;
  for (const RankInfo& info : infos) control_addresses.push_back(info.control_address);
  control_ = std::make_unique<ControlPlane>(membership_, std::move(listener), control_addresses,
                                            world_.settings, failure_);
  for (const auto& transport : transports_) {
    std::vector<std::string> addresses;
    for (const RankInfo& info : infos) {
      const auto entry = info.addresses.find(std::string(transport->name()));
      addresses.push_back(entry == info.addresses.end() ? std::string() : entry->second);
    }
    transport->meet(std::move(addresses));
  }
  std::vector<Transport*> usable;
  for (const auto& transport : transports_) usable.push_back(transport.get());
  connections_ = std::make_unique<Connections>(world_, std::move(usable));
  describe_situation(infos);
  engine_ = std::make_unique<Engine>(world_, *connections_);
  const bool mixed = transports_.size() > 1 && transports_.front()->multicasts();
  TUTTI_LOG(info, "{}rank {} of {}: {} host{}, {}{}", label(), rank(), size(),
            *std::max_element(world_.host_of.begin(), world_.host_of.end()) + 1,
            world_.host_of.back() == 0 ? "" : "s", transports_.front()->name(),
            mixed ? fmt::format(" within hosts, {} between", transports_[1]->name()) : "");
}

/// Where all ranks share memory nothing else is needed, where no two do shared memory is not, and RDMA is
/// used where every rank has it. All ranks decide alike.
void Communicator::keep_useful_transports(const std::vector<RankInfo>& infos) {
  const int hosts = *std::max_element(world_.host_of.begin(), world_.host_of.end()) + 1;
  const auto drop = [&](std::string_view name) {
    std::erase_if(transports_, [&](const auto& transport) { return transport->name() == name; });
  };
  if (world_.settings.transport.empty()) {
    const auto lacks_verbs = [](const RankInfo& info) { return !info.addresses.contains("verbs"); };
    if (hosts == 1 || std::any_of(infos.begin(), infos.end(), lacks_verbs)) drop("verbs");
    if (hosts == 1) drop("tcp");
    if (hosts == size() && hosts > 1) drop("shm");
  }
  if (world_.settings.transport == "shm" && hosts > 1) {
    std::string first = fmt::format("rank 0 (pid {})", infos.front().pid);
    fail(Code::invalid_usage,
         "TUTTI_TRANSPORT=shm, but the ranks are on {} hosts (or network namespaces), so {} cannot share "
         "memory with all: "
         "unset TUTTI_TRANSPORT or allow tcp",
         hosts, first);
  }
}

void Communicator::describe_situation(const std::vector<RankInfo>& infos) {
  situation_.size = size();
  Ground& ground = situation_.ground;
  ground.host_of = world_.host_of;
  ground.shared_memory = transports_.front()->multicasts();
  if (!ground.shared_memory) {  // every rank for itself: no use in grouping by host
    for (int r = 0; r < size(); ++r) ground.host_of[static_cast<std::size_t>(r)] = r;
  }
  ground.rdma = std::any_of(transports_.begin(), transports_.end(),
                            [](const auto& transport) { return transport->name() == "verbs"; });
  ground.costs = costs_from_text(infos.front().costs);
  const int hosts = *std::max_element(world_.host_of.begin(), world_.host_of.end()) + 1;
  for (int host = 0; host < hosts; ++host) {
    ground.ranks_per_core = std::max(ground.ranks_per_core, ranks_per_core(infos, world_.host_of, host));
  }
  situation_.largest_chunk = transports_.front()->slot_bytes();
  for (const auto& transport : transports_)
    situation_.largest_chunk = std::min(situation_.largest_chunk, transport->slot_bytes());
  situation_.reproducible = world_.settings.reproducible;
  situation_.algorithm = world_.settings.algorithm;
  situation_.lanes = world_.settings.lanes;
  situation_.chunk_bytes = world_.settings.chunk_bytes;
}

Communicator::~Communicator() {
  engine_.reset();
  one_sided_.reset();
  if (control_ && !left_) control_->leave();
}

}  // namespace tutti
