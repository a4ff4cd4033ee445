// The selector: pure, obedient to what is forced, and never choosing what does not fit.
#include "select/select.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.hpp"

namespace tutti {
namespace {

using testing::HasSubstr;

Situation situation_of(int size, int hosts = 1) {
  Situation situation;
  situation.size = size;
  for (int rank = 0; rank < size; ++rank) situation.ground.host_of.push_back(rank * hosts / size);
  return situation;
}

constexpr Collective kPriced[] = {Collective::all_reduce,     Collective::reduce,     Collective::broadcast,
                                  Collective::reduce_scatter, Collective::all_gather, Collective::gather,
                                  Collective::scatter,        Collective::all_to_all, Collective::barrier};

TEST(Choose, gives_the_same_again_and_fits_every_situation) {
  for (const int size : {1, 2, 3, 8}) {
    for (const int hosts : {1, 2}) {
      if (hosts > size) continue;
      for (const Collective collective : kPriced) {
        for (const std::size_t bytes : {std::size_t{8}, std::size_t{64} << 10, std::size_t{64} << 20}) {
          const Situation situation = situation_of(size, hosts);
          const Request request{collective, size - 1, bytes, false};
          const Choice first = choose(situation, request), again = choose(situation, request);
          ASSERT_NE(first.algorithm, nullptr);
          EXPECT_EQ(first.algorithm->collective, collective);
          EXPECT_TRUE(first.algorithm->applies({size, request.root, situation.ground.host_of}));
          EXPECT_EQ(first.algorithm, again.algorithm);
          EXPECT_EQ(first.chunk_bytes, again.chunk_bytes);
          EXPECT_EQ(first.chunk_bytes % 64, 0U);
          EXPECT_LE(first.chunk_bytes, situation.largest_chunk);
          EXPECT_GE(first.lanes, 1);
          EXPECT_THAT(first.why, HasSubstr(std::string(first.algorithm->name)));
        }
      }
    }
  }
}

TEST(Choose, takes_what_is_forced) {
  for (const Algorithm& algorithm : algorithms()) {
    Situation situation = situation_of(4, 2);
    if (!algorithm.applies({4, 0, situation.ground.host_of})) continue;
    situation.algorithm = algorithm.name;
    situation.lanes = 3;
    situation.chunk_bytes = 4096;
    const Choice choice = choose(situation, {algorithm.collective, 0, 1 << 20, false});
    EXPECT_EQ(choice.algorithm, &algorithm);
    EXPECT_EQ(choice.lanes, 3);
    EXPECT_EQ(choice.chunk_bytes, 4096U);
    EXPECT_EQ(choice.pipelines, algorithm.pipelines);
  }
}

TEST(Choose, cuts_no_larger_than_slots_and_no_smaller_than_a_line) {
  Situation situation = situation_of(2);
  situation.chunk_bytes = 1 << 30;
  EXPECT_EQ(choose(situation, {Collective::broadcast, 0, 1 << 20, false}).chunk_bytes,
            situation.largest_chunk);
  situation.chunk_bytes = 1;
  EXPECT_EQ(choose(situation, {Collective::broadcast, 0, 1 << 20, false}).chunk_bytes, 64U);
}

TEST(Choose, cuts_finer_what_a_cores_own_cache_can_hold) {
  Situation situation = situation_of(2);
  const Request within{Collective::all_reduce, 0, 2 << 20, false},
      beyond{Collective::all_reduce, 0, 8 << 20, false};
  situation.ground.costs.core_cache_bytes = 1 << 20;
  EXPECT_EQ(choose(situation, within).chunk_bytes, 32U << 10);
  EXPECT_EQ(choose(situation, beyond).chunk_bytes, situation.largest_chunk);
  situation.ground.costs.core_cache_bytes = 512 << 10;
  EXPECT_EQ(choose(situation, within).chunk_bytes, situation.largest_chunk);
}

Situation sockets_between(int ranks) {
  Situation situation = situation_of(ranks, ranks);
  situation.ground.shared_memory = false;
  situation.largest_chunk = 128 << 10;
  return situation;
}

TEST(Choose, passes_nothing_on_between_two_ranks_over_sockets) {
  for (const double ns_per_byte : {0.1, 0.16, 0.7}) {
    Situation situation = sockets_between(2);
    situation.ground.costs.tcp.ns_per_byte = ns_per_byte;
    for (const std::size_t bytes : {8UL, 128UL << 10, 8UL << 20, 128UL << 20}) {
      const Choice choice = choose(situation, {Collective::all_reduce, 0, bytes, false});
      EXPECT_EQ(make_programs(*choice.algorithm, {2, 0, situation.ground.host_of}).front().rounds(), 1)
          << choice.why;
    }
  }
}

// A socket's reader takes what has come while the rest is written: two halves would only be two calls.
TEST(Choose, sends_a_short_broadcast_over_a_socket_as_one_message) {
  const Situation situation = sockets_between(2);
  for (const std::size_t bytes : {8UL, 16UL << 10, 32UL << 10, 64UL << 10}) {
    const Choice choice = choose(situation, {Collective::broadcast, 0, bytes, false});
    EXPECT_EQ(make_programs(*choice.algorithm, {2, 0, situation.ground.host_of}).front().operations().size(),
              1U)
        << choice.why;
  }
}

// What the device has written lies in memory: to copy half of it costs no more than to reduce twice as much.
TEST(Choose, halves_the_reductions_of_two_ranks_over_software_rdma) {
  Situation situation = sockets_between(2);
  situation.ground.rdma = true;
  situation.ground.costs.rdma = rdma_cost(situation.ground.costs, 0, true);
  for (const std::size_t bytes : {512UL << 10, 8UL << 20})
    EXPECT_EQ(choose(situation, {Collective::all_reduce, 0, bytes, false}).algorithm->name, "ring");
}

TEST(Choose, passes_on_over_sockets_where_that_moves_fewer_bytes) {
  const Choice choice = choose(sockets_between(8), {Collective::all_reduce, 0, 8 << 20, false});
  EXPECT_NE(choice.algorithm->name, "one_shot");
}

TEST(Choose, cuts_finer_over_sockets_where_both_ends_send_at_once) {
  const Situation situation = sockets_between(2);
  const auto chunk = [&](Collective collective, std::size_t bytes) {
    return choose(situation, {collective, 0, bytes, false}).chunk_bytes;
  };
  EXPECT_EQ(chunk(Collective::all_reduce, 8 << 20), 64U << 10);
  EXPECT_EQ(chunk(Collective::all_reduce, 64 << 10), 32U << 10);
  EXPECT_EQ(chunk(Collective::broadcast, 8 << 20), 128U << 10);
}

TEST(Choose, leaves_a_collective_free_that_lacks_the_forced_algorithm) {
  Situation situation = situation_of(4);
  situation.algorithm = "rabenseifner";  // of all_reduce only
  EXPECT_EQ(choose(situation, {Collective::all_reduce, 0, 1000, false}).algorithm->name, "rabenseifner");
  EXPECT_NE(choose(situation, {Collective::gather, 0, 1000, false}).algorithm, nullptr);
}

TEST(Choose, names_all_algorithms_when_the_forced_one_is_unknown) {
  Situation situation = situation_of(2);
  situation.algorithm = "magic";
  try {
    (void)choose(situation, {});
    FAIL() << "not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::invalid_argument);
    EXPECT_THAT(error.what(), HasSubstr("\"magic\""));
    for (const Algorithm& algorithm : algorithms())
      EXPECT_THAT(error.what(), HasSubstr(std::string(algorithm.name)));
  }
}

TEST(Choose, reproducible_reductions_only_by_algorithms_that_are) {
  for (const Collective collective :
       {Collective::all_reduce, Collective::reduce, Collective::reduce_scatter}) {
    for (const std::size_t bytes : {std::size_t{8}, std::size_t{1} << 16, std::size_t{1} << 26}) {
      for (const char* forced : {"", "ring", "tree"}) {
        Situation situation = situation_of(6, 3);
        situation.reproducible = true;
        situation.algorithm = forced;
        EXPECT_TRUE(choose(situation, {collective, 1, bytes, false}).algorithm->reproducible);
      }
    }
  }
}

TEST(Choose, never_bruck_where_lengths_are_private) {
  for (const int size : {2, 5, 16}) {
    Situation situation = situation_of(size);
    for (const char* forced : {"", "bruck"}) {
      situation.algorithm = forced;
      EXPECT_NE(choose(situation, {Collective::all_to_all, 0, 0, true}).algorithm->name, "bruck");
    }
  }
  Situation situation = situation_of(16);
  situation.algorithm = "bruck";
  EXPECT_EQ(choose(situation, {Collective::all_to_all, 0, 0, false}).algorithm->name, "bruck");
}

TEST(Price, grows_with_the_bytes) {
  const Shape shape{8, 0, {0, 0, 0, 0, 1, 1, 1, 1}};
  Ground ground;
  ground.host_of = shape.host_of;
  for (const Algorithm& algorithm : algorithms()) {
    if (!algorithm.applies(shape) || algorithm.collective == Collective::barrier) continue;
    const std::vector<Program> programs = make_programs(algorithm, shape);
    double before = 0;
    for (std::size_t bytes = 64; bytes <= std::size_t{64} << 20; bytes *= 4) {
      const double now = price({programs, bytes, 64 << 10, algorithm.pipelines}, ground);
      EXPECT_GE(now, before) << name_of(algorithm.collective) << " " << algorithm.name << " " << bytes;
      before = now;
    }
  }
}

TEST(Price, of_one_rank_is_nothing) {
  const std::vector<Program> alone(1, Program(1, 1));
  EXPECT_EQ(price({alone, 1000, 64, true}, {{0}, true, 1, {}}), 0);
}

// --- costs

void expect_equal(const Costs& left, const Costs& right) {
  EXPECT_EQ(to_text(left), to_text(right));
}

TEST(Costs, survive_a_round_trip) {
  Costs costs;
  costs.shared_memory = {1.5, 2.25, 0.1};
  costs.tcp.ns_per_byte = 1.0 / 3;
  costs.rdma.latency_ns = 777;
  costs.cached_bytes = 12345;
  costs.core_cache_bytes = 6789;
  const Costs read = costs_from_text(to_text(costs));
  EXPECT_EQ(read.shared_memory.latency_ns, 1.5);
  EXPECT_EQ(read.tcp.ns_per_byte, 1.0 / 3);
  EXPECT_EQ(read.rdma.latency_ns, 777);
  EXPECT_EQ(read.cached_bytes, 12345);
  EXPECT_EQ(read.core_cache_bytes, 6789);
  expect_equal(read, costs);
}

TEST(Costs, of_rdma_follow_the_link_the_copy_and_what_the_device_is_made_of) {
  Costs costs;
  costs.shared_memory.ns_per_byte = 0.05;
  EXPECT_EQ(rdma_cost(costs, 12.5, false).ns_per_byte, 0.08);
  EXPECT_EQ(rdma_cost(costs, 50, false).ns_per_byte, 0.05) << "the copy into the slot is slower";
  EXPECT_EQ(rdma_cost(costs, 0, false).ns_per_byte, Costs{}.rdma.ns_per_byte);
  EXPECT_LT(rdma_cost(costs, 12.5, false).latency_ns, costs.tcp.latency_ns);
  costs.tcp.latency_ns = 1234;
  EXPECT_EQ(rdma_cost(costs, 12.5, true).latency_ns, 1234);
}

TEST(Price, is_that_of_the_wire_between_the_hosts) {
  const Shape shape{4, 0, {0, 0, 1, 1}};
  for (const Algorithm& algorithm : algorithms()) {
    if (!algorithm.applies(shape)) continue;
    const std::vector<Program> programs = make_programs(algorithm, shape);
    const Bid bid{programs, 1024, 64 << 10, algorithm.pipelines};
    Ground ground;
    ground.host_of = shape.host_of;
    const double over_tcp = price(bid, ground);
    ground.costs.rdma = {1, 1, 0.001};
    EXPECT_EQ(price(bid, ground), over_tcp) << "RDMA is not used";
    ground.rdma = true;
    EXPECT_LT(price(bid, ground), over_tcp) << name_of(algorithm.collective) << " " << algorithm.name;
    ground.host_of = {0, 0, 0, 0};
    const double within = price(bid, ground);
    ground.costs.rdma.latency_ns = 1e6;
    EXPECT_EQ(price(bid, ground), within) << "no message leaves the host";
  }
}

TEST(Costs, refuse_other_texts) {
  const std::string good = to_text(Costs{});
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("{\"version\":1}"),
        good.substr(0, good.size() / 2), std::string("null")})
    EXPECT_THROW((void)costs_from_text(text), Error) << text;
}

class CostsCache : public testing::Test {
 protected:
  CostsCache() {
    folder_ = std::filesystem::temp_directory_path() / ("tutti-costs-" + std::to_string(::getpid()));
    settings_.cache_dir = folder_.string();
  }
  ~CostsCache() override { std::filesystem::remove_all(folder_); }
  /// The one file there.
  [[nodiscard]] std::filesystem::path file() const {
    EXPECT_TRUE(std::filesystem::exists(folder_));
    return std::filesystem::directory_iterator(folder_)->path();
  }
  std::filesystem::path folder_;
  Settings settings_;
};

TEST_F(CostsCache, keeps_what_was_measured) {
  const Costs measured = machine_costs(settings_);
  expect_equal(machine_costs(settings_), measured);
  std::ofstream(file()) << to_text(Costs{}) << '\n';  // what lies there is believed
  expect_equal(machine_costs(settings_), Costs{});
}

TEST_F(CostsCache, is_measured_again_where_it_is_corrupt) {
  (void)machine_costs(settings_);
  const std::filesystem::path kept = file();
  for (const char* text : {"", "\n", "no json", "{\"version\":3}"}) {
    std::ofstream(kept) << text;
    const Costs again = machine_costs(settings_);
    EXPECT_GT(again.shared_memory.latency_ns, 0);
    std::string line;
    std::ifstream stream(kept);
    std::getline(stream, line);
    expect_equal(costs_from_text(line), again);
  }
}

TEST_F(CostsCache, that_cannot_be_written_does_no_harm) {
  settings_.cache_dir = "/proc/no-such-folder";
  EXPECT_GT(machine_costs(settings_).shared_memory.latency_ns, 0);
}

}  // namespace
}  // namespace tutti
