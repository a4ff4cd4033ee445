// The data that tutti-perf sends: exact in every order, and different wherever something could be mistaken
// for another.
#include "pattern.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "reduce/reduce.hpp"

namespace perf {
namespace {

using Bytes = std::vector<std::byte>;

tutti::ElementType element_type(tuttiDataType_t type) {
  return static_cast<tutti::ElementType>(type);
}

/// A kernel of the library as reference: it rounds to the type after every step.
tutti::reduce::Kernel kernel_of(tuttiDataType_t type, Operator op) {
  const auto named = op == Operator::mulsum ? tutti::Operator::sum : static_cast<tutti::Operator>(op);
  return tutti::reduce::kernel(element_type(type), named);
}

Bytes inputs_of(Patterns& patterns, tuttiDataType_t type, Operator op, int rank) {
  const std::byte* begin = patterns.input[static_cast<std::size_t>(rank)].at(0);
  Bytes input(begin, begin + kPeriod * size_of(type));
  if (op != Operator::mulsum) return input;
  std::array<std::byte, 8> scalar{};
  store(scalar.data(), type, mulsum_scalar(rank));
  tutti::reduce::scale(input.data(), input.data(), kPeriod, element_type(type), scalar.data());
  return input;
}

class Exactness : public testing::TestWithParam<std::tuple<tuttiDataType_t, Operator, int>> {};

TEST_P(Exactness, any_order_gives_the_expected_bits) {
  const auto [type, op, ranks] = GetParam();
  Patterns patterns = reduced(type, op, ranks);
  std::vector<int> order(static_cast<std::size_t>(ranks));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::mt19937 random(1);
  for (int attempt = 0; attempt < 3; ++attempt, std::shuffle(order.begin(), order.end(), random)) {
    Bytes result = inputs_of(patterns, type, op, order[0]);
    for (std::size_t i = 1; i < order.size(); ++i) {
      const Bytes next = inputs_of(patterns, type, op, order[i]);
      const std::byte* both[] = {result.data(), next.data()};
      const bool last = i + 1 == order.size();
      kernel_of(type, op)({result.data()}, both, 2, kPeriod, last && op == Operator::avg ? ranks : 1);
    }
    EXPECT_EQ(patterns.reduced.differences(result.data(), kPeriod, 0), 0u)
        << "in order " << testing::PrintToString(order);
  }
}

TEST_P(Exactness, every_rank_matters_somewhere) {
  const auto [type, op, ranks] = GetParam();
  Patterns patterns = reduced(type, op, ranks);
  for (int rank = 1; rank < ranks; ++rank) {
    const Bytes input = inputs_of(patterns, type, op, rank);
    const Bytes first = inputs_of(patterns, type, op, 0);
    EXPECT_NE(std::memcmp(input.data(), first.data(), input.size()), 0)
        << "ranks 0 and " << rank << " send the same";
  }
}

std::string case_name(const testing::TestParamInfo<Exactness::ParamType>& info) {
  const auto& [type, op, ranks] = info.param;
  return std::string(name_of(type)) + "_" + std::string(name_of(op)) + "_" + std::to_string(ranks);
}

INSTANTIATE_TEST_SUITE_P(All, Exactness,
                         testing::Combine(testing::ValuesIn(all_types()), testing::ValuesIn(all_operators()),
                                          testing::Values(2, 3, 17)),
                         case_name);

TEST(Element, looks_as_the_library_reads_it) {
  for (tuttiDataType_t type : all_types())
    for (std::int64_t value = is_signed(type) ? -largest_exact(type) : 0; value <= largest_exact(type);
         value += std::max<std::int64_t>(1, largest_exact(type) / 200)) {
      alignas(8) std::array<std::byte, 8> bytes{};
      store(bytes.data(), type, value);
      ASSERT_EQ(tutti::reduce::to_double(bytes.data(), element_type(type)), static_cast<double>(value))
          << name_of(type);
    }
}

TEST(Pattern, notices_each_changed_element_and_shifted_data) {
  Patterns patterns = moved(tuttiFloat32, 2);
  Bytes data(4 * 30'000);
  patterns.input[0].fill(data.data(), 30'000, 5);
  EXPECT_EQ(patterns.input[0].differences(data.data(), 30'000, 5), 0u);
  EXPECT_GT(patterns.input[0].differences(data.data(), 30'000, 6), 29'000u);
  EXPECT_GT(patterns.input[1].differences(data.data(), 30'000, 5), 29'000u);
  data[0] ^= std::byte{1}, data[4 * 20'000 + 3] ^= std::byte{128};
  EXPECT_EQ(patterns.input[0].differences(data.data(), 30'000, 5), 2u);
}

}  // namespace
}  // namespace perf
