// Owners of verbs objects, and the checks for the ways in which libibverbs reports failures. The only file
// that destroys a verbs object.
//
// An owner outlives what was made from its object: members are declared in the order of creation. A
// destructor that libibverbs refuses is logged and goes on.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include "transport/verbs/table.hpp"

namespace tutti::verbs {

// How each kind of object is destroyed; 0 or an errno.
inline int destroy(const Table& table, ibv_context* object) {
  return table.close_device(object);
}
inline int destroy(const Table& table, ibv_pd* object) {
  return table.dealloc_pd(object);
}
inline int destroy(const Table& table, ibv_mr* object) {
  return table.dereg_mr(object);
}
inline int destroy(const Table& table, ibv_comp_channel* object) {
  return table.destroy_comp_channel(object);
}
inline int destroy(const Table& table, ibv_cq* object) {
  return table.destroy_cq(object);
}
inline int destroy(const Table& table, ibv_qp* object) {
  return table.destroy_qp(object);
}

constexpr const char* destroyer(const ibv_context*) {
  return "ibv_close_device";
}
constexpr const char* destroyer(const ibv_pd*) {
  return "ibv_dealloc_pd";
}
constexpr const char* destroyer(const ibv_mr*) {
  return "ibv_dereg_mr";
}
constexpr const char* destroyer(const ibv_comp_channel*) {
  return "ibv_destroy_comp_channel";
}
constexpr const char* destroyer(const ibv_cq*) {
  return "ibv_destroy_cq";
}
constexpr const char* destroyer(const ibv_qp*) {
  return "ibv_destroy_qp";
}

void log_refusal(const char* call, int result) noexcept;

/// Owns one object; empty by default. Move-only.
template <typename Object>
class Owner {
 public:
  Owner() = default;
  Owner(const Table& table, Object* object) noexcept : table_(&table), object_(object) {}
  Owner(Owner&& other) noexcept : table_(other.table_), object_(std::exchange(other.object_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(table_, other.table_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owner() { reset(); }

  [[nodiscard]] Object* get() const noexcept { return object_; }
  Object* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  void reset() noexcept {
    Object* const object = std::exchange(object_, nullptr);
    if (object == nullptr) return;
    if (const int result = destroy(*table_, object); result != 0) log_refusal(destroyer(object), result);
  }

 private:
  const Table* table_ = nullptr;
  Object* object_ = nullptr;
};

using Context = Owner<ibv_context>;
using ProtectionDomain = Owner<ibv_pd>;
using Region = Owner<ibv_mr>;
using CompletionChannel = Owner<ibv_comp_channel>;
using CompletionQueue = Owner<ibv_cq>;
using QueuePairHandle = Owner<ibv_qp>;

/// The list of devices.
class DeviceList {
 public:
  /// Throws system_error where there is no RDMA at all.
  explicit DeviceList(const Table& table);
  DeviceList(const DeviceList&) = delete;
  DeviceList& operator=(const DeviceList&) = delete;
  ~DeviceList();
  [[nodiscard]] ibv_device** begin() const noexcept { return list_; }
  [[nodiscard]] ibv_device** end() const noexcept { return list_ + count_; }

 private:
  const Table& table_;
  int count_ = 0;
  ibv_device** list_;
};

// The conventions. `what` names the call and its object, "ibv_create_qp on mlx5_0 port 1"; what is thrown
// adds the reason and, where it is known, the remedy.
/// For calls that return a pointer, or NULL and errno.
template <typename Object>
[[nodiscard]] Owner<Object> owned(const Table& table, Object* object, const std::string& what);
/// For calls that return 0, an errno, or -1 and errno.
void check(int result, const std::string& what);
/// The errno in what such a call returned.
[[nodiscard]] int errno_of(int result) noexcept;
[[noreturn]] void refuse(int error_number, const std::string& what);

template <typename Object>
Owner<Object> owned(const Table& table, Object* object, const std::string& what) {
  if (object == nullptr) refuse(errno, what);
  return Owner<Object>(table, object);
}

}  // namespace tutti::verbs
