// docs/settings.md is the table of settings.cpp, written out. TUTTI_TEST_WRITE=1 writes it anew.
#include <fstream>
#include <sstream>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/settings.hpp"

namespace tutti {
namespace {

std::string allowed_text(const SettingInfo& info) {
  if (std::holds_alternative<bool Settings::*>(info.member)) return "0 or 1";
  if (!std::holds_alternative<std::string Settings::*>(info.member)) {
    return fmt::format("{} to {}", info.minimum, info.maximum);
  }
  std::string text;
  for (const std::string_view value : info.allowed)
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", value);
  return text.empty() ? "any text" : text;
}

std::string page() {
  std::string text =
      "# Settings\n\n"
      "Every communicator has its own: from the configuration file (`TUTTI_CONFIG_FILE`, else "
      "`~/.config/tutti.conf`, lines "
      "`NAME=VALUE`), over it the environment (`TUTTI_NAME`), over it `tuttiConfig_t` (its fields, or "
      "`settings` as "
      "`\"NAME=VALUE;NAME=VALUE\"`). Settings that decide what goes over the wire are rank 0's on every "
      "rank.\n\n"
      "| variable | default | allowed | meaning |\n| --- | --- | --- | --- |\n";
  const Settings defaults;
  for (const SettingInfo& info : setting_table()) {
    const std::string value = text_of(defaults, info);
    text += fmt::format("| `TUTTI_{}` | {} | {} | {} |\n", info.name,
                        value.empty() ? "" : fmt::format("`{}`", value), allowed_text(info), info.help);
  }
  text +=
      "\nAlso read: `TUTTI_LOG_LEVEL` (`trace`, `debug`, `info`, `warn`, `error`, `off`; default `warn`), "
      "`TUTTI_LOG_FILE` (`%h` "
      "host, `%p` pid), `TUTTI_CPU` (`portable`, `avx2`, `avx512`: at most this instruction set), "
      "`TUTTI_RANK` and `TUTTI_SIZE` "
      "(start without a launcher).\n";
  return text;
}

TEST(SettingsPage, is_what_the_table_says) {
  const std::string path = std::string(TUTTI_SOURCE_DIR) + "/docs/settings.md";
  if (!environment("TUTTI_TEST_WRITE").empty()) std::ofstream(path) << page();
  std::stringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), page()) << "run this test with TUTTI_TEST_WRITE=1 and look at the difference";
}

}  // namespace
}  // namespace tutti
