#include "api/config.hpp"

#include <fmt/core.h>

#include "base/error.hpp"

namespace tutti::api {

Settings configured(Settings base, const tuttiConfig_t* config) {
  if (config == nullptr) return base;
  if (config->magic != TUTTI_CONFIG_MAGIC || config->size < sizeof(tuttiConfig_t)) {
    fail(Code::invalid_argument,
         "config: magic {:#x} and size {} given, {:#x} and {} expected: initialise it with "
         "TUTTI_CONFIG_INITIALIZER",
         config->magic, config->size, TUTTI_CONFIG_MAGIC, sizeof(tuttiConfig_t));
  }
  const auto set_text = [&](const char* name, const char* value) {
    if (value != TUTTI_CONFIG_UNDEF_PTR) base.set(name, value);
  };
  const auto set_int = [&](const char* name, int value) {
    if (value != TUTTI_CONFIG_UNDEF_INT) base.set(name, std::to_string(value));
  };
  if (config->settings != TUTTI_CONFIG_UNDEF_PTR) base.set_all(config->settings);
  set_text("TRANSPORT", config->transport);
  set_text("ALGORITHM", config->algorithm);
  set_int("LANES", config->lanes);
  if (config->chunkBytes != TUTTI_CONFIG_UNDEF_SIZE) base.set("CHUNK", std::to_string(config->chunkBytes));
  set_int("REPRODUCIBLE", config->reproducible);
  set_int("TIMEOUT_MS", config->timeoutMs);
  set_int("INIT_TIMEOUT_MS", config->initTimeoutMs);
  set_text("HOSTID", config->hostId);
  set_text("SOCKET_INTERFACES", config->socketInterfaces);
  set_text("COMM_NAME", config->commName);
  return base;
}

}  // namespace tutti::api
