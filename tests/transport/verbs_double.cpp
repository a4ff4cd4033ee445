#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/verbs_fabric.hpp"

namespace tutti::verbs_double {
namespace {

constexpr std::size_t kGids = 3;

bool take(int fd) {
  std::uint64_t count = 0;
  return ::read(fd, &count, sizeof count) == static_cast<ssize_t>(sizeof count);
}

ibv_gid gid_of(const ibv_device* device, int index) {
  ibv_gid gid{};
  const auto number = static_cast<std::uint8_t>(device->name[4] - '0' + 1);
  if (index == 0) {
    gid.raw[0] = 0xfe;
    gid.raw[1] = 0x80;
  } else {
    gid.raw[10] = gid.raw[11] = 0xff;
    gid.raw[12] = 10;
  }
  gid.raw[15] = number;
  return gid;
}

ibv_device** get_device_list(int* count) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto list = std::make_unique<ibv_device*[]>(f.devices.size() + 1);
  for (std::size_t i = 0; i < f.devices.size(); ++i) list[i] = f.devices[i].get();
  *count = static_cast<int>(f.devices.size());
  return list.release();
}

void free_device_list(ibv_device** list) {
  const std::unique_ptr<ibv_device*[]> owner(list);
}

const char* get_device_name(ibv_device* device) {
  return device->name;
}

ibv_context* open_device(ibv_device* device) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto context = std::make_unique<SoftContext>();
  context->device = device;
  context->told = FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC));
  context->async_fd = context->told.get();
  ibv_context* const key = context.get();
  f.contexts[key] = std::move(context);
  return key;
}

int close_device(ibv_context* context) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.contexts.erase(context);
  return 0;
}

int query_device(ibv_context*, ibv_device_attr* attributes) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  *attributes = {};
  attributes->phys_port_cnt = 1;
  attributes->max_cqe = 1 << 16;
  return 0;
}

int query_port(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  if (port != 1) return EINVAL;
  *attributes = {};
  attributes->state = f.port_is_down(*context) ? IBV_PORT_DOWN : IBV_PORT_ACTIVE;
  attributes->active_mtu = IBV_MTU_1024;
  attributes->link_layer = IBV_LINK_LAYER_ETHERNET;
  attributes->gid_tbl_len = kGids;
  attributes->active_speed = 32;  // EDR
  attributes->active_width = 2;   // 4X
  return 0;
}

int query_gid(ibv_context* context, std::uint8_t, int index, ibv_gid* gid) {
  *gid = gid_of(context->device, index);
  return 0;
}

ssize_t query_gid_table(ibv_context* context, ibv_gid_entry* entries, std::size_t most) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  std::size_t count = 0;
  for (; count < std::min(most, kGids); ++count) {
    entries[count] = {};
    entries[count].gid = gid_of(context->device, static_cast<int>(count));
    entries[count].gid_index = static_cast<std::uint32_t>(count);
    entries[count].port_num = 1;
    entries[count].gid_type = count == 2 ? IBV_GID_TYPE_ROCE_V2 : IBV_GID_TYPE_ROCE_V1;
  }
  return static_cast<ssize_t>(count);
}

int get_async_event(ibv_context* context, ibv_async_event* event) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  SoftContext& soft = *f.contexts.at(context);
  if (!take(soft.told.get())) return -1;
  auto& events = soft.events;
  *event = events.front();
  events.pop_front();
  return 0;
}

void ack_async_event(ibv_async_event*) {}

ibv_pd* alloc_pd(ibv_context* context) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto domain = std::make_unique<ibv_pd>();
  domain->context = context;
  ibv_pd* const key = domain.get();
  f.domains[key] = std::move(domain);
  return key;
}

int dealloc_pd(ibv_pd* domain) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.domains.erase(domain);
  return 0;
}

ibv_mr* add_region(Fabric& f, ibv_pd* domain, void* address, std::size_t bytes, int access) {
  auto region = std::make_unique<ibv_mr>();
  *region = {domain->context, domain, address, bytes, 0, f.next_number, f.next_number};
  ibv_mr* const key = region.get();
  f.keys[f.next_number++] = {key, access};
  f.regions[key] = std::move(region);
  return key;
}

ibv_mr* reg_mr(ibv_pd* domain, void* address, std::size_t bytes, int access) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  return add_region(f, domain, address, bytes, access);
}

ibv_mr* reg_mr_iova2(ibv_pd* domain, void* address, std::size_t bytes, std::uint64_t, unsigned access) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  if (!f.options.relaxes) return errno = EOPNOTSUPP, nullptr;
  return add_region(f, domain, address, bytes, static_cast<int>(access));
}

/// Any file that is long enough passes for a dma-buf; who reads the memory has it mapped at `iova`.
ibv_mr* reg_dmabuf_mr(ibv_pd* domain, std::uint64_t offset, std::size_t bytes, std::uint64_t iova, int fd,
                      int access) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  struct stat file {};
  if (::fstat(fd, &file) != 0) return nullptr;
  if (offset + bytes > static_cast<std::uint64_t>(file.st_size)) return errno = EINVAL, nullptr;
  return add_region(f, domain, reinterpret_cast<void*>(iova), bytes, access);
}

int dereg_mr(ibv_mr* region) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.keys.erase(region->rkey);
  f.regions.erase(region);
  return 0;
}

ibv_comp_channel* create_comp_channel(ibv_context* context) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto channel = std::make_unique<SoftChannel>();
  channel->context = context;
  channel->fd = ::eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC);
  ibv_comp_channel* const key = channel.get();
  f.channels[key] = std::move(channel);
  return key;
}

int destroy_comp_channel(ibv_comp_channel* channel) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  ::close(channel->fd);
  f.channels.erase(channel);
  return 0;
}

ibv_cq* create_cq(ibv_context* context, int, void* user, ibv_comp_channel* channel, int) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto queue = std::make_unique<SoftQueue>();
  queue->context = context;
  queue->channel = channel;
  queue->cq_context = user;
  ibv_cq* const key = queue.get();
  f.queues[key] = std::move(queue);
  return key;
}

int destroy_cq(ibv_cq* queue) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.queues.erase(queue);
  return 0;
}

int req_notify_cq(ibv_cq* queue, int) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.queues.at(queue)->armed = true;
  return 0;
}

int get_cq_event(ibv_comp_channel* channel, ibv_cq** queue, void** user) {
  if (!take(channel->fd)) return -1;
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  auto& events = f.channels.at(channel)->events;
  *queue = events.front();
  *user = (*queue)->cq_context;
  events.pop_front();
  return 0;
}

void ack_cq_events(ibv_cq*, unsigned) {}

int poll_cq(ibv_cq* queue, int entries, ibv_wc* completions) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  SoftQueue& from = *f.queues.at(queue);
  f.wait_on();
  int count = 0;
  for (; count < entries && !from.completions.empty(); ++count) {
    completions[count] = from.completions.front();
    from.completions.pop_front();
  }
  return count;
}

ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  constexpr std::uint32_t kMostInline = 128;
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  if (attributes->cap.max_inline_data > kMostInline) {
    errno = EINVAL;
    return nullptr;
  }
  auto pair = std::make_unique<SoftPair>();
  pair->context = domain->context;
  pair->pd = domain;
  pair->send_cq = attributes->send_cq;
  pair->recv_cq = attributes->recv_cq;
  pair->qp_num = f.next_number++;
  pair->state = IBV_QPS_RESET;
  pair->limits = attributes->cap;
  ibv_qp* const made = pair.get();
  f.pairs[made->qp_num] = std::move(pair);
  return made;
}

int modify_qp(ibv_qp* pair, ibv_qp_attr* attributes, int mask) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  SoftPair& changed = *f.pairs.at(pair->qp_num);
  const bool in_order = attributes->qp_state == IBV_QPS_ERR || attributes->qp_state == changed.state + 1;
  if ((mask & IBV_QP_STATE) == 0 || !in_order) return EINVAL;
  if ((mask & IBV_QP_DEST_QPN) != 0) changed.peer = attributes->dest_qp_num;
  if (attributes->qp_state == IBV_QPS_ERR) {
    f.let_arrive(changed.qp_num);
    f.fail(changed);
  }
  changed.state = attributes->qp_state;
  f.run_towards(changed);
  return 0;
}

int destroy_qp(ibv_qp* pair) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  f.let_arrive(pair->qp_num);
  const auto node = f.pairs.extract(pair->qp_num);
  f.run_towards(*node.mapped());  // whoever waited for it fails
  return 0;
}

int post_send(ibv_qp* pair, ibv_send_wr* requests, ibv_send_wr** bad) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  *bad = requests;
  SoftPair& from = *f.pairs.at(pair->qp_num);
  for (ibv_send_wr* wr = requests; wr != nullptr; wr = wr->next) {
    *bad = wr;
    if (from.state < IBV_QPS_RTS || wr->num_sge > 1) return EINVAL;
    if (from.requests.size() >= from.limits.max_send_wr) return ENOMEM;
    Request request;
    request.wr = *wr;
    if (wr->num_sge == 1) request.piece = *wr->sg_list;
    if ((wr->send_flags & IBV_SEND_INLINE) != 0) {
      if (request.piece.length > from.limits.max_inline_data) return EINVAL;
      const auto* const data = reinterpret_cast<const std::byte*>(request.piece.addr);
      request.inlined.assign(data, data + request.piece.length);
    }
    f.post(from, std::move(request));
  }
  return 0;
}

int post_recv(ibv_qp* pair, ibv_recv_wr* requests, ibv_recv_wr** bad) {
  Fabric& f = fabric();
  const std::lock_guard guard(f.lock);
  *bad = requests;
  SoftPair& to = *f.pairs.at(pair->qp_num);
  for (ibv_recv_wr* wr = requests; wr != nullptr; wr = wr->next) {
    *bad = wr;
    if (to.state == IBV_QPS_RESET) return EINVAL;
    if (to.receives.size() >= to.limits.max_recv_wr) return ENOMEM;
    if (to.state == IBV_QPS_ERR)
      f.flush(to, wr->wr_id);
    else
      to.receives.push_back(wr->wr_id);
  }
  f.run_towards(to);
  return 0;
}

}  // namespace

const verbs::Table& table() {
  static const verbs::Table the_table = {get_device_list,
                                         free_device_list,
                                         get_device_name,
                                         open_device,
                                         close_device,
                                         query_device,
                                         query_port,
                                         query_gid,
                                         query_gid_table,
                                         get_async_event,
                                         ack_async_event,
                                         alloc_pd,
                                         dealloc_pd,
                                         reg_mr,
                                         reg_mr_iova2,
                                         reg_dmabuf_mr,
                                         dereg_mr,
                                         create_comp_channel,
                                         destroy_comp_channel,
                                         create_cq,
                                         destroy_cq,
                                         req_notify_cq,
                                         get_cq_event,
                                         ack_cq_events,
                                         poll_cq,
                                         create_qp,
                                         modify_qp,
                                         destroy_qp,
                                         post_send,
                                         post_recv};
  return the_table;
}

}  // namespace tutti::verbs_double
