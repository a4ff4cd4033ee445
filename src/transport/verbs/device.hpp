// The RDMA devices of this host and their usable ports (rails).
//
// A Device owns its context, protection domain and completion queues. A Rail is a port that is up, allowed by
// the settings and has an address; it says everything that a queue pair on it needs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/settings.hpp"
#include "transport/verbs/completions.hpp"
#include "transport/verbs/gid.hpp"
#include "transport/verbs/handles.hpp"

namespace tutti::verbs {

/// Whether memory is registered with relaxed ordering, where that is safe (registration.hpp).
enum class Relaxing { never, where_possible, always };

class Device {
 public:
  /// Throws what ibv_open_device or ibv_alloc_pd say.
  Device(const Table& table, ibv_device* device, Relaxing relaxing = Relaxing::never);

  [[nodiscard]] const Table& table() const noexcept { return table_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] ibv_context* context() const noexcept { return context_.get(); }
  [[nodiscard]] ibv_pd* domain() const noexcept { return domain_.get(); }
  [[nodiscard]] const ibv_device_attr& attributes() const noexcept { return attributes_; }
  /// Soft-RoCE: the kernel's network stack does the work.
  [[nodiscard]] bool is_software() const noexcept;
  [[nodiscard]] Completions& completions() noexcept { return completions_; }

  [[nodiscard]] Relaxing relaxing() const noexcept { return relaxing_; }
  /// It does not know relaxed ordering.
  void relax_no_more() noexcept;
  /// What the device has reported since the last call.
  [[nodiscard]] std::vector<ibv_async_event> events() noexcept;

 private:
  const Table& table_;
  std::string name_;
  Relaxing relaxing_;
  Context context_;
  ibv_device_attr attributes_{};
  ProtectionDomain domain_;
  Completions completions_;
};

/// Each of them once.
[[nodiscard]] std::vector<std::shared_ptr<Device>> unique(std::vector<std::shared_ptr<Device>> devices);

struct Rail {
  std::shared_ptr<Device> device;
  std::uint8_t port = 1;
  bool ethernet = false;
  std::uint16_t lid = 0;
  GidEntry gid;
  ibv_mtu mtu = IBV_MTU_1024;
  double bytes_per_ns = 0;  // 0: unknown
  /// "mlx5_0 port 1"
  [[nodiscard]] std::string name() const;
};

/// The rail as it is now, if its port is active and it can be reached as before: its address may have moved
/// in the port's table.
[[nodiscard]] std::optional<Rail> find_again(const Rail& rail) noexcept;

/// Every usable port, in the order of devices. Throws system_error that says why there is none. One log line
/// for each says which address was chosen and why.
[[nodiscard]] std::vector<Rail> find_rails(const Table& table, const Settings& settings);

}  // namespace tutti::verbs
