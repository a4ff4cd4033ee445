#include "transport/verbs/queue_pair.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include <arpa/inet.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "transport/verbs/failover.hpp"

namespace tutti::verbs {
namespace {

std::uint32_t random_packet_number() {
  std::random_device random;
  return random() & 0xff'ffff;
}

ibv_gid to_ibv(const Gid& gid) noexcept {
  ibv_gid raw;
  std::memcpy(raw.raw, gid.data(), gid.size());
  return raw;
}

bool same_subnet(const Gid& left, const Gid& right) noexcept {
  return std::equal(left.begin(), left.begin() + 8, right.begin());
}

ibv_ah_attr way_to(const PeerPort& peer, const Rail& rail, const Settings& settings) {
  constexpr std::uint8_t kHops = 64;
  ibv_ah_attr way{};
  way.dlid = peer.lid;
  way.sl = static_cast<std::uint8_t>(settings.verbs_service_level);
  way.port_num = rail.port;
  if (rail.ethernet || !same_subnet(peer.gid, rail.gid.gid)) {
    way.is_global = 1;
    way.grh.dgid = to_ibv(peer.gid);
    way.grh.sgid_index = static_cast<std::uint8_t>(rail.gid.index);
    way.grh.hop_limit = kHops;
    way.grh.traffic_class = static_cast<std::uint8_t>(settings.verbs_traffic_class);
  }
  return way;
}

}  // namespace

QueuePair::QueuePair(const Rail& rail, Depth depth, const Ticket& before)
    : rail_(rail),
      depth_(depth),
      ticket_(before),
      posted_(before.posted),
      reaped_(before.posted),
      signalled_(before.posted),
      probe_(before.posted),
      log_(depth.sends) {}

QueuePair::QueuePair(const Rail& rail, Depth depth, const Ticket& before, const Settings& settings)
    : QueuePair(rail, depth, before) {
  completions_ = rail.device->completions().reserve(depth.completions());
  try {
    create(settings);
  } catch (...) {
    pair_.reset();  // else the destructor gave the room back once more
    rail_.device->completions().give_back(completions_, depth_.completions());
    throw;
  }
}

QueuePair::~QueuePair() {
  destroy();
}

void QueuePair::destroy() noexcept {
  if (!pair_) return;
  pair_.reset();
  rail_.device->completions().give_back(completions_, depth_.completions());
}

void QueuePair::create(const Settings& settings) {
  const Table& table = rail_.device->table();
  ibv_qp_init_attr wanted{};
  wanted.send_cq = wanted.recv_cq = completions_;
  wanted.qp_type = IBV_QPT_RC;
  wanted.cap.max_send_wr = depth_.sends;
  wanted.cap.max_recv_wr = depth_.receives;
  wanted.cap.max_send_sge = 1;
  wanted.cap.max_recv_sge = 1;
  wanted.cap.max_inline_data = static_cast<std::uint32_t>(settings.verbs_inline_bytes);
  ibv_qp_init_attr got = wanted;
  ibv_qp* made = table.create_qp(rail_.device->domain(), &got);
  // Devices differ in what they take inline, and only say so by refusing.
  while (made == nullptr && errno == EINVAL && wanted.cap.max_inline_data > 0) {
    wanted.cap.max_inline_data /= 2;
    got = wanted;
    made = table.create_qp(rail_.device->domain(), &got);
  }
  pair_ = owned(table, made, "ibv_create_qp on " + rail_.name());
  inline_bytes_ = std::min(got.cap.max_inline_data, wanted.cap.max_inline_data);
  address_ = {pair_->qp_num, random_packet_number()};

  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_INIT;
  attributes.pkey_index = static_cast<std::uint16_t>(settings.verbs_pkey_index);
  attributes.port_num = rail_.port;
  attributes.qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;  // if the memory allows it
  check(table.modify_qp(pair_.get(), &attributes,
                        IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS),
        "ibv_modify_qp to INIT on " + rail_.name());
  if (const int error = receive(depth_.receives); error != 0)
    refuse(error, "ibv_post_recv on " + rail_.name());
}

void QueuePair::connect(const PairAddress& peer, const PeerPort& port, const std::string& peer_name,
                        const Settings& settings) {
  const Table& table = rail_.device->table();
  peer_ = peer;
  peer_gid_ = port.gid;
  mtu_ = std::min(rail_.mtu, port.mtu);
  const auto what = [&](const char* state) {
    return fmt::format("ibv_modify_qp to {} on {} (GID {}) towards {} (GID {})", state, rail_.name(),
                       to_text(rail_.gid.gid), peer_name, to_text(port.gid));
  };

  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_RTR;
  attributes.path_mtu = mtu_;
  attributes.dest_qp_num = peer.number;
  attributes.rq_psn = peer.packet_number;
  attributes.max_dest_rd_atomic = 1;
  attributes.min_rnr_timer = static_cast<std::uint8_t>(settings.verbs_rnr_timer);
  attributes.ah_attr = way_to(port, rail_, settings);
  check(table.modify_qp(pair_.get(), &attributes,
                        IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
                            IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER),
        what("RTR"));

  attributes = {};
  attributes.qp_state = IBV_QPS_RTS;
  attributes.timeout = static_cast<std::uint8_t>(settings.verbs_timeout);
  attributes.retry_cnt = static_cast<std::uint8_t>(settings.verbs_retries);
  attributes.rnr_retry = static_cast<std::uint8_t>(settings.verbs_rnr_retries);
  attributes.sq_psn = address_.packet_number;
  attributes.max_rd_atomic = 1;
  check(table.modify_qp(pair_.get(), &attributes,
                        IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
                            IBV_QP_MAX_QP_RD_ATOMIC),
        what("RTS"));
}

// One request in a quarter of the queue asks for a completion: it stands for all before it.
void QueuePair::add(const Written& written) noexcept {
  TUTTI_ASSERT(collected_ < kCollected, collected_);
  TUTTI_ASSERT(posted_ - reaped_ < depth_.sends, posted_, reaped_);
  ++posted_;
  log_[posted_ % log_.size()] = written;
  ticket_.posted = posted_;
  ticket_.receive = false;
  const Local& from = written.from;
  const auto key = [&](const Keys* keys) { return keys == nullptr ? 0 : (*keys)[ticket_.pair]; };
  ibv_sge& piece = pieces_[collected_];
  piece = {reinterpret_cast<std::uintptr_t>(from.data), from.bytes, key(from.keys)};
  ibv_send_wr& request = requests_[collected_];
  request = {};
  request.wr_id = ticket_.pack();
  request.sg_list = &piece;
  request.num_sge = from.bytes == 0 ? 0 : 1;
  request.opcode = IBV_WR_RDMA_WRITE;
  request.wr.rdma.remote_addr = written.to.address;
  request.wr.rdma.rkey = key(written.to.keys);
  if (from.bytes > 0 && from.bytes <= inline_bytes_) request.send_flags |= IBV_SEND_INLINE;
  if (written.tells) {
    request.opcode = IBV_WR_RDMA_WRITE_WITH_IMM;
    request.imm_data = htonl(written.immediate);
    request.send_flags |= IBV_SEND_SOLICITED;
    ++told_;
  }
  ++collected_;
  if (posted_ - signalled_ >= depth_.sends / 4) signal();
}

void QueuePair::write(const Local& from, const Remote& to) noexcept {
  add({from, to, 0, false});
}

void QueuePair::write_and_tell(const Local& from, const Remote& to, std::uint32_t immediate) noexcept {
  add({from, to, immediate, true});
}

void QueuePair::read(const Local& into, const Remote& from) noexcept {
  add({into, from, 0, false});
  ibv_send_wr& request = requests_[collected_ - 1];
  request.opcode = IBV_WR_RDMA_READ;
  request.send_flags = 0;
  signal();
}

void QueuePair::repeat(const Written& request) noexcept {
  add(request);
}

// It does not count as signalled: who waits for what is posted does not wait for it.
int QueuePair::probe(const Remote& to, std::uint32_t immediate) noexcept {
  TUTTI_ASSERT(posted_ == probe_, posted_, probe_);
  const std::uint32_t before = signalled_;
  add({{}, to, immediate, true});
  signal();
  signalled_ = before;
  probe_ = posted_;
  return post();
}

void QueuePair::signal() noexcept {
  requests_[collected_ - 1].send_flags |= IBV_SEND_SIGNALED;
  signalled_ = posted_;
}

int QueuePair::post() noexcept {
  if (collected_ == 0) return 0;
  for (unsigned i = 0; i + 1 < collected_; ++i) requests_[i].next = &requests_[i + 1];
  collected_ = 0;
  if (stopped_) return 0;
  ibv_send_wr* bad = nullptr;
  return errno_of(rail_.device->table().post_send(pair_.get(), requests_, &bad));
}

// A device that refuses is in no state to serve either, and destroy() is still to come.
void QueuePair::stop() noexcept {
  stopped_ = true;
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_ERR;
  const int result = rail_.device->table().modify_qp(pair_.get(), &attributes, IBV_QP_STATE);
  if (result != 0) log_refusal("ibv_modify_qp to ERR", result);
}

std::optional<std::uint32_t> QueuePair::first_lost(std::uint32_t heard, bool failed) const noexcept {
  std::uint32_t missing = (told_ - heard) & kHeardMask;
  std::uint32_t first = posted_ + 1;
  for (; first != reaped_ + 1; --first) {
    const bool tells = written(first - 1).tells;
    if (tells && missing == 0) break;  // that one was heard, and with it all before
    if (tells) --missing;
  }
  if (failed && reaped_silent_ && first == reaped_ + 1) return std::nullopt;
  if (first == probe_) ++first;
  return missing == 0 ? std::optional(first) : std::nullopt;
}

int QueuePair::receive(unsigned count) noexcept {
  constexpr unsigned kBatch = 16;
  std::array<ibv_recv_wr, kBatch> requests{};
  Ticket ticket = ticket_;
  ticket.receive = true;
  while (count > 0 && !stopped_) {
    const unsigned batch = std::min(count, kBatch);
    for (unsigned i = 0; i < batch; ++i) {
      requests[i].wr_id = ticket.pack();
      requests[i].next = i + 1 < batch ? &requests[i + 1] : nullptr;
    }
    ibv_recv_wr* bad = nullptr;
    const int result = rail_.device->table().post_recv(pair_.get(), requests.data(), &bad);
    if (result != 0) return errno_of(result);
    count -= batch;
    ready_ += batch;
  }
  return 0;
}

}  // namespace tutti::verbs
