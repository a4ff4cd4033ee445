#include "transport/verbs_fabric.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace tutti::verbs_double {

namespace {
// Polls of anybody since the rail died: the sender gives up, what travels arrives, a slow device tells.
constexpr int kPatience = 40;
constexpr int kArrivesAfter = 50;
constexpr int kTellsAfter = 80;
}  // namespace

void ring(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

void Fabric::stop() {
  {
    const std::lock_guard guard(lock);
    over_ = true;
  }
  work_.notify_all();
  if (worker_.joinable()) worker_.join();
  over_ = false;
}

void Fabric::complete(ibv_cq* to, const ibv_wc& completion) {
  SoftQueue& queue = *queues.at(to);
  queue.completions.push_back(completion);
  if (!queue.armed) return;
  queue.armed = false;
  SoftChannel& channel = *channels.at(queue.channel);
  channel.events.push_back(to);
  ring(channel.fd);
}

void Fabric::post(SoftPair& pair, Request request) {
  pair.requests.push_back(std::move(request));
  if (options.delayed)
    work_.notify_one();
  else
    run(pair);
}

void Fabric::tell(SoftPair& pair, const ibv_wc& completion) {
  if (rail_dead && death.manner == Manner::slow && is_on_rail(*pair.context) && polls < kTellsAfter)
    held.emplace_back(pair.recv_cq, completion);
  else
    complete(pair.recv_cq, completion);
}

void Fabric::flush(SoftPair& pair, std::uint64_t receive) {
  if (pair.mute) return;
  ibv_wc completion{};
  completion.wr_id = receive;
  completion.status = IBV_WC_WR_FLUSH_ERR;
  completion.qp_num = pair.qp_num;
  tell(pair, completion);
}

void Fabric::fail(SoftPair& pair) {
  pair.state = IBV_QPS_ERR;
  run(pair);
  for (; !pair.receives.empty(); pair.receives.pop_front()) flush(pair, pair.receives.front());
}

bool Fabric::is_on_rail(const ibv_context& context) const {
  return devices[static_cast<std::size_t>(death.device)].get() == context.device;
}

bool Fabric::dies(SoftPair& pair) {
  constexpr int kStragglers = 4;
  if (rail_dead || death.request < 0) return rail_dead;
  if (rail_requests++ != death.request) return false;
  rail_dead = true;
  stragglers = kStragglers;
  polls = 0;
  victims.clear();
  for (const auto& [number, other] : pairs)
    if (is_on_rail(*other->context)) victims.push_back(number);
  if (death.manner == Manner::down) raise(*pair.context, IBV_EVENT_PORT_ERR, 1);
  if (death.manner == Manner::failed || death.manner == Manner::mute) fail_device(pair);
  if (const auto peer = pairs.find(pair.peer); death.manner == Manner::lying && peer != pairs.end())
    fail_device(*peer->second);
  return true;
}

/// `pair` is the one whose requests are just being carried out.
void Fabric::fail_device(SoftPair& pair) {
  raise(*pair.context, IBV_EVENT_DEVICE_FATAL, 0);
  for (auto& [number, other] : pairs) {
    if (other->context != pair.context) continue;
    other->mute = death.manner != Manner::failed;
    other->state = IBV_QPS_ERR;
    if (other.get() != &pair) run(*other);
    for (; !other->receives.empty(); other->receives.pop_front()) flush(*other, other->receives.front());
  }
}

void Fabric::wait_on() {
  if (!rail_dead) return;
  ++polls;
  if (polls == kTellsAfter)
    for (const auto& [queue, completion] : std::exchange(held, {})) complete(queue, completion);
  if (polls == kArrivesAfter)
    while (!network.empty()) let_arrive(network.front().to);
  for (auto& [number, pair] : pairs) {
    if (!is_on_rail(*pair->context) || pair->requests.empty() || pair->state != IBV_QPS_RTS) continue;
    if (++pair->waits < kPatience) continue;
    const Request first = std::move(pair->requests.front());
    pair->requests.pop_front();
    finish(*pair, first, IBV_WC_RETRY_EXC_ERR);
    run(*pair);
  }
}

void Fabric::let_arrive(std::uint32_t target) {
  for (Packet& packet : network)
    if (packet.to == target) (void)deliver(target, packet.request);
  std::erase_if(network, [&](const Packet& packet) { return packet.to == target; });
}

void Fabric::straggle(SoftPair& from) {
  for (Request& request : from.requests) {
    if (request.arrived) continue;
    if (stragglers == 0) return;
    if (death.manner == Manner::late) {
      network.push_back({from.peer, request});
      auto& data = network.back().request.inlined;
      const auto* const bytes = reinterpret_cast<const std::byte*>(request.piece.addr);
      if (request.wr.num_sge == 1 && data.empty()) data.assign(bytes, bytes + request.piece.length);
    } else if (!deliver(from.peer, request)) {
      return;
    }
    request.arrived = true;
    --stragglers;
  }
}

void Fabric::mend() {
  rail_dead = false;
  death.request = -1;
  for (const auto& [queue, completion] : std::exchange(held, {})) complete(queue, completion);
  while (!network.empty()) let_arrive(network.front().to);
  if (death.manner == Manner::down)
    for (const auto& [key, context] : contexts)
      if (is_on_rail(*context)) raise(*context, IBV_EVENT_PORT_ACTIVE, 1);
  for (const auto& [number, pair] : pairs) {
    pair->waits = 0;
    if (!options.delayed) run(*pair);
  }
  work_.notify_one();
}

bool Fabric::is_used() const {
  std::size_t connected = 0;
  for (const auto& [number, pair] : pairs) {
    if (!is_on_rail(*pair->context)) continue;
    const auto peer = pairs.find(pair->peer);
    if (pair->state == IBV_QPS_RTS && pair->requests.empty() && peer != pairs.end() &&
        peer->second->peer == number && peer->second->state == IBV_QPS_RTS)
      ++connected;
  }
  return connected >= victims.size();
}

void Fabric::raise(ibv_context& context, ibv_event_type type, int port) {
  ibv_async_event event{};
  event.event_type = type;
  event.element.port_num = port;
  SoftContext& soft = *contexts.at(&context);
  soft.events.push_back(event);
  ring(soft.told.get());
}

void Fabric::run(SoftPair& pair) {
  while (!pair.requests.empty() && execute(pair, pair.requests.front())) pair.requests.pop_front();
}

void Fabric::run_towards(const SoftPair& target) {
  for (auto& [number, pair] : pairs)
    if (pair->peer == target.qp_num) run(*pair);
}

void Fabric::work() {
  std::unique_lock guard(lock);
  while (!over_) {
    bool moved = false;
    for (auto& [number, pair] : pairs) {
      if (pair->requests.empty() || !execute(*pair, pair->requests.front())) continue;
      pair->requests.pop_front();
      moved = true;
      break;  // another thread's turn
    }
    if (moved) {
      guard.unlock();
      std::this_thread::yield();
      guard.lock();
    } else {
      work_.wait(guard);
    }
  }
}

bool Fabric::readable(const ibv_sge& piece) {
  const auto known = keys.find(piece.lkey);
  return known != keys.end() && inside(*known->second.first, piece.addr, piece.length);
}

bool Fabric::inside(const ibv_mr& region, std::uint64_t address, std::size_t bytes) {
  const auto begin = reinterpret_cast<std::uintptr_t>(region.addr);
  return address >= begin && address + bytes <= begin + region.length;
}

ibv_wc_status Fabric::status_of(SoftPair& pair, const Request& request, std::size_t bytes) {
  if (pair.state != IBV_QPS_RTS) return IBV_WC_WR_FLUSH_ERR;
  if (judge) {
    const ibv_wc_status verdict = judge(pair.qp_num, request.wr);
    if (verdict != IBV_WC_SUCCESS) return verdict;
  }
  if (bytes > 0 && request.inlined.empty() && !readable(request.piece)) return IBV_WC_LOC_PROT_ERR;
  if (bytes == 0) return IBV_WC_SUCCESS;
  const auto known = keys.find(request.wr.wr.rdma.rkey);
  const int access = request.wr.opcode == IBV_WR_RDMA_READ ? IBV_ACCESS_REMOTE_READ : IBV_ACCESS_REMOTE_WRITE;
  const bool allowed = known != keys.end() && (known->second.second & access) != 0 &&
                       inside(*known->second.first, request.wr.wr.rdma.remote_addr, bytes);
  return allowed ? IBV_WC_SUCCESS : IBV_WC_REM_ACCESS_ERR;
}

bool Fabric::execute(SoftPair& pair, Request& request) {
  if (pair.state != IBV_QPS_RTS) return finish(pair, request, IBV_WC_WR_FLUSH_ERR), true;
  if (is_on_rail(*pair.context) && dies(pair)) {
    if (death.manner == Manner::unheard || death.manner == Manner::late) straggle(pair);
    if (death.manner == Manner::slow && stragglers > 0 && deliver(pair.peer, request))
      return --stragglers, finish(pair, request, IBV_WC_SUCCESS), true;
    if (death.manner == Manner::lying && stragglers > 0)
      return --stragglers, finish(pair, request, IBV_WC_SUCCESS), true;
    if (pair.state == IBV_QPS_RTS) return false;
    return finish(pair, request, IBV_WC_WR_FLUSH_ERR), true;
  }
  const std::size_t bytes = request.wr.num_sge == 0 ? 0 : request.piece.length;
  const auto found = pairs.find(pair.peer);
  SoftPair* const peer = found == pairs.end() ? nullptr : found->second.get();
  const bool tells = request.wr.opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
  if (peer != nullptr &&
      (peer->state < IBV_QPS_RTR || (tells && peer->state <= IBV_QPS_RTS && peer->receives.empty())))
    return false;  // not ready: again later
  ibv_wc_status status = status_of(pair, request, bytes);
  const bool again = request.arrived && peer != nullptr;  // its packets are known there
  if (status == IBV_WC_SUCCESS && !again && (peer == nullptr || !deliver(pair.peer, request)))
    status = IBV_WC_RETRY_EXC_ERR;
  finish(pair, request, status);
  return true;
}

bool Fabric::deliver(std::uint32_t target, const Request& request) {
  const auto found = pairs.find(target);
  if (found == pairs.end() || found->second->state < IBV_QPS_RTR || found->second->state > IBV_QPS_RTS)
    return false;
  const bool tells = request.wr.opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
  const std::size_t bytes = request.wr.num_sge == 0 ? 0 : request.piece.length;
  if (tells && found->second->receives.empty()) return false;
  if (bytes > 0 && !keys.contains(request.wr.wr.rdma.rkey)) return false;
  const void* from =
      request.inlined.empty() ? reinterpret_cast<const void*>(request.piece.addr) : request.inlined.data();
  auto* to = reinterpret_cast<void*>(request.wr.wr.rdma.remote_addr);
  if (request.wr.opcode == IBV_WR_RDMA_READ) {
    from = to;
    to = reinterpret_cast<void*>(request.piece.addr);
  }
  if (bytes > 0) std::memcpy(to, from, bytes);
  if (tells) arrive(*found->second, request, bytes);
  return true;
}

void Fabric::finish(SoftPair& pair, const Request& request, ibv_wc_status status) {
  if (pair.mute) return;
  if (status != IBV_WC_SUCCESS || (request.wr.send_flags & IBV_SEND_SIGNALED) != 0) {
    ibv_wc completion{};
    completion.wr_id = request.wr.wr_id;
    completion.status = status;
    completion.opcode = request.wr.opcode == IBV_WR_RDMA_READ ? IBV_WC_RDMA_READ : IBV_WC_RDMA_WRITE;
    completion.vendor_err = status == IBV_WC_SUCCESS ? 0 : 0x81;
    completion.qp_num = pair.qp_num;
    complete(pair.send_cq, completion);
  }
  if (status != IBV_WC_SUCCESS && pair.state != IBV_QPS_ERR) {
    pair.state = IBV_QPS_ERR;
    for (; !pair.receives.empty(); pair.receives.pop_front()) flush(pair, pair.receives.front());
  }
}

void Fabric::arrive(SoftPair& peer, const Request& request, std::size_t bytes) {
  ibv_wc completion{};
  completion.wr_id = peer.receives.front();
  completion.opcode = IBV_WC_RECV_RDMA_WITH_IMM;
  completion.byte_len = static_cast<std::uint32_t>(bytes);
  completion.imm_data = request.wr.imm_data;
  completion.wc_flags = IBV_WC_WITH_IMM;
  completion.qp_num = peer.qp_num;
  peer.receives.pop_front();
  tell(peer, completion);
}

Fabric& fabric() {
  static Fabric the_fabric;
  return the_fabric;
}

// What tests say to it.

void reset(const Options& options) {
  Fabric& f = fabric();
  f.stop();
  {
    const std::lock_guard guard(f.lock);
    f.options = options;
    f.devices.clear();
    for (int i = 0; i < options.devices; ++i) {
      f.devices.push_back(std::make_unique<ibv_device>());
      std::memcpy(f.devices.back()->name, "soft0", 6);
      f.devices.back()->name[4] = static_cast<char>('0' + i);
    }
    f.judge = nullptr;
    f.down.clear();
    f.death = {};
    f.rail_dead = false;
  }
  f.start();
}

void judge(Judge judge) {
  const std::lock_guard guard(fabric().lock);
  fabric().judge = std::move(judge);
}

void kill_rail(const Death& death) {
  const std::lock_guard guard(fabric().lock);
  fabric().death = death;
  fabric().rail_requests = 0;
  fabric().rail_dead = false;
  fabric().network.clear();
  fabric().held.clear();
}

bool rail_is_dead() {
  const std::lock_guard guard(fabric().lock);
  return fabric().rail_dead;
}

bool rail_is_left() {
  const std::lock_guard guard(fabric().lock);
  const auto& victims = fabric().victims;
  return std::none_of(victims.begin(), victims.end(),
                      [](std::uint32_t number) { return fabric().pairs.contains(number); });
}

void mend_rail() {
  const std::lock_guard guard(fabric().lock);
  fabric().mend();
}

bool rail_is_used() {
  const std::lock_guard guard(fabric().lock);
  return fabric().is_used();
}

void raise(ibv_event_type type, int port) {
  const std::lock_guard guard(fabric().lock);
  for (const auto& device : fabric().devices)  // both ends hear of one before either hears of the next
    for (auto& [key, context] : fabric().contexts)
      if (context->device == device.get()) fabric().raise(*context, type, port);
}

std::vector<int> accesses() {
  const Fabric& f = fabric();
  std::vector<int> result;
  for (const auto& [key, region] : f.keys) result.push_back(region.second);
  return result;
}

std::size_t living() {
  const Fabric& f = fabric();
  return f.contexts.size() + f.domains.size() + f.regions.size() + f.channels.size() + f.queues.size() +
         f.pairs.size();
}

}  // namespace tutti::verbs_double
