// Which launcher started us, and how its ranks find each other.
#include "bootstrap/environment.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/network.hpp"
#include "bootstrap/rendezvous.hpp"
#include "bootstrap/shared_file.hpp"
#include "ranks.hpp"

namespace tutti::testing {
namespace {

using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

Lookup lookup_in(const Variables& variables) {
  return [variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

struct Case {
  std::string launcher;
  Variables variables;
  Launch expected;
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.launcher;
}

class Launchers : public ::testing::TestWithParam<Case> {};

TEST_P(Launchers, are_recognised) {
  const Launch& expected = GetParam().expected;
  const auto launch = detect_launch(lookup_in(GetParam().variables));
  ASSERT_TRUE(launch);
  EXPECT_EQ(launch->launcher, GetParam().launcher);
  EXPECT_EQ(launch->rank, expected.rank);
  EXPECT_EQ(launch->size, expected.size);
  EXPECT_EQ(launch->local_rank, expected.local_rank);
  EXPECT_EQ(launch->local_size, expected.local_size);
  EXPECT_EQ(launch->job, expected.job);
}

const Variables kSlurmStep = {{"SLURM_PROCID", "6"},  {"SLURM_NTASKS", "7"},
                              {"SLURM_LOCALID", "0"}, {"SLURM_JOB_ID", "88"},
                              {"SLURM_STEP_ID", "3"}, {"SLURM_NODEID", "3"},
                              {"SLURM_NNODES", "4"},  {"SLURM_STEP_TASKS_PER_NODE", "2(x3),1"}};
Variables with(Variables variables, const Variables& more) {
  for (const auto& [name, value] : more) variables[name] = value;
  return variables;
}

INSTANTIATE_TEST_SUITE_P(
    All, Launchers,
    ::testing::Values(
        Case{"tutti",
             {{"TUTTI_RANK", "1"},
              {"TUTTI_SIZE", "4"},
              {"TUTTI_LOCAL_RANK", "1"},
              {"TUTTI_LOCAL_SIZE", "4"},
              {"TUTTI_JOB", "mine"},
              {"RANK", "0"},
              {"WORLD_SIZE", "2"}},
             {1, 4, 1, 4, "", "mine"}},
        Case{"tutti", {{"TUTTI_RANK", "1"}, {"TUTTI_SIZE", "4"}}, {1, 4, -1, 0, "", ""}},
        Case{"torchrun",
             {{"RANK", "3"},
              {"WORLD_SIZE", "8"},
              {"LOCAL_RANK", "1"},
              {"LOCAL_WORLD_SIZE", "2"},
              {"TORCHELASTIC_RUN_ID", "none"},
              {"MASTER_PORT", "29500"},
              {"TORCHELASTIC_RESTART_COUNT", "1"}},
             {3, 8, 1, 2, "", "none.29500.1."}},
        Case{"Open MPI",
             {{"OMPI_COMM_WORLD_RANK", "2"},
              {"OMPI_COMM_WORLD_SIZE", "4"},
              {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
              {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
              {"PMIX_NAMESPACE", "4711"}},
             {2, 4, 0, 2, "", "4711"}},
        Case{
            "Open MPI",
            {{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_MCA_ess_base_jobid", "12"}},
            {0, 1, -1, 0, "", "12"}},
        Case{"PMI",
             {{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "1"}, {"MPI_LOCALNRANKS", "2"}},
             {1, 2, 1, 2, "", ""}},
        Case{"Slurm", kSlurmStep, {6, 7, 0, 1, "", "88.3"}},
        Case{"Slurm",
             with(kSlurmStep, {{"SLURM_PROCID", "3"}, {"SLURM_NODEID", "1"}}),
             {3, 7, 0, 2, "", "88.3"}},
        Case{"Slurm", with(kSlurmStep, {{"PMI_RANK", "6"}, {"PMI_SIZE", "7"}}), {6, 7, 0, 1, "", "88.3"}},
        // mpirun of a PMI launcher that started its own helpers by srun.
        Case{"PMI", with(kSlurmStep, {{"PMI_RANK", "40"}, {"PMI_SIZE", "56"}}), {40, 56, -1, 0, "", ""}}));

TEST(Launch, is_none_in_a_plain_process) {
  EXPECT_FALSE(detect_launch(lookup_in({})));
  // A batch script is one process, though Slurm tells it a rank and a number of tasks.
  EXPECT_FALSE(
      detect_launch(lookup_in({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "16"}, {"SLURM_JOB_ID", "1"}})));
  EXPECT_FALSE(detect_launch(lookup_in({{"RANK", "3"}})));
}

std::string refusal_of(const Variables& variables) {
  return run_ranks(1, [&](int) { (void)detect_launch(lookup_in(variables)); })[0].sentence;
}

TEST(Launch, refuses_variables_that_make_no_sense) {
  EXPECT_EQ(refusal_of({{"RANK", "two"}, {"WORLD_SIZE", "4"}}),
            "RANK is 'two'; it must be a whole number from 0 to 3");
  EXPECT_EQ(refusal_of({{"RANK", "4"}, {"WORLD_SIZE", "4"}}),
            "RANK is '4'; it must be a whole number from 0 to 3");
  EXPECT_EQ(refusal_of({{"TUTTI_RANK", "0"}}),
            "TUTTI_RANK is set and TUTTI_SIZE is not: set both, or neither");
}

// Starts that find each other. Every test has a folder and a job of its own.
class Starting : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "tutti-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    variables_["TMPDIR"] = folder_;
  }
  // Rank 0 may be removing its file at the same moment: that it is gone then is no error.
  void TearDown() override {
    std::error_code vanished;
    for (int i = 0; i < 10 && std::filesystem::exists(folder_); ++i)
      std::filesystem::remove_all(folder_, vanished);
  }

  [[nodiscard]] Launch launch(int rank, int size, int local_size) const {
    return {rank, size, rank % std::max(local_size, 1), local_size, "torchrun", folder_};
  }
  // All ranks start from the environment and join; what went wrong, by rank.
  [[nodiscard]] std::vector<Outcome> start(int size, int local_size) const {
    return run_ranks(size, [&](int rank) {
      const UniqueId id =
          id_from_environment(launch(rank, size, local_size), settings_, lookup_in(variables_));
      const Membership member = join(id, rank, size, std::to_string(rank), settings_);
      for (int other = 0; other < size; ++other)
        EXPECT_EQ(member.infos[static_cast<std::size_t>(other)], std::to_string(other));
    });
  }
  [[nodiscard]] bool folder_empties() const {
    const Deadline deadline = after_ms(10'000);
    while (!std::filesystem::is_empty(folder_) && !passed(deadline)) ::usleep(1000);
    return std::filesystem::is_empty(folder_);
  }
  // A port with eight above it that nobody listens on now.
  [[nodiscard]] int free_port() const {
    const FileDescriptor probe = listen_anywhere(settings_);
    return std::min<int>(local_address(probe.get()).port(), 65'000);
  }
  // An id whose rendezvous is gone.
  [[nodiscard]] UniqueId dead_id() const {
    IdContents contents;
    contents.root.port = static_cast<std::uint16_t>(free_port());
    contents.root.addresses = {SocketAddress::loopback(AF_INET)};
    return encode(contents);
  }

  std::string folder_;
  Settings settings_ = loopback_settings();
  Variables variables_;
};

TEST_F(Starting, on_one_host_goes_by_a_private_file_that_is_removed) {
  EXPECT_THAT(start(4, 4), Each(Field(&Outcome::sentence, "")));
  EXPECT_TRUE(folder_empties());
}

TEST_F(Starting, gives_another_rendezvous_each_time) {
  EXPECT_THAT(start(2, 2), Each(Field(&Outcome::sentence, "")));
  EXPECT_THAT(start(2, 2), Each(Field(&Outcome::sentence, "")));
  EXPECT_TRUE(folder_empties());
}

TEST_F(Starting, goes_by_a_file_that_the_user_names) {
  settings_.rendezvous_file = folder_ + "/meet";
  std::ofstream(settings_.rendezvous_file).close();  // as mktemp leaves one
  EXPECT_THAT(start(3, 1), Each(Field(&Outcome::sentence, "")));
  EXPECT_TRUE(folder_empties());
}

TEST_F(Starting, is_not_led_astray_by_the_file_of_a_killed_job) {
  settings_.rendezvous_file = folder_ + "/meet";
  write_id_file(settings_.rendezvous_file, dead_id());
  EXPECT_THAT(start(3, 1), Each(Field(&Outcome::sentence, "")));
}

TEST_F(Starting, is_not_led_astray_by_somebody_elses_rendezvous) {
  // Alive, but the file's secret is not its own: as when a port has found a new user.
  settings_.rendezvous_file = folder_ + "/meet";
  IdContents contents = *decode(create_unique_id(settings_));
  contents.secret = random_secret();
  write_id_file(settings_.rendezvous_file, encode(contents));
  EXPECT_THAT(start(2, 1), Each(Field(&Outcome::sentence, "")));
}

TEST_F(Starting, overwrites_no_file_that_is_not_its_own) {
  settings_.rendezvous_file = folder_ + "/thesis";
  std::ofstream(settings_.rendezvous_file) << "years of work";
  const auto outcomes =
      run_ranks(1, [&](int) { (void)id_from_environment(launch(0, 2, 1), settings_, lookup_in({})); });
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("was not written by tutti"));
  std::string words;
  std::ifstream(settings_.rendezvous_file) >> words;
  EXPECT_EQ(words, "years");
}

TEST_F(Starting, follows_no_link) {
  const std::string target = folder_ + "/target";
  write_id_file(target, dead_id());
  ASSERT_EQ(::symlink(target.c_str(), (folder_ + "/link").c_str()), 0);
  EXPECT_THROW((void)read_id_file(folder_ + "/link"), Error);
}

TEST_F(Starting, keeps_the_file_private) {
  write_id_file(folder_ + "/meet", dead_id());
  struct stat status {};
  ASSERT_EQ(::stat((folder_ + "/meet").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Starting, says_that_rank_0_offers_nothing) {
  settings_.rendezvous_file = folder_ + "/meet";
  settings_.init_timeout_ms = 100;
  const auto outcomes =
      run_ranks(1, [&](int) { (void)id_from_environment(launch(1, 2, 1), settings_, lookup_in({})); });
  EXPECT_EQ(outcomes[0].code, Code::timeout);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("found no living rendezvous in the file " + folder_ + "/meet"));
}

TEST_F(Starting, on_several_hosts_goes_by_the_masters_address) {
  variables_ = {{"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", std::to_string(free_port())}};
  settings_.secret = "shared";
  EXPECT_THAT(start(3, 1), Each(Field(&Outcome::sentence, "")));
}

TEST_F(Starting, passes_over_the_ports_that_others_use) {
  const int port = free_port();
  Settings taken = settings_;
  taken.port_range = fmt::format("{}-{}", port + 1, port + 2);
  const FileDescriptor silent = listen_anywhere(taken);  // accepts, in the kernel, and never says a word
  variables_ = {{"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", std::to_string(port)}};
  EXPECT_THAT(start(2, 1), Each(Field(&Outcome::sentence, "")));
}

TEST_F(Starting, needs_the_same_secret_at_the_masters_address) {
  variables_ = {{"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", std::to_string(free_port())}};
  Settings other = settings_;
  other.secret = "guessed";
  other.init_timeout_ms = 300;
  const auto outcomes = run_ranks(2, [&](int rank) {
    (void)id_from_environment(launch(rank, 2, 1), rank == 0 ? settings_ : other, lookup_in(variables_));
  });
  EXPECT_EQ(outcomes[0].sentence, "");
  EXPECT_THAT(outcomes[1].sentence, HasSubstr("cannot reach rank 0's rendezvous at MASTER_ADDR=127.0.0.1"));
}

TEST_F(Starting, says_which_variables_to_set_when_nothing_tells_the_way) {
  const auto outcomes =
      run_ranks(1, [&](int) { (void)id_from_environment(launch(1, 4, 2), settings_, lookup_in({})); });
  EXPECT_EQ(outcomes[0].code, Code::invalid_usage);
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("set MASTER_ADDR"));
  EXPECT_THAT(outcomes[0].sentence, HasSubstr("TUTTI_RENDEZVOUS_FILE"));
}

}  // namespace
}  // namespace tutti::testing
