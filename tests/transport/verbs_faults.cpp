#include "transport/verbs_faults.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

namespace tutti::verbs_faults {
namespace {

using verbs::Table;

/// Goes off at the n-th of something.
class Trigger {
 public:
  void set(long number) {
    const std::lock_guard guard(lock_);
    count_ = 0;
    number_ = number;
    name_.clear();
  }
  bool pull(const char* name) {
    const std::lock_guard guard(lock_);
    if (count_++ != number_) return false;
    name_ = name;
    return true;
  }
  [[nodiscard]] long count() const {
    const std::lock_guard guard(lock_);
    return count_;
  }
  /// Of what it went off at; empty: it has not.
  [[nodiscard]] std::string name() const {
    const std::lock_guard guard(lock_);
    return name_;
  }

 private:
  mutable std::mutex lock_;
  long count_ = 0, number_ = -1;
  std::string name_;
};

Table inner;
Trigger calling, completing;
std::atomic<ibv_wc_status> bad_status;  // relaxed, as the next: set and read while nothing is under way
std::atomic<long> living_objects;

/// A function's name as an argument of a template.
template <std::size_t kLength>
struct Name {
  constexpr Name(const char (&its_text)[kLength]) { std::copy_n(its_text, kLength, text.data()); }
  std::array<char, kLength> text{};
};

/// What a function says that fails, each by its convention.
template <typename Result>
Result failed(int error) {
  errno = error;
  if constexpr (std::is_pointer_v<Result>)
    return nullptr;
  else if constexpr (std::is_same_v<Result, ssize_t>)
    return -error;
  else
    return error;
}

void count_made(const void* object) {
  if (object != nullptr) living_objects.fetch_add(1, std::memory_order_relaxed);
}

/// A function that may fail. One that gives an object makes it.
template <Name kName, int kError, auto kFunction>
struct Faulty;
template <Name kName, int kError, typename Result, typename... Arguments,
          Result (*Table::*kFunction)(Arguments...)>
struct Faulty<kName, kError, kFunction> {
  static Result call(Arguments... arguments) {
    if (calling.pull(kName.text.data())) {
      refuse(arguments...);
      return failed<Result>(kError);
    }
    const Result result = (inner.*kFunction)(arguments...);
    if constexpr (std::is_pointer_v<Result>) count_made(result);
    return result;
  }

 private:
  static void refuse(...) {}
  template <typename Request>
  static void refuse(ibv_qp*, Request* requests, Request** bad) {
    *bad = requests;
  }
};

/// A function that destroys an object.
template <auto kFunction>
struct Ending;
template <typename Result, typename Object, Result (*Table::*kFunction)(Object*)>
struct Ending<kFunction> {
  static Result call(Object* object) {
    living_objects.fetch_sub(1, std::memory_order_relaxed);
    return (inner.*kFunction)(object);
  }
};

/// The queue pairs that live; those that a completion has failed keep failing, as with a device.
class Pairs {
 public:
  void add(ibv_qp* pair) {
    const std::lock_guard guard(lock_);
    pairs_[{pair->context, pair->qp_num}] = {pair, false};
  }
  void remove(const ibv_qp* pair) {
    const std::lock_guard guard(lock_);
    pairs_.erase({pair->context, pair->qp_num});
  }
  void spoil(const ibv_context* context, ibv_wc& completion) {
    if (completion.status != IBV_WC_SUCCESS || (completion.opcode & IBV_WC_RECV) != 0) return;
    const std::lock_guard guard(lock_);
    const auto found = pairs_.find({context, completion.qp_num});
    if (found == pairs_.end()) return;
    auto& [pair, failed] = found->second;
    if (failed) {
      completion.status = IBV_WC_WR_FLUSH_ERR;
    } else if (completing.pull("ibv_poll_cq")) {
      completion.status = bad_status.load(std::memory_order_relaxed);
      failed = true;
      ibv_qp_attr attributes{};
      attributes.qp_state = IBV_QPS_ERR;
      inner.modify_qp(pair, &attributes, IBV_QP_STATE);
    }
  }

 private:
  std::mutex lock_;
  std::map<std::pair<const ibv_context*, std::uint32_t>, std::pair<ibv_qp*, bool>> pairs_;  // true: failed
};
Pairs pairs;

ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  ibv_qp* const made = Faulty<"ibv_create_qp", ENOMEM, &Table::create_qp>::call(domain, attributes);
  if (made != nullptr) pairs.add(made);
  return made;
}

int destroy_qp(ibv_qp* pair) {
  pairs.remove(pair);
  return Ending<&Table::destroy_qp>::call(pair);
}

int poll_cq(ibv_cq* queue, int entries, ibv_wc* completions) {
  const int count = inner.poll_cq(queue, entries, completions);
  for (int i = 0; i < count; ++i) pairs.spoil(queue->context, completions[i]);
  return count;
}

/// Puts itself before a function that there is.
template <typename Function>
void replace(Function& function, Function by) {
  if (function != nullptr) function = by;
}

}  // namespace

const Table& around(const Table& its_inner) {
  static Table outer;
  inner = outer = its_inner;
  replace(outer.get_device_list, Faulty<"ibv_get_device_list", ENOMEM, &Table::get_device_list>::call);
  replace(outer.open_device, Faulty<"ibv_open_device", EACCES, &Table::open_device>::call);
  replace(outer.query_device, Faulty<"ibv_query_device", EIO, &Table::query_device>::call);
  replace(outer.query_port, Faulty<"ibv_query_port", EIO, &Table::query_port>::call);
  replace(outer.query_gid_table, Faulty<"ibv_query_gid_table", EIO, &Table::query_gid_table>::call);
  replace(outer.alloc_pd, Faulty<"ibv_alloc_pd", ENOMEM, &Table::alloc_pd>::call);
  replace(outer.reg_mr, Faulty<"ibv_reg_mr", ENOMEM, &Table::reg_mr>::call);
  replace(outer.reg_mr_iova2, Faulty<"ibv_reg_mr_iova2", ENOMEM, &Table::reg_mr_iova2>::call);
  replace(outer.reg_dmabuf_mr, Faulty<"ibv_reg_dmabuf_mr", ENOMEM, &Table::reg_dmabuf_mr>::call);
  replace(outer.create_comp_channel,
          Faulty<"ibv_create_comp_channel", EMFILE, &Table::create_comp_channel>::call);
  replace(outer.create_cq, Faulty<"ibv_create_cq", ENOMEM, &Table::create_cq>::call);
  replace(outer.req_notify_cq, Faulty<"ibv_req_notify_cq", EIO, &Table::req_notify_cq>::call);
  replace(outer.modify_qp, Faulty<"ibv_modify_qp", ETIMEDOUT, &Table::modify_qp>::call);
  replace(outer.post_send, Faulty<"ibv_post_send", ENOMEM, &Table::post_send>::call);
  replace(outer.post_recv, Faulty<"ibv_post_recv", ENOMEM, &Table::post_recv>::call);
  outer.free_device_list = Ending<&Table::free_device_list>::call;
  outer.close_device = Ending<&Table::close_device>::call;
  outer.dealloc_pd = Ending<&Table::dealloc_pd>::call;
  outer.dereg_mr = Ending<&Table::dereg_mr>::call;
  outer.destroy_comp_channel = Ending<&Table::destroy_comp_channel>::call;
  outer.destroy_cq = Ending<&Table::destroy_cq>::call;
  outer.create_qp = create_qp;
  outer.destroy_qp = destroy_qp;
  outer.poll_cq = poll_cq;
  return outer;
}

void fail_call(long number) {
  calling.set(number);
}
long calls() {
  return calling.count();
}
std::string failed_call() {
  return calling.name();
}

void fail_completion(long number, ibv_wc_status status) {
  bad_status.store(status, std::memory_order_relaxed);
  completing.set(number);
}
bool completion_failed() {
  return !completing.name().empty();
}

long living() {
  return living_objects.load(std::memory_order_relaxed);
}

}  // namespace tutti::verbs_faults
