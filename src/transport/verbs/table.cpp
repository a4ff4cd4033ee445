#include "transport/verbs/table.hpp"

#include <cerrno>
#include <cstring>

#include <dlfcn.h>

#include "base/error.hpp"

// The header redirects some names to inline functions that want the library at link time.
#undef ibv_get_device_list
#undef ibv_query_port
#undef ibv_reg_mr

namespace tutti::verbs {
namespace {

constexpr const char* kLibrary = "libibverbs.so.1";

template <typename Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  if (function == nullptr)
    fail(Code::system_error, "{} has no {}: it is too old; install rdma-core 17 or later", kLibrary, name);
}

/// What only newer ones have; nullptr: this one is older.
template <typename Function>
void find_if_there(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
}

// What the header's inline functions would do, with the library's own functions found at run time.
int (*old_query_port)(ibv_context*, std::uint8_t, _compat_ibv_port_attr*) = nullptr;
ssize_t (*sized_query_gid_table)(ibv_context*, ibv_gid_entry*, std::size_t, std::uint32_t,
                                 std::size_t) = nullptr;

int query_port(ibv_context* context, std::uint8_t port, ibv_port_attr* attributes) {
  *attributes = {};
  if (verbs_context* const extended = verbs_get_ctx_op(context, query_port))
    return extended->query_port(context, port, attributes, sizeof *attributes);
  return old_query_port(context, port, reinterpret_cast<_compat_ibv_port_attr*>(attributes));
}

ssize_t query_gid_table(ibv_context* context, ibv_gid_entry* entries, std::size_t most) {
  return sized_query_gid_table(context, entries, most, 0, sizeof *entries);
}

int req_notify_cq(ibv_cq* queue, int solicited_only) {
  return queue->context->ops.req_notify_cq(queue, solicited_only);
}

int poll_cq(ibv_cq* queue, int entries, ibv_wc* completions) {
  return queue->context->ops.poll_cq(queue, entries, completions);
}

int post_send(ibv_qp* pair, ibv_send_wr* requests, ibv_send_wr** bad) {
  return pair->context->ops.post_send(pair, requests, bad);
}

int post_recv(ibv_qp* pair, ibv_recv_wr* requests, ibv_recv_wr** bad) {
  return pair->context->ops.post_recv(pair, requests, bad);
}

Table load() {
  void* const library = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const reason = ::dlerror();
    fail(Code::system_error, "{} cannot be loaded ({}): install the package libibverbs1 (rdma-core)",
         kLibrary, reason == nullptr ? "no reason given" : reason);
  }
  Table table{};
  find(library, "ibv_get_device_list", table.get_device_list);
  find(library, "ibv_free_device_list", table.free_device_list);
  find(library, "ibv_get_device_name", table.get_device_name);
  find(library, "ibv_open_device", table.open_device);
  find(library, "ibv_close_device", table.close_device);
  find(library, "ibv_query_device", table.query_device);
  find(library, "ibv_query_port", old_query_port);
  table.query_port = query_port;
  find(library, "ibv_query_gid", table.query_gid);
  find_if_there(library, "_ibv_query_gid_table", sized_query_gid_table);
  table.query_gid_table = sized_query_gid_table == nullptr ? nullptr : query_gid_table;
  find(library, "ibv_get_async_event", table.get_async_event);
  find(library, "ibv_ack_async_event", table.ack_async_event);
  find(library, "ibv_alloc_pd", table.alloc_pd);
  find(library, "ibv_dealloc_pd", table.dealloc_pd);
  find(library, "ibv_reg_mr", table.reg_mr);
  find_if_there(library, "ibv_reg_mr_iova2", table.reg_mr_iova2);
  find_if_there(library, "ibv_reg_dmabuf_mr", table.reg_dmabuf_mr);
  find(library, "ibv_dereg_mr", table.dereg_mr);
  find(library, "ibv_create_comp_channel", table.create_comp_channel);
  find(library, "ibv_destroy_comp_channel", table.destroy_comp_channel);
  find(library, "ibv_create_cq", table.create_cq);
  find(library, "ibv_destroy_cq", table.destroy_cq);
  table.req_notify_cq = req_notify_cq;
  find(library, "ibv_get_cq_event", table.get_cq_event);
  find(library, "ibv_ack_cq_events", table.ack_cq_events);
  table.poll_cq = poll_cq;
  find(library, "ibv_create_qp", table.create_qp);
  find(library, "ibv_modify_qp", table.modify_qp);
  find(library, "ibv_destroy_qp", table.destroy_qp);
  table.post_send = post_send;
  table.post_recv = post_recv;
  return table;
}

}  // namespace

const Table& libibverbs() {
  static const Table table = load();
  return table;
}

}  // namespace tutti::verbs
