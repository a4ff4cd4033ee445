// to_double and from_double: every encoding there and back, and the roundings between them. What all other
// tests of this layer trust, so it is checked against numbers that are written out.
#include "reduce/support.hpp"

namespace tutti::reduce::test {
namespace {

double decoded(unsigned pattern, ElementType type) {
  const auto bytes = static_cast<std::uint64_t>(pattern);
  return to_double(reinterpret_cast<const std::byte*>(&bytes), type);  // little-endian, as the library is
}
unsigned encoded(double value, ElementType type) {
  std::uint64_t bits = 0;
  from_double(value, reinterpret_cast<std::byte*>(&bits), type);
  return static_cast<unsigned>(bits);
}

struct Known {
  ElementType type;
  unsigned pattern;
  double value;
};

TEST(Scalar, knows_the_numbers_of_the_standards) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<Known> numbers = {
      {ElementType::float16, 0x3c00, 1.0},       {ElementType::float16, 0xc000, -2.0},
      {ElementType::float16, 0x7bff, 65504.0},   {ElementType::float16, 0x0400, 0x1p-14},
      {ElementType::float16, 0x0001, 0x1p-24},   {ElementType::float16, 0x7c00, infinity},
      {ElementType::bfloat16, 0x3f80, 1.0},      {ElementType::bfloat16, 0x4049, 3.140625},
      {ElementType::bfloat16, 0x0001, 0x1p-133}, {ElementType::bfloat16, 0xff80, -infinity},
      {ElementType::float8e4m3, 0x38, 1.0},      {ElementType::float8e4m3, 0x7e, 448.0},
      {ElementType::float8e4m3, 0x08, 0x1p-6},   {ElementType::float8e4m3, 0x01, 0x1p-9},
      {ElementType::float8e4m3, 0xb8, -1.0},     {ElementType::float8e5m2, 0x3c, 1.0},
      {ElementType::float8e5m2, 0x7b, 57344.0},  {ElementType::float8e5m2, 0x04, 0x1p-14},
      {ElementType::float8e5m2, 0x01, 0x1p-16},  {ElementType::float8e5m2, 0xfc, -infinity},
  };
  for (const Known& known : numbers) {
    EXPECT_EQ(decoded(known.pattern, known.type), known.value) << name_of(known.type) << " " << known.pattern;
    EXPECT_EQ(encoded(known.value, known.type), known.pattern) << name_of(known.type) << " " << known.value;
  }
  EXPECT_TRUE(std::isnan(decoded(0x7f, ElementType::float8e4m3)));
  EXPECT_TRUE(std::isnan(decoded(0xff, ElementType::float8e4m3)));
  EXPECT_TRUE(std::isnan(decoded(0x7d, ElementType::float8e5m2)));
  EXPECT_TRUE(std::isnan(decoded(0x7c01, ElementType::float16)));
}

const std::vector<ElementType> kNarrow = {ElementType::float16, ElementType::bfloat16,
                                          ElementType::float8e4m3, ElementType::float8e5m2};

TEST(Scalar, every_encoding_goes_there_and_back) {
  for (const ElementType type : kNarrow) {
    const unsigned patterns = 1U << (8 * size_of(type));
    for (unsigned pattern = 0; pattern < patterns; ++pattern) {
      const double value = decoded(pattern, type);
      if (std::isnan(value)) {
        EXPECT_TRUE(std::isnan(decoded(encoded(value, type), type)));
      } else {
        ASSERT_EQ(encoded(value, type), pattern) << name_of(type) << " " << value;
      }
    }
  }
}

TEST(Scalar, rounds_between_neighbours_to_the_nearest_and_ties_to_even) {
  for (const ElementType type : kNarrow) {
    const unsigned largest = encoded(type == ElementType::float8e4m3 ? 448 : std::ldexp(2, 300), type);
    for (unsigned pattern = 0; pattern + 1 < largest; ++pattern) {
      const double low = decoded(pattern, type);
      const double high = decoded(pattern + 1, type);
      if (std::isinf(high)) continue;
      const double middle = low / 2 + high / 2;
      ASSERT_EQ(encoded(std::nextafter(middle, 0), type), pattern) << name_of(type) << " " << low;
      ASSERT_EQ(encoded(middle, type), pattern + pattern % 2) << name_of(type) << " " << low;
      ASSERT_EQ(encoded(std::nextafter(middle, high), type), pattern + 1) << name_of(type) << " " << low;
    }
  }
}

TEST(Scalar, rounds_beyond_the_largest_as_the_format_says) {
  EXPECT_EQ(encoded(65519.999, ElementType::float16), 0x7bffU);
  EXPECT_EQ(encoded(65520, ElementType::float16), 0x7c00U);
  EXPECT_EQ(encoded(61439, ElementType::float8e5m2), 0x7bU);
  EXPECT_EQ(encoded(61440, ElementType::float8e5m2), 0x7cU);
  EXPECT_EQ(encoded(464, ElementType::float8e4m3), 0x7eU);
  EXPECT_EQ(encoded(-464.001, ElementType::float8e4m3), 0xffU);
  EXPECT_EQ(encoded(1e300, ElementType::float8e4m3), 0x7fU);
  EXPECT_EQ(encoded(1e300, ElementType::bfloat16), 0x7f80U);
  EXPECT_EQ(encoded(-1e-300, ElementType::float16), 0x8000U);
}

TEST(Scalar, integers_are_rounded_and_held_within_their_range) {
  EXPECT_EQ(encoded(2.5, ElementType::int32), 2U);
  EXPECT_EQ(encoded(3.5, ElementType::int32), 4U);
  EXPECT_EQ(encoded(1000, ElementType::uint8), 255U);
  EXPECT_EQ(encoded(-1, ElementType::uint8), 0U);
  EXPECT_EQ(static_cast<std::int8_t>(encoded(-1000, ElementType::int8)), -128);
  EXPECT_EQ(encoded(std::nan(""), ElementType::int32), 0U);
  Bytes element(8);
  from_double(1e30, element.data(), ElementType::int64);
  EXPECT_EQ(get<std::int64_t>(element.data()), std::numeric_limits<std::int64_t>::max());
  from_double(1e30, element.data(), ElementType::uint64);
  EXPECT_EQ(get<std::uint64_t>(element.data()), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(to_double(element.data(), ElementType::uint64), 0x1p64);
}

TEST(Dispatch, average_is_the_kernel_of_sum_and_the_machine_has_one_for_every_type) {
  for (const ElementType type : all_types()) {
    EXPECT_EQ(kernel(type, Operator::avg), kernel(type, Operator::sum));
    EXPECT_EQ(kernel(type, Operator::prod), kernel(type, Operator::prod, best_instruction_set()));
  }
}

}  // namespace
}  // namespace tutti::reduce::test
