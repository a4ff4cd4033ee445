#include "transport/loop/loop.hpp"

#include <algorithm>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"
#include "transport/loop/endpoints.hpp"
#include "transport/loop/wire.hpp"

namespace tutti {

namespace loop {
namespace {

class LoopTransport final : public Transport {
 public:
  LoopTransport(Wire& wire, const World& world)
      : wire_(wire), world_(world), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!wake_) fail_errno(errno, "eventfd() of the loop transport");
  }
  ~LoopTransport() override { disarm(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "loop"; }
  [[nodiscard]] std::size_t slot_bytes() const override { return wire_.options().slot_bytes; }
  [[nodiscard]] std::string address() override { return fmt::format("loop:{}", world_.rank); }
  void meet(std::vector<std::string> addresses) override {
    TUTTI_ASSERT(static_cast<int>(addresses.size()) == world_.size, addresses.size(), world_.size);
    for (int rank = 0; rank < world_.size; ++rank)
      if (addresses[static_cast<std::size_t>(rank)] != fmt::format("loop:{}", rank))
        fail(Code::remote_error, "rank {} gave '{}' where loop awaits 'loop:{}'", rank,
             addresses[static_cast<std::size_t>(rank)], rank);
  }
  [[nodiscard]] bool reaches(int) const noexcept override { return true; }
  [[nodiscard]] bool multicasts() const noexcept override { return wire_.options().multicasts; }

  [[nodiscard]] std::unique_ptr<Outlet> open_outlet(std::span<const int> readers, int lane) override {
    const auto lock = wire_.lock();
    auto connection = connect(world_.rank, readers, lane);
    connection->open_writer(world_.failure);
    wire_.opened.notify_all();
    tell_if_dead(*connection);
    return std::make_unique<LoopOutlet>(wire_, std::move(connection), added_);
  }
  // One thread that drives all ranks must not wait here for what it would do next: then the ends meet when
  // both are there.
  [[nodiscard]] std::unique_ptr<Inlet> open_inlet(int writer, std::span<const int> readers, int lane,
                                                  Deadline deadline) override {
    auto lock = wire_.lock();
    auto connection = connect(writer, readers, lane);
    tell_if_dead(*connection);
    while (wire_.options().self_advancing && !connection->writer_opened()) {
      world_.failure->check();
      if (passed(deadline))
        throw Error(Code::timeout,
                    fmt::format("rank {} did not open its connection to rank {} in time (lane {})", writer,
                                world_.rank, lane),
                    writer);
      constexpr auto kGlance = std::chrono::milliseconds(10);
      wire_.opened.wait_until(lock, std::min(deadline, Clock::now() + kGlance));
    }
    connection->open_reader(world_.rank, world_.failure);
    return std::make_unique<LoopInlet>(wire_, std::move(connection), added_, world_.rank);
  }

  void add_memory(std::byte* data, std::size_t bytes) override {
    const auto lock = wire_.lock();
    if (takes_added() || lends_added()) added_->add(data, bytes);
  }
  void remove_memory(std::byte* data, std::size_t bytes) noexcept override {
    const auto lock = wire_.lock();
    added_->remove(data, bytes);
  }
  [[nodiscard]] bool takes_added() const noexcept override { return wire_.options().takes_added; }
  [[nodiscard]] bool lends_added() const noexcept override { return wire_.options().lends_added; }

  // A rank may sleep while nothing is under way; the next thing that is scheduled wakes it, to move the
  // clock.
  void arm() noexcept override {
    const auto lock = wire_.lock();
    wire_.add_sleeper(wake_.get());
    const std::uint64_t one = 1;
    if (!wire_.options().self_advancing || !wire_.quiet()) (void)!::write(wake_.get(), &one, sizeof one);
  }
  void disarm() noexcept override {
    const auto lock = wire_.lock();
    wire_.remove_sleeper(wake_.get());
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
  }
  void sleep(int timeout_ms) noexcept override {
    pollfd readable{wake_.get(), POLLIN, 0};
    ::poll(&readable, 1, timeout_ms);
  }
  [[nodiscard]] int wake_fd() noexcept override { return wake_.get(); }

 private:
  std::shared_ptr<Connection> connect(int writer, std::span<const int> readers, int lane) {
    TUTTI_ASSERT(readers.size() == 1 || (readers.size() > 1 && multicasts()), readers.size());
    return wire_.connection({world_.communicator, writer, {readers.begin(), readers.end()}, lane});
  }
  // A connection opened after a rank's death is as broken as those before.
  void tell_if_dead(Connection& connection) {
    for (int rank = 0; rank < wire_.ranks(); ++rank)
      if (wire_.dead(rank) && connection.joins(rank))
        connection.break_off(rank, fmt::format("rank {} was killed by the fault plan", rank));
  }

  Wire& wire_;
  const World& world_;
  const std::shared_ptr<AddedMemory> added_ = std::make_shared<AddedMemory>();
  const FileDescriptor wake_;
};

}  // namespace
}  // namespace loop

LoopNetwork::LoopNetwork(int ranks, std::uint64_t seed, LoopOptions options)
    : wire_(std::make_unique<loop::Wire>(ranks, seed, options)) {}
LoopNetwork::~LoopNetwork() = default;

std::unique_ptr<Transport> LoopNetwork::make(const World& world) {
  TUTTI_ASSERT(world.rank >= 0 && world.rank < wire_->ranks() && world.failure != nullptr, world.rank);
  return std::make_unique<loop::LoopTransport>(*wire_, world);
}

bool LoopNetwork::advance() {
  const auto lock = wire_->lock();
  return wire_->advance();
}

std::uint64_t LoopNetwork::now_ns() const {
  const auto lock = wire_->lock();
  return wire_->now_ns();
}

void LoopNetwork::kill(int rank, std::uint64_t at_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [wire = wire_.get(), rank] { wire->kill(rank); });
}

void LoopNetwork::cut(int writer, int reader, std::uint64_t at_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [=, wire = wire_.get()] { wire->cut(writer, reader); });
}

void LoopNetwork::truncate(int writer, int reader, std::uint64_t at_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [=, wire = wire_.get()] { wire->mischief(writer, reader).truncate = true; });
}

void LoopNetwork::corrupt_tag(int writer, int reader, std::uint64_t at_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [=, wire = wire_.get()] { wire->mischief(writer, reader).corrupt_tag = true; });
}

void LoopNetwork::delay(int writer, int reader, std::uint64_t at_ns, std::uint64_t extra_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [=, wire = wire_.get()] { wire->mischief(writer, reader).extra_ns += extra_ns; });
}

void LoopNetwork::pause(int rank, std::uint64_t at_ns, std::uint64_t for_ns) {
  const auto lock = wire_->lock();
  wire_->schedule(at_ns, [=, wire = wire_.get()] { wire->pause(rank, for_ns); });
}

bool LoopNetwork::killed(int rank) const {
  const auto lock = wire_->lock();
  return wire_->dead(rank);
}

std::uint64_t LoopNetwork::fingerprint() const {
  const auto lock = wire_->lock();
  return wire_->fingerprint();
}

std::vector<std::string> LoopNetwork::trace() const {
  const auto lock = wire_->lock();
  return wire_->trace();
}

std::string LoopNetwork::describe() const {
  const auto lock = wire_->lock();
  return wire_->describe();
}

}  // namespace tutti
