// The corners: NaN, infinity, zeros' signs, overflow, wrap-around, and narrow floats exhaustively.
#include "reduce/support.hpp"

namespace tutti::reduce::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");

const std::vector<ElementType> kFloats = {ElementType::float16,    ElementType::bfloat16,
                                          ElementType::float32,    ElementType::float64,
                                          ElementType::float8e4m3, ElementType::float8e5m2};

/// The result of `a op b` as a double, where every set agrees to the bit.
double pair(ElementType type, Operator op, double a, double b) {
  std::vector<Bytes> inputs(2, Bytes(size_of(type)));
  from_double(a, inputs[0].data(), type);
  from_double(b, inputs[1].data(), type);
  const Bytes portable = reduced(inputs, type, op, InstructionSet::portable);
  for (const InstructionSet set : all_sets()) {
    EXPECT_EQ(reduced(inputs, type, op, set), portable) << set_name(set) << " " << name_of(type);
  }
  return to_double(portable.data(), type);
}

TEST(Corners, min_and_max_are_nan_if_any_input_is) {
  for (const ElementType type : kFloats) {
    for (const Operator op : {Operator::min, Operator::max}) {
      EXPECT_TRUE(std::isnan(pair(type, op, kNaN, 1))) << name_of(type);
      EXPECT_TRUE(std::isnan(pair(type, op, 1, kNaN))) << name_of(type);
      EXPECT_TRUE(std::isnan(pair(type, op, kNaN, kNaN))) << name_of(type);
    }
  }
}

TEST(Corners, min_and_max_of_zeros_keep_the_first) {
  for (const ElementType type : kFloats) {
    for (const Operator op : {Operator::min, Operator::max}) {
      EXPECT_TRUE(std::signbit(pair(type, op, -0.0, 0.0))) << name_of(type);
      EXPECT_FALSE(std::signbit(pair(type, op, 0.0, -0.0))) << name_of(type);
    }
  }
}

TEST(Corners, infinities_behave_as_in_a_scalar_loop) {
  for (const ElementType type : kFloats) {
    if (type == ElementType::float8e4m3) continue;  // has none
    EXPECT_EQ(pair(type, Operator::sum, kInfinity, 1), kInfinity) << name_of(type);
    EXPECT_TRUE(std::isnan(pair(type, Operator::sum, kInfinity, -kInfinity))) << name_of(type);
    EXPECT_TRUE(std::isnan(pair(type, Operator::prod, kInfinity, 0))) << name_of(type);
    EXPECT_EQ(pair(type, Operator::min, -kInfinity, 3), -kInfinity) << name_of(type);
    EXPECT_EQ(pair(type, Operator::max, 3, kInfinity), kInfinity) << name_of(type);
  }
}

TEST(Corners, overflow_gives_infinity_and_nan_where_there_is_none) {
  EXPECT_EQ(pair(ElementType::float16, Operator::sum, 65504, 65504), kInfinity);
  EXPECT_EQ(pair(ElementType::float16, Operator::sum, 65504, 15), 65504);
  EXPECT_EQ(pair(ElementType::float8e5m2, Operator::sum, -57344, -57344), -kInfinity);
  EXPECT_EQ(pair(ElementType::bfloat16, Operator::prod, 3e38, 2), kInfinity);
  EXPECT_TRUE(std::isnan(pair(ElementType::float8e4m3, Operator::sum, 448, 448)));
  EXPECT_EQ(pair(ElementType::float8e4m3, Operator::sum, 448, 16), 448);  // a tie, and 448 is the even one
  EXPECT_TRUE(std::isnan(pair(ElementType::float8e4m3, Operator::sum, 448, 18)));
}

TEST(Corners, integers_wrap_around) {
  std::vector<Bytes> inputs(2, Bytes(4));
  put(inputs[0].data(), std::int32_t{2'147'483'647});
  put(inputs[1].data(), std::int32_t{2});
  for (const InstructionSet set : all_sets()) {
    EXPECT_EQ(get<std::int32_t>(reduced(inputs, ElementType::int32, Operator::sum, set).data()), -2147483647);
    EXPECT_EQ(get<std::int32_t>(reduced(inputs, ElementType::int32, Operator::prod, set).data()), -2);
    EXPECT_EQ(get<std::uint8_t>(reduced({Bytes{std::byte{200}}, Bytes{std::byte{100}}}, ElementType::uint8,
                                        Operator::sum, set)
                                    .data()),
              44);
  }
}

TEST(Corners, integer_averages_truncate_towards_zero) {
  std::vector<Bytes> inputs(2, Bytes(4));
  put(inputs[0].data(), std::int32_t{-5});
  put(inputs[1].data(), std::int32_t{-2});
  for (const InstructionSet set : all_sets()) {
    EXPECT_EQ(get<std::int32_t>(reduced(inputs, ElementType::int32, Operator::avg, set, 2).data()), -3);
    EXPECT_EQ(get<std::int32_t>(reduced(inputs, ElementType::int32, Operator::avg, set, 8).data()), 0);
  }
}

TEST(Corners, of_two_nans_the_first_gives_the_bits) {
  std::vector<Bytes> inputs(2, Bytes(4 * 37));
  for (std::size_t index = 0; index < 37; ++index) {
    put(inputs[0].data() + 4 * index, std::uint32_t{0x7fc00001});
    put(inputs[1].data() + 4 * index, std::uint32_t{0xffc00002});
  }
  for (const InstructionSet set : all_sets()) {
    for (const Operator op : {Operator::sum, Operator::prod}) {
      EXPECT_EQ(reduced(inputs, ElementType::float32, op, set), inputs[0]) << set_name(set);
      EXPECT_EQ(reduced({inputs[1], inputs[0]}, ElementType::float32, op, set), inputs[1]) << set_name(set);
    }
  }
}

TEST(Exhaustive, every_pair_of_float8) {
  for (const ElementType type : {ElementType::float8e4m3, ElementType::float8e5m2}) {
    std::vector<Bytes> inputs(2);
    for (int pattern = 0; pattern < 65536; ++pattern) {
      inputs[0].push_back(static_cast<std::byte>(pattern));
      inputs[1].push_back(static_cast<std::byte>(pattern >> 8));
    }
    for (const Operator op : {Operator::sum, Operator::prod, Operator::min, Operator::max}) {
      const Bytes wanted = fold(inputs, type, op);
      const Bytes portable = reduced(inputs, type, op, InstructionSet::portable);
      for (const InstructionSet set : all_sets()) {
        const Bytes got = reduced(inputs, type, op, set);
        EXPECT_TRUE(same(got, wanted, type, true))
            << name_of(type) << " " << name_of(op) << " " << set_name(set);
        EXPECT_TRUE(same(got, portable, type, false))
            << name_of(type) << " " << name_of(op) << " " << set_name(set);
      }
    }
  }
}

/// A product with one keeps every number: widening and rounding are each other's inverse.
TEST(Exhaustive, every_number_of_16_bits_survives_widening_and_rounding) {
  for (const ElementType type : {ElementType::float16, ElementType::bfloat16}) {
    std::vector<Bytes> inputs(2, Bytes(2 * 65536));
    for (std::size_t pattern = 0; pattern < 65536; ++pattern) {
      put(inputs[0].data() + 2 * pattern, static_cast<std::uint16_t>(pattern));
      from_double(1, inputs[1].data() + 2 * pattern, type);
    }
    const Bytes portable = reduced(inputs, type, Operator::prod, InstructionSet::portable);
    EXPECT_TRUE(same(portable, inputs[0], type, true)) << name_of(type);
    for (const InstructionSet set : all_sets()) {
      EXPECT_EQ(reduced(inputs, type, Operator::prod, set), portable)
          << name_of(type) << " " << set_name(set);
    }
  }
}

}  // namespace
}  // namespace tutti::reduce::test
