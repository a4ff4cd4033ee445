#include "transport/verbs/filter.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace tutti::verbs {
namespace {

/// One part between commas.
struct Part {
  std::string_view name;
  bool exact = false;
  int port = 0;  // 0: any
};

Part parse(std::string_view text) {
  Part part;
  part.exact = text.starts_with('=');
  if (part.exact) text.remove_prefix(1);
  const auto colon = text.find(':');
  part.name = text.substr(0, colon);
  bool good = !part.name.empty();
  if (colon != std::string_view::npos) {
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), part.port);
    good = good && error == std::errc{} && end == number.data() + number.size() && part.port > 0;
  }
  if (!good)
    fail(Code::invalid_argument,
         "TUTTI_VERBS_DEVICES: \"{}\" is no device: allowed are prefixes (mlx5), exact names (=mlx5_0), each "
         "with a port if wanted (mlx5_0:1), parted by commas, and ^ in front to leave them out",
         text);
  return part;
}

bool matches(const Part& part, std::string_view device, int port) {
  const bool named = part.exact ? device == part.name : device.starts_with(part.name);
  return named && (part.port == 0 || part.port == port);
}

}  // namespace

bool allows(std::string_view filter, std::string_view device, int port) {
  if (filter.empty()) return true;
  const bool excludes = filter.starts_with('^');
  if (excludes) filter.remove_prefix(1);
  bool listed = false;
  while (!filter.empty()) {
    const auto end = std::min(filter.find(','), filter.size());
    if (end > 0) listed = matches(parse(filter.substr(0, end)), device, port) || listed;
    filter.remove_prefix(std::min(end + 1, filter.size()));
  }
  return listed != excludes;
}

}  // namespace tutti::verbs
