// Where results go: one or two places, through the cache or past it; copies and scaling.
#include <tuple>

#include "reduce/support.hpp"

namespace tutti::reduce::test {
namespace {

constexpr std::byte kCanary{0xa5};
constexpr std::size_t kMargin = 128;

/// A place to write to with canaries on both sides.
class Place {
 public:
  Place(std::size_t bytes, std::size_t shift) : bytes_(bytes), storage_(bytes + 2 * kMargin + 64, kCanary) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage_.data() + kMargin);
    begin_ = storage_.data() + kMargin + (64 - address % 64) % 64 + shift;
  }
  std::byte* data() { return begin_; }
  Bytes content() const { return {begin_, begin_ + bytes_}; }
  bool untouched_around() const {
    for (const std::byte* byte = storage_.data(); byte < begin_; ++byte) {
      if (*byte != kCanary) return false;
    }
    for (const std::byte* byte = begin_ + bytes_; byte < storage_.data() + storage_.size(); ++byte) {
      if (*byte != kCanary) return false;
    }
    return true;
  }

 private:
  std::size_t bytes_;
  Bytes storage_;
  std::byte* begin_;
};

class EveryOutput : public ::testing::TestWithParam<std::tuple<ElementType, Store, Store>> {
 protected:
  ElementType type() const { return std::get<0>(GetParam()); }
  Store first() const { return std::get<1>(GetParam()); }
  Store second() const { return std::get<2>(GetParam()); }
};

TEST_P(EveryOutput, holds_the_result_and_nothing_around_it_is_touched) {
  for (const std::size_t count : {0U, 1U, 5U, 63U, 64U, 129U, 1000U, 5003U}) {
    const std::vector<Bytes> inputs = {random_bits(count, type(), 1), random_bits(count, type(), 2)};
    const auto pointers = pointers_to(inputs);
    const Bytes wanted = reduced(inputs, type(), Operator::sum, InstructionSet::portable);
    for (const InstructionSet set : all_sets()) {
      for (const auto& [shift_first, shift_second] :
           {std::pair{0U, 0U}, {1U, 0U}, {0U, 3U}, {8U, 8U}, {16U, 40U}, {63U, 63U}}) {
        Place one(wanted.size(), shift_first);
        Place two(wanted.size(), shift_second);
        const auto run = kernel(type(), Operator::sum, set);
        run(Output{one.data(), two.data(), first(), second()}, pointers.data(), 2, count, 1);
        ASSERT_TRUE(same(one.content(), wanted, type(), false)) << set_name(set) << " " << count;
        ASSERT_TRUE(same(two.content(), wanted, type(), false)) << set_name(set) << " " << count;
        ASSERT_TRUE(one.untouched_around() && two.untouched_around()) << set_name(set) << " " << count;

        Place only(wanted.size(), shift_second);
        run(Output{nullptr, only.data(), first(), second()}, pointers.data(), 2, count, 1);
        ASSERT_TRUE(same(only.content(), wanted, type(), false)) << set_name(set) << " " << count;
        ASSERT_TRUE(only.untouched_around()) << set_name(set) << " " << count;
      }
    }
  }
}

std::string output_name(const ::testing::TestParamInfo<std::tuple<ElementType, Store, Store>>& info) {
  const auto store = [](Store how) { return how == Store::plain ? "_plain" : "_streaming"; };
  return std::string(name_of(std::get<0>(info.param))) + store(std::get<1>(info.param)) +
         store(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Types, EveryOutput,
                         ::testing::Combine(::testing::ValuesIn(all_types()),
                                            ::testing::Values(Store::plain, Store::streaming),
                                            ::testing::Values(Store::plain, Store::streaming)),
                         output_name);

TEST(Copy, copies_to_one_or_two_places) {
  for (const std::size_t bytes : {0U, 1U, 7U, 8U, 64U, 100U, 511U, 512U, 4096U, 70'001U}) {
    const Bytes source = random_bits(bytes, ElementType::uint8, 3);
    for (const Store store : {Store::plain, Store::streaming}) {
      for (const std::size_t shift : {0U, 1U, 32U}) {
        Place one(bytes, shift);
        Place two(bytes, 0);
        copy(Output{one.data(), two.data(), store, Store::plain}, source.data(), bytes);
        EXPECT_EQ(one.content(), source);
        EXPECT_EQ(two.content(), source);
        EXPECT_TRUE(one.untouched_around() && two.untouched_around());
        Place only(bytes, shift);
        copy(Output{only.data(), nullptr, store, Store::plain}, source.data(), bytes);
        EXPECT_EQ(only.content(), source);
        EXPECT_TRUE(only.untouched_around());
      }
    }
  }
}

TEST(Scale, multiplies_every_element) {
  for (const ElementType type : all_types()) {
    Bytes scalar(size_of(type));
    from_double(is_floating(type) ? 0.75 : 3, scalar.data(), type);
    for (const std::size_t count : {0U, 1U, 7U, 64U, 1001U}) {
      Bytes values = random_bits(count, type, 4);
      Bytes scalars;
      for (std::size_t index = 0; index < count; ++index) {
        scalars.insert(scalars.end(), scalar.begin(), scalar.end());
      }
      const Bytes wanted = fold({scalars, values}, type, Operator::prod);
      Bytes output(values.size());
      scale(output.data(), values.data(), count, type, scalar.data());
      EXPECT_TRUE(same(output, wanted, type, true)) << name_of(type) << " " << count;
      scale(values.data(), values.data(), count, type, scalar.data());
      EXPECT_TRUE(same(values, output, type, false)) << name_of(type) << " in place " << count;
    }
  }
}

}  // namespace
}  // namespace tutti::reduce::test
