#include "transport/verbs/device.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>

#include <fcntl.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "transport/verbs/filter.hpp"
#include "transport/verbs/rate.hpp"

namespace tutti::verbs {
namespace {

ibv_device_attr query(const Table& table, ibv_context* context, const std::string& name) {
  ibv_device_attr attributes{};
  check(table.query_device(context, &attributes), "ibv_query_device of " + name);
  return attributes;
}

void make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    fail_errno(errno, "fcntl of a device's asynchronous events");
}

GidType type_of(std::uint32_t gid_type) {
  switch (gid_type) {
    case IBV_GID_TYPE_IB: return GidType::infiniband;
    case IBV_GID_TYPE_ROCE_V1: return GidType::roce_v1;
    case IBV_GID_TYPE_ROCE_V2: return GidType::roce_v2;
    default: return GidType::unknown;
  }
}

/// What sysfs says; containers often hide it, and old kernels do not have it.
GidType type_in_sysfs(const std::string& device, int port, int index) {
  std::string text;
  std::getline(
      std::ifstream(fmt::format("/sys/class/infiniband/{}/ports/{}/gid_attrs/types/{}", device, port, index)),
      text);
  if (text.starts_with("RoCE v2")) return GidType::roce_v2;
  return text.starts_with("IB/RoCE v1") ? GidType::roce_v1 : GidType::unknown;
}

Gid to_gid(const ibv_gid& raw) noexcept {
  Gid gid;
  std::memcpy(gid.data(), raw.raw, gid.size());
  return gid;
}

/// One call for the whole table: it may have a thousand entries.
std::vector<GidEntry> gids_of(const Device& device, int port, int length) {
  const Table& table = device.table();
  std::vector<GidEntry> entries;
  if (table.query_gid_table != nullptr) {
    std::vector<ibv_gid_entry> all(static_cast<std::size_t>(length) * device.attributes().phys_port_cnt);
    const ssize_t count = table.query_gid_table(device.context(), all.data(), all.size());
    if (count < 0) refuse(static_cast<int>(-count), "ibv_query_gid_table on " + device.name());
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
      if (all[i].port_num == static_cast<std::uint32_t>(port))
        entries.push_back({static_cast<int>(all[i].gid_index), type_of(all[i].gid_type), to_gid(all[i].gid)});
    return entries;
  }
  for (int index = 0; index < length; ++index) {
    ibv_gid gid{};
    if (table.query_gid(device.context(), static_cast<std::uint8_t>(port), index, &gid) != 0) continue;
    if (!is_none(to_gid(gid)))
      entries.push_back({index, type_in_sysfs(device.name(), port, index), to_gid(gid)});
  }
  return entries;
}

/// What find_rails() collects: the rails, and why there are no more.
struct Survey {
  const Settings& settings;
  std::vector<Rail> rails;
  std::string reasons;
  void skip(const std::string& what, const std::string& why) {
    reasons += fmt::format("; {}: {}", what, why);
    TUTTI_LOG(debug, "verbs: {} is not used: {}", what, why);
  }
};

void survey_port(Survey& survey, const std::shared_ptr<Device>& device, int number) {
  Rail rail{device, static_cast<std::uint8_t>(number), false, 0, {}, IBV_MTU_1024, 0};
  if (!allows(survey.settings.verbs_devices, device->name(), number))
    return survey.skip(rail.name(), "TUTTI_VERBS_DEVICES leaves it out");
  ibv_port_attr port{};
  check(device->table().query_port(device->context(), rail.port, &port), "ibv_query_port of " + rail.name());
  if (port.state != IBV_PORT_ACTIVE) return survey.skip(rail.name(), "the port is not active");
  rail.ethernet = port.link_layer == IBV_LINK_LAYER_ETHERNET;
  rail.lid = port.lid;
  rail.mtu = port.active_mtu;
  rail.bytes_per_ns = bytes_per_ns(port.active_speed, port.active_width);
  const auto entries = gids_of(*device, number, port.gid_tbl_len);
  std::string reason = "InfiniBand routes by its first entry";
  const int wanted = survey.settings.verbs_gid_index;
  if (rail.ethernet || wanted >= 0) {
    const auto choice = choose_gid(entries, wanted);
    if (!choice)
      return survey.skip(
          rail.name(),
          "it has no address but link-local ones: give its network interface an IP address, or "
          "name an entry with TUTTI_VERBS_GID_INDEX");
    rail.gid = choice->entry;
    reason = choice->reason;
  } else if (!entries.empty()) {
    rail.gid = entries.front();
  }
  TUTTI_LOG(info, "verbs: {}, {}, MTU {}, GID {} ({}), since {}", rail.name(),
            rail.ethernet ? "Ethernet" : fmt::format("InfiniBand LID {}", rail.lid), 128 << rail.mtu,
            rail.gid.index, to_text(rail.gid.gid), reason);
  survey.rails.push_back(std::move(rail));
}

Relaxing relaxing_of(const Settings& settings, const Table& table) {
  const std::string& wanted = settings.verbs_relaxed_ordering;
  if (wanted == "off") return Relaxing::never;
  if (table.reg_mr_iova2 != nullptr) return wanted == "on" ? Relaxing::always : Relaxing::where_possible;
  if (wanted == "on")
    fail(Code::invalid_argument,
         "TUTTI_VERBS_RELAXED_ORDERING=on: libibverbs has no ibv_reg_mr_iova2: it takes rdma-core 28 or "
         "later");
  return Relaxing::never;
}

void survey_device(Survey& survey, const Table& table, ibv_device* found) {
  const char* const known_as = table.get_device_name(found);
  const std::string name = known_as == nullptr ? "a device without a name" : known_as;
  try {
    const auto device = std::make_shared<Device>(table, found, relaxing_of(survey.settings, table));
    for (int port = 1; port <= device->attributes().phys_port_cnt; ++port) survey_port(survey, device, port);
  } catch (const Error& error) {
    if (error.code() == Code::invalid_argument) throw;  // the setting, not the device
    survey.skip(name, error.what());
  }
}

}  // namespace

Device::Device(const Table& table, ibv_device* device, Relaxing relaxing)
    : table_(table),
      name_(table.get_device_name(device)),
      relaxing_(relaxing),
      context_(owned(table, table.open_device(device), "ibv_open_device of " + name_)),
      attributes_(query(table, context_.get(), name_)),
      domain_(owned(table, table.alloc_pd(context_.get()), "ibv_alloc_pd on " + name_)),
      completions_(table, context_.get(), name_, attributes_.max_cqe) {
  make_non_blocking(context_->async_fd);
}

bool Device::is_software() const noexcept {
  constexpr std::uint32_t kRxe = 0xff'ffff, kSiw = 0x62'6d74;  // their drivers' vendor numbers
  return attributes_.vendor_id == kRxe || attributes_.vendor_id == kSiw;
}

void Device::relax_no_more() noexcept {
  relaxing_ = Relaxing::never;
  TUTTI_LOG(info, "verbs: {} does not know relaxed ordering", name_);
}

std::vector<ibv_async_event> Device::events() noexcept {
  std::vector<ibv_async_event> events;
  ibv_async_event event{};
  while (table_.get_async_event(context_.get(), &event) == 0) {
    events.push_back(event);
    table_.ack_async_event(&event);
  }
  return events;
}

std::vector<std::shared_ptr<Device>> unique(std::vector<std::shared_ptr<Device>> devices) {
  std::sort(devices.begin(), devices.end());
  devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
  return devices;
}

std::string Rail::name() const {
  return fmt::format("{} port {}", device->name(), port);
}

std::optional<Rail> find_again(const Rail& rail) noexcept {
  const Device& device = *rail.device;
  ibv_port_attr port{};
  if (device.table().query_port(device.context(), rail.port, &port) != 0 || port.state != IBV_PORT_ACTIVE ||
      port.lid != rail.lid || port.active_mtu < rail.mtu)
    return std::nullopt;
  if (is_none(rail.gid.gid)) return rail;  // by its LID alone
  try {
    Rail found = rail;
    for (const GidEntry& entry : gids_of(device, rail.port, port.gid_tbl_len)) {
      if (entry.gid != rail.gid.gid || entry.type != rail.gid.type) continue;
      found.gid = entry;
      if (entry.index == rail.gid.index) return found;
    }
    return found.gid.index != rail.gid.index ? std::optional(found) : std::nullopt;
  } catch (const std::exception& error) {
    TUTTI_LOG(debug, "verbs: {} is not used again: {}", rail.name(), error.what());
    return std::nullopt;
  }
}

std::vector<Rail> find_rails(const Table& table, const Settings& settings) {
  const DeviceList list(table);
  Survey survey{settings, {}, {}};
  for (ibv_device* device : list) survey_device(survey, table, device);
  if (survey.rails.empty())
    fail(Code::system_error, "this host has no usable RDMA port{}",
         survey.reasons.empty() ? ": libibverbs finds no device" : survey.reasons);
  return std::move(survey.rails);
}

}  // namespace tutti::verbs
