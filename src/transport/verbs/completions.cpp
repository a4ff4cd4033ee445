#include "transport/verbs/completions.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <fcntl.h>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace tutti::verbs {

Completions::Completions(const Table& table, ibv_context* context, std::string device, int most_entries)
    : table_(table),
      context_(context),
      device_(std::move(device)),
      queue_entries_(std::min(most_entries, 4096)),
      channel_(owned(table, table.create_comp_channel(context), "ibv_create_comp_channel on " + device_)) {
  const int flags = ::fcntl(channel_->fd, F_GETFL);
  if (flags < 0 || ::fcntl(channel_->fd, F_SETFL, flags | O_NONBLOCK) != 0)
    fail_errno(errno, "fcntl of a completion channel on " + device_);
}

ibv_cq* Completions::reserve(int entries) {
  for (Queue& queue : queues_) {
    if (queue.reserved + entries > queue_entries_) continue;
    queue.reserved += entries;
    return queue.queue.get();
  }
  const int size = std::max(entries, queue_entries_);
  queues_.push_back({owned(table_, table_.create_cq(context_, size, nullptr, channel_.get(), 0),
                           fmt::format("ibv_create_cq of {} entries on {}", size, device_)),
                     entries});
  return queues_.back().queue.get();
}

void Completions::give_back(ibv_cq* queue, int entries) noexcept {
  for (Queue& one : queues_)
    if (one.queue.get() == queue) one.reserved -= entries;
}

std::uint32_t Completions::enroll(Completed& endpoint) {
  const auto free = std::find(endpoints_.begin(), endpoints_.end(), nullptr);
  const auto place = static_cast<std::uint32_t>(free - endpoints_.begin());
  TUTTI_ASSERT(place <= 0xff'ffff, place);
  if (free != endpoints_.end())
    *free = &endpoint;
  else
    endpoints_.push_back(&endpoint);
  return place;
}

void Completions::dismiss(std::uint32_t place, Failure& failure) noexcept {
  // Until the queues are empty the place stays taken, by nobody.
  struct Nobody final : Completed {
    void received(const Ticket&, std::uint32_t) noexcept override {}
    void sent(const Ticket&) noexcept override {}
    void failed(const Ticket&, const ibv_wc&) noexcept override {}
  } nobody;
  endpoints_[place] = &nobody;
  poll(failure);
  endpoints_[place] = nullptr;
}

void Completions::poll(Failure& failure) noexcept {
  std::array<ibv_wc, 16> batch;
  for (Queue& queue : queues_) {
    int count = 0;
    do {
      count = table_.poll_cq(queue.queue.get(), static_cast<int>(batch.size()), batch.data());
      for (int i = 0; i < count; ++i) tell(batch[static_cast<std::size_t>(i)]);
    } while (count == static_cast<int>(batch.size()));
    if (count < 0)
      failure.report(
          Code::system_error, -1,
          fmt::format("ibv_poll_cq on {}: failed ({}): the device or its driver is broken", device_, count));
  }
}

void Completions::tell(const ibv_wc& completion) noexcept {
  const Ticket ticket = Ticket::unpack(completion.wr_id);
  if (ticket.endpoint >= endpoints_.size() || endpoints_[ticket.endpoint] == nullptr) return;
  Completed& endpoint = *endpoints_[ticket.endpoint];
  if (completion.status != IBV_WC_SUCCESS)
    endpoint.failed(ticket, completion);
  else if (ticket.receive)
    endpoint.received(ticket, ntohl(completion.imm_data));
  else
    endpoint.sent(ticket);
}

void Completions::arm(Failure& failure) noexcept {
  for (Queue& queue : queues_)
    if (const int result = table_.req_notify_cq(queue.queue.get(), 0); result != 0)
      failure.report(Code::system_error, -1,
                     fmt::format("ibv_req_notify_cq on {}: {}", device_, errno_text(errno_of(result))));
}

void Completions::drain() noexcept {
  ibv_cq* queue = nullptr;
  void* user = nullptr;
  while (table_.get_cq_event(channel_.get(), &queue, &user) == 0) table_.ack_cq_events(queue, 1);
}

}  // namespace tutti::verbs
