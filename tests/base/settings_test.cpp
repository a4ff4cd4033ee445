#include "base/settings.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/environment_guard.hpp"
#include "base/error.hpp"

namespace tutti {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Body>
std::string sentence_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    return error.what();
  }
  return "nothing was thrown";
}

/// Every test begins with no TUTTI_* variable and an empty home directory.
class FromEnvironment : public ::testing::Test {
 protected:
  FromEnvironment() {
    for (const SettingInfo& info : setting_table()) environment_.unset("TUTTI_" + std::string(info.name));
    environment_.unset("TUTTI_CONFIG_FILE");
    std::string pattern = ::testing::TempDir() + "/tutti-settings-XXXXXX";
    home_ = ::mkdtemp(pattern.data());
    environment_.set("HOME", home_.string());
  }
  ~FromEnvironment() override { std::filesystem::remove_all(home_); }

  std::string write(const std::string& name, const std::string& text) {
    const auto path = home_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }

  test::EnvironmentGuard environment_;
  std::filesystem::path home_;
};

TEST_F(FromEnvironment, gives_the_defaults_where_nothing_is_set) {
  const Settings settings = Settings::from_environment();
  const Settings defaults;
  for (const SettingInfo& info : setting_table()) {
    EXPECT_EQ(text_of(settings, info), text_of(defaults, info)) << info.name;
  }
}

TEST_F(FromEnvironment, reads_every_kind_of_setting) {
  environment_.set("TUTTI_TRANSPORT", "tcp");
  environment_.set("TUTTI_LANES", "3");
  environment_.set("TUTTI_CHUNK", "64K");
  environment_.set("TUTTI_REPRODUCIBLE", "yes");
  const Settings settings = Settings::from_environment();
  EXPECT_EQ(settings.transport, "tcp");
  EXPECT_EQ(settings.lanes, 3);
  EXPECT_EQ(settings.chunk_bytes, 65536U);
  EXPECT_TRUE(settings.reproducible);
}

TEST_F(FromEnvironment, takes_a_variable_set_to_nothing_as_not_set) {
  environment_.set("TUTTI_LANES", "");
  EXPECT_EQ(Settings::from_environment().lanes, 0);
}

TEST_F(FromEnvironment, prefers_the_environment_to_the_file_and_the_file_to_the_default) {
  environment_.set("TUTTI_CONFIG_FILE", write("my.conf",
                                              "# a comment\n"
                                              "LANES = 2   # and another\n"
                                              "\n"
                                              "TUTTI_SPIN_US=7\n"
                                              "sockets=4"));
  environment_.set("TUTTI_LANES", "5");
  const Settings settings = Settings::from_environment();
  EXPECT_EQ(settings.lanes, 5);
  EXPECT_EQ(settings.spin_us, 7);
  EXPECT_EQ(settings.sockets, 4);
  EXPECT_EQ(settings.slots, Settings{}.slots);
}

TEST_F(FromEnvironment, finds_the_file_in_the_home_directory) {
  write(".config/tutti.conf", "LANES=6\n");
  EXPECT_EQ(Settings::from_environment().lanes, 6);
}

TEST_F(FromEnvironment, names_file_and_line_of_a_bad_value) {
  const std::string path = write("bad.conf", "LANES=2\nLANES=many\n");
  environment_.set("TUTTI_CONFIG_FILE", path);
  EXPECT_THAT(sentence_of([] { (void)Settings::from_environment(); }),
              AllOf(HasSubstr(path + " line 2"), HasSubstr("TUTTI_LANES=many"), HasSubstr("from 0 to 64")));
  environment_.set("TUTTI_CONFIG_FILE", write("bad.conf", "LANES\n"));
  EXPECT_THAT(sentence_of([] { (void)Settings::from_environment(); }), HasSubstr("not NAME=VALUE"));
}

TEST_F(FromEnvironment, refuses_a_named_file_that_is_not_there) {
  environment_.set("TUTTI_CONFIG_FILE", (home_ / "missing.conf").string());
  EXPECT_THAT(sentence_of([] { (void)Settings::from_environment(); }),
              AllOf(HasSubstr("TUTTI_CONFIG_FILE="), HasSubstr("No such file")));
}

TEST_F(FromEnvironment, names_variable_value_and_bounds) {
  environment_.set("TUTTI_LANES", "65");
  EXPECT_THAT(sentence_of([] { (void)Settings::from_environment(); }),
              AllOf(HasSubstr("TUTTI_LANES=65"), HasSubstr("from 0 to 64")));
}

TEST_F(FromEnvironment, warns_once_of_an_unknown_variable_and_names_the_nearest) {
  environment_.set("TUTTI_LNAES", "2");
  ::testing::internal::CaptureStderr();
  (void)Settings::from_environment();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("TUTTI_LNAES"), HasSubstr("is TUTTI_LANES meant?")));
  ::testing::internal::CaptureStderr();
  (void)Settings::from_environment();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST_F(FromEnvironment, knows_the_variables_that_are_no_settings) {
  for (const char* name :
       {"TUTTI_LOG_LEVEL", "TUTTI_LOG_FILE", "TUTTI_DEBUG", "TUTTI_CPU", "TUTTI_RANK", "TUTTI_SIZE"}) {
    environment_.set(name, "");
  }
  environment_.set("TUTTI_TEST_ANYTHING", "1");
  ::testing::internal::CaptureStderr();
  (void)Settings::from_environment();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Settings, set_takes_any_case_and_the_prefix) {
  Settings settings;
  settings.set("lanes", "4");
  EXPECT_EQ(settings.lanes, 4);
  settings.set("Tutti_Lanes", " 8 ");
  EXPECT_EQ(settings.lanes, 8);
}

TEST(Settings, set_refuses_what_is_no_whole_number_within_bounds) {
  Settings settings;
  for (const char* value : {"", "x", "4x", "-1", "65", "4.0", "99999999999999999999", "0x4", "+4"}) {
    EXPECT_THAT(sentence_of([&] { settings.set("LANES", value); }), HasSubstr("TUTTI_LANES=")) << value;
  }
  EXPECT_EQ(settings.lanes, 0);
}

TEST(Settings, set_refuses_other_words_than_the_allowed) {
  Settings settings;
  EXPECT_THAT(sentence_of([&] { settings.set("TRANSPORT", "carrier-pigeon"); }),
              AllOf(HasSubstr("TUTTI_TRANSPORT=carrier-pigeon"), HasSubstr("shm, tcp, verbs, loop")));
  EXPECT_THAT(sentence_of([&] { settings.set("REPRODUCIBLE", "maybe"); }), HasSubstr("true"));
  settings.set("TRANSPORT", "");
  EXPECT_EQ(settings.transport, "");
}

TEST(Settings, set_refuses_a_size_out_of_bounds) {
  Settings settings;
  EXPECT_THAT(sentence_of([&] { settings.set("SHM_SLOT", "1"); }), HasSubstr("from 64 to 64M"));
  EXPECT_THAT(sentence_of([&] { settings.set("SHM_SLOT", "1T"); }), HasSubstr("TUTTI_SHM_SLOT=1T"));
}

TEST(Settings, set_names_the_nearest_setting) {
  Settings settings;
  EXPECT_THAT(sentence_of([&] { settings.set("HEARTBEAT", "1"); }),
              HasSubstr("is TUTTI_HEARTBEAT_MS meant?"));
}

TEST(Settings, set_all_takes_several_or_none) {
  Settings settings;
  settings.set_all(" LANES=2; chunk = 1M ;; ");
  EXPECT_EQ(settings.lanes, 2);
  EXPECT_EQ(settings.chunk_bytes, 1U << 20);
  settings.set_all("");
  EXPECT_THAT(sentence_of([&] { settings.set_all("LANES=3;SOCKETS=no"); }), HasSubstr("TUTTI_SOCKETS=no"));
  EXPECT_EQ(settings.lanes, 2) << "nothing of a refused string may stay";
  EXPECT_THAT(sentence_of([&] { settings.set_all("LANES"); }), HasSubstr("not NAME=VALUE"));
}

TEST(Settings, table_rows_are_complete_and_their_text_is_what_set_takes) {
  const Settings defaults;
  for (const SettingInfo& info : setting_table()) {
    EXPECT_FALSE(info.help.empty()) << info.name;
    EXPECT_EQ(info.help.back(), '.') << info.name;
    Settings copy;
    EXPECT_NO_THROW(copy.set(info.name, text_of(defaults, info))) << info.name;
    EXPECT_EQ(text_of(copy, info), text_of(defaults, info)) << info.name;
  }
}

TEST(ParseBytes, takes_units_of_1024) {
  EXPECT_EQ(parse_bytes("0", "size"), 0U);
  EXPECT_EQ(parse_bytes("12345", "size"), 12345U);
  EXPECT_EQ(parse_bytes("12345B", "size"), 12345U);
  EXPECT_EQ(parse_bytes("64K", "size"), 65536U);
  EXPECT_EQ(parse_bytes("64kb", "size"), 65536U);
  EXPECT_EQ(parse_bytes(" 1 MiB ", "size"), 1U << 20);
  EXPECT_EQ(parse_bytes("4GiB", "size"), std::size_t{4} << 30);
  EXPECT_EQ(parse_bytes("2T", "size"), std::size_t{2} << 40);
  EXPECT_EQ(parse_bytes("18446744073709551615", "size"), SIZE_MAX);
}

TEST(ParseBytes, refuses_the_rest_and_says_what_it_was) {
  for (const char* text :
       {"", "K", "-1", "1.5K", "1X", "1KK", "1 K K", "18446744073709551616", "16777216T"}) {
    EXPECT_THAT(sentence_of([&] { (void)parse_bytes(text, "the size of -b"); }),
                AllOf(HasSubstr("the size of -b"), HasSubstr(text), HasSubstr("64K")))
        << text;
  }
}

}  // namespace
}  // namespace tutti
