// The two ends of a connection of the loop wire: they take the lock, let polls move the clock, and pass on.
#pragma once

#include "transport/loop/connection.hpp"
#include "transport/loop/wire.hpp"

namespace tutti::loop {

class LoopOutlet final : public Outlet {
 public:
  LoopOutlet(Wire& wire, std::shared_ptr<Connection> connection);
  ~LoopOutlet() override;

  [[nodiscard]] std::byte* lease(std::size_t bytes) noexcept override;
  void commit(std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] bool send(const std::byte* data, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t completed() noexcept override;

 private:
  Wire& wire_;
  const std::shared_ptr<Connection> connection_;
};

class LoopInlet final : public Inlet {
 public:
  LoopInlet(Wire& wire, std::shared_ptr<Connection> connection, int reader);
  ~LoopInlet() override;

  [[nodiscard]] const std::byte* borrow(std::size_t bytes, Tag tag) noexcept override;
  void release() noexcept override;
  [[nodiscard]] bool expect(std::byte* target, std::size_t bytes, Tag tag) noexcept override;
  [[nodiscard]] std::uint64_t placed() noexcept override;

 private:
  Wire& wire_;
  const std::shared_ptr<Connection> connection_;
  const int reader_;
  std::uint64_t placed_ = 0;  // as last seen while the rank was running
};

}  // namespace tutti::loop
