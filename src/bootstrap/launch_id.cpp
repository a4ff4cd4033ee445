// id_from_environment(): how the ranks of a launch find rank 0's rendezvous.
#include <map>
#include <mutex>

#include <poll.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "bootstrap/describe.hpp"
#include "bootstrap/dial.hpp"
#include "bootstrap/environment.hpp"
#include "bootstrap/hosting.hpp"
#include "bootstrap/shared_file.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {

constexpr int kPorts = 8;         // tried above MASTER_PORT, which is torchrun's own
constexpr int kProbe_ms = 2'000;  // for an address found in a file to prove that it is alive
constexpr int kLook_ms = 20;      // how often the file is looked at
constexpr long long kLifetime_ms = 3'600'000;

// How often this process, as this rank, has asked: the first communicator from the environment is 0, and so
// on.
unsigned count_of(const Launch& launch) {
  static std::mutex mutex;
  static std::map<std::string, unsigned> counts;
  const std::lock_guard lock(mutex);
  return counts[fmt::format("{} {} {}", launch.launcher, launch.job, launch.rank)]++;
}

std::uint64_t short_hash(const std::string& text) {
  const Digest digest = secret_from(text);
  return Unpacker({reinterpret_cast<const char*>(digest.data()), digest.size()}).number<std::uint64_t>();
}

// By a file.

std::string private_path(const Launch& launch, const Lookup& lookup, unsigned count) {
  // A launcher that names no job is at least one process: the parent of all ranks on this host.
  const std::string job = launch.job.empty() ? fmt::format("parent {}", ::getppid()) : launch.job;
  const std::string folder = lookup("TMPDIR").empty() ? "/tmp" : lookup("TMPDIR");
  return fmt::format("{}/tutti-{}-{:016x}", folder, ::geteuid(),
                     short_hash(fmt::format("{}\n{}\n{}\n{}", launch.launcher, job, launch.size, count)));
}

// The file goes when all have joined.
UniqueId offer_by_file(const std::string& path, const Settings& settings) {
  const UniqueId id =
      create_unique_id(settings, [path](const UniqueId& ended) { remove_id_file(path, ended); });
  write_id_file(path, id);
  TUTTI_LOG(debug, "rank 0 offers its rendezvous in {}", path);
  return id;
}

// A killed job leaves its file behind: only an id whose rendezvous answers, and knows the secret, counts.
void probe(const UniqueId& id, const Settings& settings, Deadline deadline) {
  const IdContents contents = *decode(id);
  const Deadline soon = std::min(deadline, after_ms(kProbe_ms));
  (void)dial({"rank 0's rendezvous", candidates(contents.root, settings), contents.secret, contents.context,
              soon, 0});
}

UniqueId find_by_file(const std::string& path, const Launch& launch, const Settings& settings) {
  const Deadline deadline = after_ms(settings.init_timeout_ms);
  std::string obstacle = "there is no such file";
  while (!passed(deadline)) {
    try {
      if (const auto id = read_id_file(path)) {
        probe(*id, settings, deadline);
        return *id;
      }
    } catch (const Error& error) {
      obstacle = error.what();
    }
    ::poll(nullptr, 0, std::min(kLook_ms, ms_until(deadline)));
  }
  fail(Code::timeout,
       "rank {} found no living rendezvous in the file {} within {}: {}. Check that rank 0 is running and "
       "sees the "
       "same file",
       launch.rank, path, duration_text(settings.init_timeout_ms), obstacle);
}

// By MASTER_ADDR and MASTER_PORT.

struct Master {
  std::string host;
  int port;
};

std::optional<Master> master(const Lookup& lookup) {
  const std::string host = lookup("MASTER_ADDR");
  const std::string port_text = lookup("MASTER_PORT");
  if (host.empty() || port_text.empty()) return std::nullopt;
  const PortRange port = parse_port_range(port_text, "MASTER_PORT");
  if (port.first != port.last || port.last > 65535 - kPorts)
    fail(Code::invalid_argument,
         "MASTER_PORT is '{}'; it must be one port up to {}, for the {} above it are tried", port_text,
         65535 - kPorts, kPorts);
  return Master{host, port.first};
}

// No secret travels: every rank derives the same one.
IdContents master_contents(const Launch& launch, const Settings& settings, unsigned count) {
  const std::string purpose = fmt::format("environment\n{}\n{}\n{}", launch.launcher, launch.job, count);
  IdContents contents;
  contents.secret = derive(secret_from(settings.secret), purpose);
  contents.context = short_hash(purpose);
  return contents;
}

UniqueId offer_at_master(const Master& at, IdContents contents, Settings settings) {
  if (settings.secret.empty())
    TUTTI_LOG(info, "TUTTI_SECRET is not set: whoever can reach this host and guess the job's name can join");
  settings.port_range = fmt::format("{}-{}", at.port + 1, at.port + kPorts);
  FileDescriptor listener = listen_anywhere(settings);
  contents.root = endpoint_of(listener.get(), settings);
  host(std::make_unique<RendezvousServer>(std::move(listener), contents.secret, contents.context,
                                          kLifetime_ms + settings.init_timeout_ms));
  return encode(contents);
}

UniqueId find_at_master(const Master& at, IdContents contents, const Launch& launch,
                        const Settings& settings) {
  Destination call;
  call.whom = fmt::format(
      "rank 0's rendezvous at MASTER_ADDR={}, ports {} to {} (from rank {}; TUTTI_SECRET and the "
      "job must be the same on all ranks)",
      at.host, at.port + 1, at.port + kPorts, launch.rank);
  const Endpoint names{0, 1, resolve(at.host, 0)};
  for (int port = at.port + 1; port <= at.port + kPorts; ++port)
    for (SocketAddress address : candidates(names, settings)) {
      address.set_port(static_cast<std::uint16_t>(port));
      call.addresses.push_back(address);
    }
  call.secret = contents.secret;
  call.context = contents.context;
  call.deadline = after_ms(settings.init_timeout_ms);
  call.refusal_ms = settings.init_timeout_ms;  // rank 0 may start later
  const auto channel = dial(call);
  const SocketAddress found = peer_address(channel->fd());
  contents.root = {0, found.port(), {found}};
  return encode(contents);
}

}  // namespace

UniqueId id_from_environment(const Launch& launch, const Settings& settings) {
  return id_from_environment(launch, settings, [](const char* variable) { return environment(variable); });
}

UniqueId id_from_environment(const Launch& launch, const Settings& settings, const Lookup& lookup) {
  if (launch.size == 1) return create_unique_id(settings);
  const unsigned count = count_of(launch);
  std::string path;
  if (!settings.rendezvous_file.empty())
    path = settings.rendezvous_file + (count == 0 ? "" : fmt::format(".{}", count));
  else if (launch.local_size == launch.size)
    path = private_path(launch, lookup, count);
  if (!path.empty())
    return launch.rank == 0 ? offer_by_file(path, settings) : find_by_file(path, launch, settings);

  if (const auto at = master(lookup)) {
    const IdContents contents = master_contents(launch, settings, count);
    return launch.rank == 0 ? offer_at_master(*at, contents, settings)
                            : find_at_master(*at, contents, launch, settings);
  }
  fail(Code::invalid_usage,
       "{} started rank {} of {} on several hosts (or did not say that they share one), and nothing says "
       "where rank 0 "
       "is: set MASTER_ADDR to rank 0's host and MASTER_PORT to a port below eight free ones there, or "
       "TUTTI_RENDEZVOUS_FILE to a path that all hosts share",
       launch.launcher, launch.rank, launch.size);
}

}  // namespace tutti
