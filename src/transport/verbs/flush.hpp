// What makes a device's writes to the memory of a GPU visible there.
//
// A completion says that data have left the device; on their way to a GPU they may still be behind it. A read
// of that memory by the same device cannot overtake them (PCI Express: a read pushes the posted writes before
// it). So a queue pair that is connected with itself reads a byte: once that is here, so is everything of
// which a completion was seen before the read was posted. (NVIDIA, "GPUDirect RDMA", Synchronization and
// memory ordering.)
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transport/verbs/memory.hpp"
#include "transport/verbs/queue_pair.hpp"

namespace tutti::verbs {

/// Of one device. Outlived by it and by `failure`, which is told when a read fails.
class Flush final : private Completed {
 public:
  /// Its queue pair is on this rail. Throws what libibverbs says.
  Flush(const Rail& rail, const Settings& settings, Failure& failure);
  Flush(const Flush&) = delete;
  Flush& operator=(const Flush&) = delete;

  [[nodiscard]] bool room() const noexcept { return pair_.room(1); }
  /// Begins one of the memory that lies there, which must be registered with the device; its room must be
  /// there.
  void begin(const Registration& memory, const std::byte* data) noexcept;
  /// How many are over, from the first one on.
  [[nodiscard]] std::uint32_t done() const noexcept { return pair_.reaped(); }

 private:
  void received(const Ticket&, std::uint32_t) noexcept override {}
  void sent(const Ticket& ticket) noexcept override { pair_.reap(ticket.posted); }
  void failed(const Ticket& ticket, const ibv_wc& completion) noexcept override;

  std::shared_ptr<Device> device_;
  Failure& failure_;
  PinnedMemory landing_;  // of the byte
  Enrolment enrolment_;
  QueuePair pair_;
};

/// Of all devices of a rank: whichever of them wrote, it is flushed.
class Flushes {
 public:
  /// There is nothing to do until then. On the first rail of each device; throws what libibverbs says.
  void prepare(std::span<const std::shared_ptr<Device>> devices, std::span<const Rail> rails,
               const Settings& settings, Failure& failure);
  /// There is memory of a GPU.
  [[nodiscard]] bool needed() const noexcept { return !flushes_.empty(); }
  /// Begins one; its number, or nothing: no room now, ask again.
  [[nodiscard]] std::optional<std::uint32_t> begin(const Registration& memory,
                                                   const std::byte* data) noexcept;
  [[nodiscard]] bool over(std::uint32_t number) const noexcept;

 private:
  std::vector<std::unique_ptr<Flush>> flushes_;
  std::uint32_t begun_ = 0;
};

}  // namespace tutti::verbs
