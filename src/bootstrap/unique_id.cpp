#include "bootstrap/unique_id.hpp"

#include <algorithm>
#include <cstring>

#include "bootstrap/hosting.hpp"
#include "bootstrap/rendezvous_server.hpp"
#include "bootstrap/wire.hpp"

namespace tutti {

namespace {

constexpr std::string_view kMagic{"tuttiid\1", 8};  // the last byte is the version

// The user may make the id long before the last rank comes: that long, and the time that a join may take.
constexpr long long kLifetime_ms = 3'600'000;

std::string_view view(const Secret& secret) {
  return {reinterpret_cast<const char*>(secret.data()), secret.size()};
}

}  // namespace

UniqueId encode(const IdContents& contents) {
  UniqueId id;
  const std::size_t head = kMagic.size() + sizeof contents.secret + sizeof contents.context;
  const std::string bytes = Packer()
                                .raw(kMagic)
                                .raw(view(contents.secret))
                                .number(contents.context)
                                .raw(encode(contents.root, id.bytes.size() - head))
                                .take();
  std::memcpy(id.bytes.data(), bytes.data(), std::min(bytes.size(), id.bytes.size()));
  return id;
}

std::optional<IdContents> decode(const UniqueId& id) noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  Unpacker from(bytes);
  if (from.raw(kMagic.size()) != kMagic) return std::nullopt;
  IdContents contents;
  const std::string_view secret = from.raw(contents.secret.size());
  std::memcpy(contents.secret.data(), secret.data(), secret.size());
  contents.context = from.number<std::uint64_t>();
  const std::size_t head = kMagic.size() + sizeof contents.secret + sizeof contents.context;
  const auto root = decode_endpoint(bytes.substr(head));
  if (!root) return std::nullopt;
  contents.root = *root;
  return contents;
}

UniqueId create_unique_id(const Settings& settings) {
  return create_unique_id(settings, [](const UniqueId&) {});
}

UniqueId create_unique_id(const Settings& settings, const std::function<void(const UniqueId&)>& at_end) {
  FileDescriptor listener = listen_anywhere(settings);
  IdContents contents;
  contents.secret = random_secret();
  contents.root = endpoint_of(listener.get(), settings);
  const UniqueId id = encode(contents);
  host(std::make_unique<RendezvousServer>(std::move(listener), contents.secret, contents.context,
                                          kLifetime_ms + settings.init_timeout_ms),
       [at_end, id] { at_end(id); });
  return id;
}

}  // namespace tutti
