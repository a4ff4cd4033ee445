#include "transport/verbs/status.hpp"

#include <fmt/core.h>

namespace tutti::verbs {
namespace {

struct Meaning {
  ibv_wc_status status;
  bool remote;
  std::string_view words;
  std::string_view cause;
};

constexpr std::string_view kOurs = "this is a fault of tutti or of the device's driver";

constexpr Meaning kMeanings[] = {
    {IBV_WC_SUCCESS, false, "success", ""},
    {IBV_WC_LOC_LEN_ERR, false, "local length error", kOurs},
    {IBV_WC_LOC_QP_OP_ERR, false, "local queue pair operation error", kOurs},
    {IBV_WC_LOC_EEC_OP_ERR, false, "local EE context operation error", kOurs},
    {IBV_WC_LOC_PROT_ERR, false, "local protection error",
     "memory to be sent is not registered (any more): was a buffer freed or unmapped while it was in use, or "
     "before it was deregistered?"},
    {IBV_WC_WR_FLUSH_ERR, false, "flushed", "the queue pair had failed before"},
    {IBV_WC_MW_BIND_ERR, false, "memory window bind error", kOurs},
    {IBV_WC_BAD_RESP_ERR, true, "bad response", "the peer's device answered something unexpected"},
    {IBV_WC_LOC_ACCESS_ERR, false, "local access error", kOurs},
    {IBV_WC_REM_INV_REQ_ERR, true, "remote invalid request",
     "the peer's device refuses the request: do both run one version of tutti and of its driver?"},
    {IBV_WC_REM_ACCESS_ERR, true, "remote access error",
     "the peer's memory is not registered (any more): was a buffer freed or unmapped while it was in use, or "
     "before it was deregistered?"},
    {IBV_WC_REM_OP_ERR, true, "remote operation error", "the peer's device failed"},
    {IBV_WC_RETRY_EXC_ERR, true, "transport retry counter exceeded",
     "the peer's device does not answer: the link or a switch is down, the peer is dead, the two GIDs do not "
     "route to each other, or a firewall swallows UDP port 4791; ping the GIDs, compare MTU and P_Key of "
     "both "
     "ports; TUTTI_VERBS_TIMEOUT and TUTTI_VERBS_RETRIES set the patience"},
    {IBV_WC_RNR_RETRY_EXC_ERR, true, "receiver not ready retry counter exceeded",
     "the peer took no message for too long: it is stopped or overloaded; TUTTI_VERBS_RNR_RETRIES=7 waits "
     "for "
     "ever"},
    {IBV_WC_LOC_RDD_VIOL_ERR, false, "local RDD violation", kOurs},
    {IBV_WC_REM_INV_RD_REQ_ERR, true, "remote invalid RD request", ""},
    {IBV_WC_REM_ABORT_ERR, true, "remote aborted", "the peer's device gave up"},
    {IBV_WC_INV_EECN_ERR, false, "invalid EE context number", kOurs},
    {IBV_WC_INV_EEC_STATE_ERR, false, "invalid EE context state", kOurs},
    {IBV_WC_FATAL_ERR, false, "fatal device error", "the device has failed: look at dmesg"},
    {IBV_WC_RESP_TIMEOUT_ERR, true, "response timeout", "the peer's device does not answer"},
    {IBV_WC_GENERAL_ERR, false, "general error", "look at dmesg for what the driver says"},
};

const Meaning* meaning(ibv_wc_status status) noexcept {
  for (const Meaning& one : kMeanings)
    if (one.status == status) return &one;
  return nullptr;
}

std::string_view words(ibv_event_type type) noexcept {
  switch (type) {
    case IBV_EVENT_CQ_ERR: return "a completion queue ran over: no more completions come";
    case IBV_EVENT_QP_FATAL: return "a queue pair failed";
    case IBV_EVENT_QP_REQ_ERR: return "a queue pair got an invalid request";
    case IBV_EVENT_QP_ACCESS_ERR: return "a queue pair got a request for memory that it may not touch";
    case IBV_EVENT_COMM_EST: return "a queue pair got its first packet";
    case IBV_EVENT_SQ_DRAINED: return "a send queue is drained";
    case IBV_EVENT_PATH_MIG: return "a path migrated";
    case IBV_EVENT_PATH_MIG_ERR: return "a path failed to migrate";
    case IBV_EVENT_DEVICE_FATAL: return "the device failed: look at dmesg";
    case IBV_EVENT_PORT_ACTIVE: return "the port is active";
    case IBV_EVENT_PORT_ERR: return "the port went down";
    case IBV_EVENT_LID_CHANGE: return "the port's LID changed: existing connections may fail";
    case IBV_EVENT_PKEY_CHANGE: return "the port's P_Key table changed";
    case IBV_EVENT_SM_CHANGE: return "the subnet manager changed";
    case IBV_EVENT_SRQ_ERR: return "a shared receive queue failed";
    case IBV_EVENT_SRQ_LIMIT_REACHED: return "a shared receive queue runs low";
    case IBV_EVENT_QP_LAST_WQE_REACHED: return "a queue pair took its last receive";
    case IBV_EVENT_CLIENT_REREGISTER: return "the subnet manager wants clients to register again";
    case IBV_EVENT_GID_CHANGE: return "the port's GID table changed: existing connections may fail";
    default: return "an event that tutti does not know";
  }
}

bool is_of_port(ibv_event_type type) noexcept {
  switch (type) {
    case IBV_EVENT_PORT_ACTIVE:
    case IBV_EVENT_PORT_ERR:
    case IBV_EVENT_LID_CHANGE:
    case IBV_EVENT_PKEY_CHANGE:
    case IBV_EVENT_SM_CHANGE:
    case IBV_EVENT_CLIENT_REREGISTER:
    case IBV_EVENT_GID_CHANGE: return true;
    default: return false;
  }
}

}  // namespace

std::string_view words(ibv_wc_status status) noexcept {
  const Meaning* const one = meaning(status);
  return one == nullptr ? "a status that tutti does not know" : one->words;
}

std::string_view likely_cause(ibv_wc_status status) noexcept {
  const Meaning* const one = meaning(status);
  return one == nullptr ? "" : one->cause;
}

bool is_remote(ibv_wc_status status) noexcept {
  const Meaning* const one = meaning(status);
  return one != nullptr && one->remote;
}

bool is_of_rail(ibv_wc_status status) noexcept {
  switch (status) {
    case IBV_WC_WR_FLUSH_ERR:
    case IBV_WC_RETRY_EXC_ERR:
    case IBV_WC_RESP_TIMEOUT_ERR:
    case IBV_WC_REM_OP_ERR:
    case IBV_WC_REM_ABORT_ERR:
    case IBV_WC_FATAL_ERR:
    case IBV_WC_GENERAL_ERR: return true;
    default: return false;
  }
}

std::optional<int> port_lost(const ibv_async_event& event) noexcept {
  switch (event.event_type) {
    case IBV_EVENT_PORT_ERR: return event.element.port_num;
    case IBV_EVENT_DEVICE_FATAL:
    case IBV_EVENT_CQ_ERR: return 0;
    default: return std::nullopt;
  }
}

std::string describe(const ibv_async_event& event, const std::string& device) {
  if (!is_of_port(event.event_type)) return fmt::format("{}: {}", device, words(event.event_type));
  return fmt::format("{} port {}: {}", device, event.element.port_num, words(event.event_type));
}

}  // namespace tutti::verbs
