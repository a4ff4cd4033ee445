// Every element type by every operator on every instruction set, against the fold's definition.
#include <tuple>

#include "reduce/support.hpp"

namespace tutti::reduce::test {
namespace {

class EveryKernel : public ::testing::TestWithParam<std::tuple<ElementType, Operator>> {
 protected:
  ElementType type() const { return std::get<0>(GetParam()); }
  Operator op() const { return std::get<1>(GetParam()); }

  /// On every set: as the definition has it; the sets to the bit as each other.
  void expect_defined(const std::vector<Bytes>& inputs, std::int64_t divisor) const {
    const Bytes wanted = fold(inputs, type(), op(), divisor);
    const Bytes portable = reduced(inputs, type(), op(), InstructionSet::portable, divisor);
    for (const InstructionSet set : all_sets()) {
      const Bytes got = reduced(inputs, type(), op(), set, divisor);
      ASSERT_TRUE(same(got, wanted, type(), true))
          << set_name(set) << ", " << inputs.size() << " inputs, divisor " << divisor;
      ASSERT_TRUE(same(got, portable, type(), false))
          << set_name(set) << " beside portable, " << inputs.size() << " inputs of "
          << got.size() / size_of(type());
    }
  }

  std::vector<Bytes> inputs(int number, std::size_t count, bool nasty) const {
    std::vector<Bytes> all;
    for (int input = 0; input < number; ++input) {
      const auto seed = static_cast<std::uint64_t>(100 * input + 1);
      all.push_back(nasty ? random_bits(count, type(), seed) : random_values(count, type(), seed));
    }
    return all;
  }
};

TEST_P(EveryKernel, folds_any_number_of_inputs_of_any_count) {
  for (const int number : {1, 2, 3, 4, 5, 9}) {
    for (const std::size_t count : {0U, 1U, 2U, 3U, 7U, 16U, 17U, 63U, 64U, 65U, 1000U, 4097U}) {
      expect_defined(inputs(number, count, false), 1);
    }
  }
}

TEST_P(EveryKernel, folds_numbers_of_every_kind) {
  for (const int number : {2, 3, 4, 5}) expect_defined(inputs(number, 20'011, true), 1);
}

TEST_P(EveryKernel, divides_sums) {
  for (const std::int64_t divisor : {2, 3, 4, 7, 8, 200, 1 << 20}) {
    expect_defined(inputs(3, 333, false), divisor);
    expect_defined(inputs(2, 1001, true), divisor);
  }
}

TEST_P(EveryKernel, gives_an_element_the_same_bits_wherever_it_lies) {
  constexpr std::size_t count = 300;
  const auto all = inputs(3, count, true);
  const auto pointers = pointers_to(all);
  for (const InstructionSet set : all_sets()) {
    const Bytes whole = reduced(all, type(), op(), set, 3);
    Bytes alone(whole.size());
    for (std::size_t offset = 0; offset < whole.size(); offset += size_of(type())) {
      std::vector<const std::byte*> moved = pointers;
      for (const std::byte*& pointer : moved) pointer += offset;
      kernel(type(), op(), set)(Output{alone.data() + offset}, moved.data(), 3, 1, 3);
    }
    EXPECT_TRUE(same(whole, alone, type(), false)) << set_name(set);
  }
}

TEST_P(EveryKernel, takes_misaligned_pointers) {
  constexpr std::size_t count = 515;
  const auto all = inputs(2, count, true);
  const Bytes wanted = reduced(all, type(), op(), InstructionSet::portable);
  for (const InstructionSet set : all_sets()) {
    for (std::size_t shift = 1; shift < 9; ++shift) {
      Bytes first(all[0].size() + 16);
      Bytes second(all[0].size() + 16);
      Bytes output(all[0].size() + 16);
      std::memcpy(first.data() + shift, all[0].data(), all[0].size());
      std::memcpy(second.data() + shift + 3, all[1].data(), all[1].size());
      const std::byte* pointers[] = {first.data() + shift, second.data() + shift + 3};
      kernel(type(), op(), set)(Output{output.data() + 9 - shift}, pointers, 2, count, 1);
      const auto begin = output.begin() + static_cast<std::ptrdiff_t>(9 - shift);
      const Bytes got(begin, begin + static_cast<std::ptrdiff_t>(wanted.size()));
      ASSERT_TRUE(same(got, wanted, type(), false)) << set_name(set) << ", shifted by " << shift;
    }
  }
}

TEST_P(EveryKernel, writes_over_any_of_its_inputs) {
  const auto all = inputs(3, 777, true);
  const Bytes wanted = reduced(all, type(), op(), InstructionSet::portable);
  for (const InstructionSet set : all_sets()) {
    for (std::size_t target = 0; target < all.size(); ++target) {
      auto copies = all;
      const auto pointers = pointers_to(copies);
      kernel(type(), op(), set)(Output{copies[target].data()}, pointers.data(), 3, 777, 1);
      ASSERT_TRUE(same(copies[target], wanted, type(), false)) << set_name(set) << ", over input " << target;
    }
  }
}

std::string case_name(const ::testing::TestParamInfo<std::tuple<ElementType, Operator>>& info) {
  return std::string(name_of(std::get<0>(info.param))) + "_" + std::string(name_of(std::get<1>(info.param)));
}

INSTANTIATE_TEST_SUITE_P(Types, EveryKernel,
                         ::testing::Combine(::testing::ValuesIn(all_types()),
                                            ::testing::ValuesIn(all_operators())),
                         case_name);

}  // namespace
}  // namespace tutti::reduce::test
