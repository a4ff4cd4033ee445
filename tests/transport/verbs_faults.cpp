#include "transport/verbs_faults.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/handle.hpp"

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
Trigger calling, completing, holding, saying;
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

/// What devices say: their own words, and those that are put into their mouths.
class Voices {
  struct Voice {
    int devices = -1;
    FileDescriptor ours, both;
    std::deque<ibv_event_type> said;
  };
  template <typename Call>
  static auto with_devices_own(ibv_context* context, const Voice& voice, Call call) {
    context->async_fd = voice.devices;
    const auto result = call();
    context->async_fd = voice.both.get();
    return result;
  }

 public:
  void add(ibv_context* context) {
    const std::lock_guard guard(lock_);
    Voice& voice = voices_[context];
    voice.devices = context->async_fd;
    voice.ours = FileDescriptor(::eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC));
    voice.both = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    ::fcntl(voice.devices, F_SETFL, ::fcntl(voice.devices, F_GETFL) | O_NONBLOCK);
    for (const int fd : {voice.devices, voice.ours.get()}) {
      epoll_event readable{};
      readable.events = EPOLLIN;
      ::epoll_ctl(voice.both.get(), EPOLL_CTL_ADD, fd, &readable);
    }
    context->async_fd = voice.both.get();
  }
  void remove(ibv_context* context) {
    const std::lock_guard guard(lock_);
    context->async_fd = voices_.at(context).devices;
    voices_.erase(context);
  }
  void say(const ibv_context* context, ibv_event_type type) {
    const std::lock_guard guard(lock_);
    Voice& voice = voices_.at(context);
    voice.said.push_back(type);
    ::eventfd_write(voice.ours.get(), 1);
  }
  int next(ibv_context* context, ibv_async_event* event) {
    const std::lock_guard guard(lock_);
    Voice& voice = voices_.at(context);
    eventfd_t count = 0;
    ours_ = ::eventfd_read(voice.ours.get(), &count) == 0;
    if (ours_) {
      *event = {};
      event->element.port_num = 1;
      event->event_type = voice.said.front();
      voice.said.pop_front();
      return 0;
    }
    return with_devices_own(context, voice, [&] { return inner.get_async_event(context, event); });
  }
  /// What makes queues gives the descriptor to the driver, which knows only its own.
  template <typename Call>
  auto make(ibv_context* context, Call call) {
    const std::lock_guard guard(lock_);
    return with_devices_own(context, voices_.at(context), call);
  }
  void acknowledge(ibv_async_event* event) {
    if (!ours_) inner.ack_async_event(event);
  }

 private:
  std::mutex lock_;
  std::map<const ibv_context*, Voice> voices_;
  static thread_local bool ours_;  // what this thread was told last
};
thread_local bool Voices::ours_ = false;
Voices voices;
std::atomic<ibv_event_type> word;  // relaxed: set while nothing is under way

ibv_context* open_device(ibv_device* device) {
  ibv_context* const made = Faulty<"ibv_open_device", EACCES, &Table::open_device>::call(device);
  if (made != nullptr) voices.add(made);
  return made;
}

int close_device(ibv_context* context) {
  voices.remove(context);
  return Ending<&Table::close_device>::call(context);
}

ibv_cq* create_cq(ibv_context* context, int entries, void* owner, ibv_comp_channel* channel, int vector) {
  return voices.make(context, [&] {
    return Faulty<"ibv_create_cq", ENOMEM, &Table::create_cq>::call(context, entries, owner, channel, vector);
  });
}

ibv_qp* create_qp(ibv_pd* domain, ibv_qp_init_attr* attributes) {
  ibv_qp* const made = voices.make(domain->context, [&] {
    return Faulty<"ibv_create_qp", ENOMEM, &Table::create_qp>::call(domain, attributes);
  });
  if (made != nullptr) pairs.add(made);
  return made;
}

int destroy_qp(ibv_qp* pair) {
  pairs.remove(pair);
  return Ending<&Table::destroy_qp>::call(pair);
}

int get_async_event(ibv_context* context, ibv_async_event* event) {
  return voices.next(context, event);
}

void ack_async_event(ibv_async_event* event) {
  voices.acknowledge(event);
}

/// The queues whose completions are held.
class Queues {
 public:
  void forget(const ibv_cq* queue) {
    const std::lock_guard guard(lock_);
    held_.erase(queue);
  }
  /// Of `count` that came, and those that are held, so many are given out.
  int pass(const ibv_cq* queue, int entries, ibv_wc* completions, int count, Mishap mishap) {
    const std::lock_guard guard(lock_);
    auto found = held_.find(queue);
    int given = 0;
    for (int i = 0; i < count; ++i) {
      if (saying.pull("event")) voices.say(queue->context, word.load(std::memory_order_relaxed));
      if (holding.pull("ibv_poll_cq") && found == held_.end()) {
        found = held_.emplace(queue, Held{mishap, kLooks, {}}).first;
        if (mishap == Mishap::lost) voices.say(queue->context, IBV_EVENT_DEVICE_FATAL);
      }
      if (found != held_.end())
        found->second.completions.push_back(completions[i]);
      else
        ++given;
    }
    if (found == held_.end()) return given;
    Held& held = found->second;
    if (held.mishap == Mishap::lost || held.looks-- > 0) return given;
    for (; given < entries && !held.completions.empty(); ++given) {
      completions[given] = held.completions.front();
      held.completions.pop_front();
    }
    if (held.completions.empty()) held_.erase(found);
    return given;
  }

 private:
  static constexpr int kLooks = 500;
  struct Held {
    Mishap mishap;
    int looks;
    std::deque<ibv_wc> completions;
  };
  std::mutex lock_;
  std::map<const ibv_cq*, Held> held_;
};
Queues queues;
std::atomic<Mishap> mishap;  // relaxed: set while nothing is under way

int destroy_cq(ibv_cq* queue) {
  queues.forget(queue);
  return Ending<&Table::destroy_cq>::call(queue);
}

int poll_cq(ibv_cq* queue, int entries, ibv_wc* completions) {
  const int count = inner.poll_cq(queue, entries, completions);
  for (int i = 0; i < count; ++i) pairs.spoil(queue->context, completions[i]);
  return count < 0 ? count
                   : queues.pass(queue, entries, completions, count, mishap.load(std::memory_order_relaxed));
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
  replace(outer.query_device, Faulty<"ibv_query_device", EIO, &Table::query_device>::call);
  replace(outer.query_port, Faulty<"ibv_query_port", EIO, &Table::query_port>::call);
  replace(outer.query_gid_table, Faulty<"ibv_query_gid_table", EIO, &Table::query_gid_table>::call);
  replace(outer.alloc_pd, Faulty<"ibv_alloc_pd", ENOMEM, &Table::alloc_pd>::call);
  replace(outer.reg_mr, Faulty<"ibv_reg_mr", ENOMEM, &Table::reg_mr>::call);
  replace(outer.reg_mr_iova2, Faulty<"ibv_reg_mr_iova2", ENOMEM, &Table::reg_mr_iova2>::call);
  replace(outer.reg_dmabuf_mr, Faulty<"ibv_reg_dmabuf_mr", ENOMEM, &Table::reg_dmabuf_mr>::call);
  replace(outer.create_comp_channel,
          Faulty<"ibv_create_comp_channel", EMFILE, &Table::create_comp_channel>::call);
  replace(outer.req_notify_cq, Faulty<"ibv_req_notify_cq", EIO, &Table::req_notify_cq>::call);
  replace(outer.modify_qp, Faulty<"ibv_modify_qp", ETIMEDOUT, &Table::modify_qp>::call);
  replace(outer.post_send, Faulty<"ibv_post_send", ENOMEM, &Table::post_send>::call);
  replace(outer.post_recv, Faulty<"ibv_post_recv", ENOMEM, &Table::post_recv>::call);
  outer.free_device_list = Ending<&Table::free_device_list>::call;
  outer.dealloc_pd = Ending<&Table::dealloc_pd>::call;
  outer.dereg_mr = Ending<&Table::dereg_mr>::call;
  outer.destroy_comp_channel = Ending<&Table::destroy_comp_channel>::call;
  outer.open_device = open_device;
  outer.close_device = close_device;
  outer.get_async_event = get_async_event;
  outer.ack_async_event = ack_async_event;
  outer.create_cq = create_cq;
  outer.destroy_cq = destroy_cq;
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

void hold_completions(long number, Mishap its_mishap) {
  mishap.store(its_mishap, std::memory_order_relaxed);
  holding.set(number);
}
bool completions_held() {
  return !holding.name().empty();
}

void raise_event(long number, ibv_event_type type) {
  word.store(type, std::memory_order_relaxed);
  saying.set(number);
}
bool event_raised() {
  return !saying.name().empty();
}

long living() {
  return living_objects.load(std::memory_order_relaxed);
}

}  // namespace tutti::verbs_faults
