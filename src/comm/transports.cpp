#include "comm/transports.hpp"

#include "base/error.hpp"
#include "transport/shm/shm.hpp"
#include "transport/tcp/tcp.hpp"
#include "transport/verbs/verbs.hpp"

namespace tutti {

std::unique_ptr<Transport> make_transport(std::string_view name, const World& world) {
  if (name == "shm") return make_shm_transport(world);
  if (name == "verbs") return make_verbs_transport(world);
  if (name == "tcp") return make_tcp_transport(world);
  fail(Code::internal_error, "there is no transport \"{}\"", name);
}

}  // namespace tutti
