// The two ends of a connection of the loop wire: they take the lock, let polls move the clock, and pass on.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "transport/loop/connection.hpp"
#include "transport/loop/wire.hpp"

namespace tutti::loop {

/// What a rank has added, with the wire's lock.
class AddedMemory {
 public:
  void add(const std::byte* data, std::size_t bytes) { known_.emplace_back(data, bytes); }
  void remove(const std::byte* data, std::size_t bytes) noexcept {
    std::erase_if(known_, [&](auto one) { return one.data() == data && one.size() == bytes; });
  }
  [[nodiscard]] bool covers(const std::byte* data, std::size_t bytes) const noexcept {
    return std::any_of(known_.begin(), known_.end(), [&](auto one) {
      return data >= one.data() && data + bytes <= one.data() + one.size();
    });
  }

 private:
  std::vector<std::span<const std::byte>> known_;
};

class LoopOutlet final : public Outlet {
 public:
  LoopOutlet(Wire& wire, std::shared_ptr<Connection> connection, std::shared_ptr<const AddedMemory> added);
  ~LoopOutlet() override;

  [[nodiscard]] std::byte* lease(std::size_t bytes) noexcept override;
  void commit(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool lend(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::byte* lease_offered(std::uint64_t first, std::size_t offset,
                                         std::size_t bytes) noexcept override;
  void commit_offered(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t completed() noexcept override;
  [[nodiscard]] bool takes(const std::byte* data, std::size_t bytes) const noexcept override;

 private:
  Wire& wire_;
  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<const AddedMemory> added_;
};

class LoopInlet final : public Inlet {
 public:
  LoopInlet(Wire& wire, std::shared_ptr<Connection> connection, std::shared_ptr<const AddedMemory> added,
            int reader);
  ~LoopInlet() override;

  [[nodiscard]] const std::byte* borrow(std::size_t bytes, Tag tag) noexcept override;
  void release() noexcept override;
  [[nodiscard]] bool places_at(const std::byte* target, std::size_t bytes) const noexcept override;
  [[nodiscard]] bool expect(std::byte* target, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t placed() noexcept override;
  void offer(std::uint64_t ahead, std::byte* target, std::size_t bytes) noexcept override;

 private:
  Wire& wire_;
  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<const AddedMemory> added_;
  const int reader_;
  std::uint64_t placed_ = 0;  // as last seen while the rank was running
};

}  // namespace tutti::loop
