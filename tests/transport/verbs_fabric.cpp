#include "transport/verbs_fabric.hpp"

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace tutti::verbs_double {

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

bool Fabric::fails(const char* name, int error_number) {
  if (count++ != failing) return false;
  failed = name;
  errno = error_number;
  return true;
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
  const bool allowed = known != keys.end() && (known->second.second & IBV_ACCESS_REMOTE_WRITE) != 0 &&
                       inside(*known->second.first, request.wr.wr.rdma.remote_addr, bytes);
  return allowed ? IBV_WC_SUCCESS : IBV_WC_REM_ACCESS_ERR;
}

bool Fabric::execute(SoftPair& pair, const Request& request) {
  const std::size_t bytes = request.wr.num_sge == 0 ? 0 : request.piece.length;
  const bool tells = request.wr.opcode == IBV_WR_RDMA_WRITE_WITH_IMM;
  const auto found = pairs.find(pair.peer);
  SoftPair* const peer = found == pairs.end() ? nullptr : found->second.get();
  if (pair.state == IBV_QPS_RTS && peer != nullptr) {
    if (peer->state < IBV_QPS_RTR) return false;
    if (tells && peer->receives.empty()) return false;  // not ready: again later
  }
  ibv_wc_status status = status_of(pair, request, bytes);
  if (status == IBV_WC_SUCCESS && (peer == nullptr || peer->state > IBV_QPS_RTS))
    status = IBV_WC_RETRY_EXC_ERR;
  if (status == IBV_WC_SUCCESS) {
    const void* const from =
        request.inlined.empty() ? reinterpret_cast<const void*>(request.piece.addr) : request.inlined.data();
    if (bytes > 0) std::memcpy(reinterpret_cast<void*>(request.wr.wr.rdma.remote_addr), from, bytes);
    if (tells) arrive(*peer, request, bytes);
  } else {
    pair.state = IBV_QPS_ERR;
  }
  if (status != IBV_WC_SUCCESS || (request.wr.send_flags & IBV_SEND_SIGNALED) != 0) {
    ibv_wc completion{};
    completion.wr_id = request.wr.wr_id;
    completion.status = status;
    completion.opcode = IBV_WC_RDMA_WRITE;
    completion.vendor_err = status == IBV_WC_SUCCESS ? 0 : 0x81;
    completion.qp_num = pair.qp_num;
    complete(pair.send_cq, completion);
  }
  return true;
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
  complete(peer.recv_cq, completion);
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
    f.count = 0;
    f.failing = -1;
    f.failed.clear();
    f.judge = nullptr;
  }
  f.start();
}

void fail_call(long number) {
  const std::lock_guard guard(fabric().lock);
  fabric().count = 0;
  fabric().failing = number;
  fabric().failed.clear();
}

long calls() {
  const std::lock_guard guard(fabric().lock);
  return fabric().count;
}

std::string failed_call() {
  const std::lock_guard guard(fabric().lock);
  return fabric().failed;
}

void judge(Judge judge) {
  const std::lock_guard guard(fabric().lock);
  fabric().judge = std::move(judge);
}

void raise(ibv_event_type type, int port) {
  const std::lock_guard guard(fabric().lock);
  for (auto& [key, context] : fabric().contexts) {
    ibv_async_event event{};
    event.event_type = type;
    event.element.port_num = port;
    context->events.push_back(event);
    ring(context->async_fd);
  }
}

std::size_t living() {
  const Fabric& f = fabric();
  return f.contexts.size() + f.domains.size() + f.regions.size() + f.channels.size() + f.queues.size() +
         f.pairs.size();
}

}  // namespace tutti::verbs_double
