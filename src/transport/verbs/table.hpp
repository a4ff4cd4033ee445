// The functions of libibverbs that this transport calls, as one table: the only way in which it reaches a
// device. libibverbs is loaded at run time, so a host without it only lacks this transport; tests and
// user-space devices put their own functions here.
//
// Each function keeps libibverbs' own contract (handles.hpp has the checks for its conventions). The table
// outlives everything made with it; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include <infiniband/verbs.h>
#include <sys/types.h>

namespace tutti::verbs {

struct Table {
  // Devices and ports.
  ibv_device** (*get_device_list)(int* count);
  void (*free_device_list)(ibv_device** list);
  const char* (*get_device_name)(ibv_device* device);
  ibv_context* (*open_device)(ibv_device* device);
  int (*close_device)(ibv_context* context);
  int (*query_device)(ibv_context* context, ibv_device_attr* attributes);
  int (*query_port)(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes);
  int (*query_gid)(ibv_context* context, std::uint8_t port, int index, ibv_gid* gid);
  /// The entries in use of all ports, with their types, by one call; how many, or a negative errno. nullptr:
  /// an old libibverbs.
  ssize_t (*query_gid_table)(ibv_context* context, ibv_gid_entry* entries, std::size_t most);
  int (*get_async_event)(ibv_context* context, ibv_async_event* event);
  void (*ack_async_event)(ibv_async_event* event);
  // Memory.
  ibv_pd* (*alloc_pd)(ibv_context* context);
  int (*dealloc_pd)(ibv_pd* domain);
  ibv_mr* (*reg_mr)(ibv_pd* domain, void* address, std::size_t bytes, int access);
  /// With optional access flags. nullptr: an old libibverbs.
  ibv_mr* (*reg_mr_iova2)(ibv_pd* domain, void* address, std::size_t bytes, std::uint64_t iova,
                          unsigned access);
  /// nullptr: an old libibverbs.
  ibv_mr* (*reg_dmabuf_mr)(ibv_pd* domain, std::uint64_t offset, std::size_t bytes, std::uint64_t iova,
                           int fd, int access);
  int (*dereg_mr)(ibv_mr* region);
  // Completions.
  ibv_comp_channel* (*create_comp_channel)(ibv_context* context);
  int (*destroy_comp_channel)(ibv_comp_channel* channel);
  ibv_cq* (*create_cq)(ibv_context* context, int entries, void* user, ibv_comp_channel* channel, int vector);
  int (*destroy_cq)(ibv_cq* queue);
  int (*req_notify_cq)(ibv_cq* queue, int solicited_only);
  int (*get_cq_event)(ibv_comp_channel* channel, ibv_cq** queue, void** user);
  void (*ack_cq_events)(ibv_cq* queue, unsigned count);
  int (*poll_cq)(ibv_cq* queue, int entries, ibv_wc* completions);
  // Queue pairs.
  ibv_qp* (*create_qp)(ibv_pd* domain, ibv_qp_init_attr* attributes);
  int (*modify_qp)(ibv_qp* pair, ibv_qp_attr* attributes, int mask);
  int (*destroy_qp)(ibv_qp* pair);
  int (*post_send)(ibv_qp* pair, ibv_send_wr* requests, ibv_send_wr** bad);
  int (*post_recv)(ibv_qp* pair, ibv_recv_wr* requests, ibv_recv_wr** bad);
};

/// The table of the libibverbs that this host has, loaded once. Throws system_error that says what is
/// missing.
[[nodiscard]] const Table& libibverbs();

}  // namespace tutti::verbs
