// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/precision.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <ocellus/core/random.hpp>

namespace ocellus::test {
namespace {

double constexpr infinity = std::numeric_limits<double>::infinity();

/// The magnitudes of a 16-bit format with `mantissa_bits`, ascending: index = bits without the sign. Formed from the definition of the format.
std::vector<double> magnitudes(int exponent_bits, int mantissa_bits) {
  int const bias = (1 << (exponent_bits - 1)) - 1;
  std::vector<double> result;
  for (int bits = 0; bits < ((1 << exponent_bits) - 1) << mantissa_bits; ++bits) {
    int const exponent = bits >> mantissa_bits, mantissa = bits & ((1 << mantissa_bits) - 1);
    result.push_back(exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                                   : std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits));
  }
  return result;
}

template <class T>
struct Format;
template <>
struct Format<float16> {
  static std::vector<double> magnitudes() { return test::magnitudes(5, 10); }
  static constexpr std::uint16_t infinity_bits = 0x7c00;
};
template <>
struct Format<bfloat16> {
  static std::vector<double> magnitudes() { return test::magnitudes(8, 7); }
  static constexpr std::uint16_t infinity_bits = 0x7f80;
};

template <class T>
class Precision : public ::testing::Test {};
using Formats = ::testing::Types<float16, bfloat16>;
TYPED_TEST_SUITE(Precision, Formats);

TYPED_TEST(Precision, all_65536_values_survive_a_round_trip_and_mean_what_the_format_says) {
  auto const finite = Format<TypeParam>::magnitudes();
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    TypeParam stored;
    stored.bits                   = static_cast<std::uint16_t>(bits);
    float const value             = stored;
    std::uint32_t const magnitude = bits & 0x7fffu;
    if (magnitude > Format<TypeParam>::infinity_bits) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(std::isnan(static_cast<float>(TypeParam(value)))) << bits;
      continue;
    }
    double const expected = magnitude == Format<TypeParam>::infinity_bits ? infinity : finite[magnitude];
    ASSERT_EQ(static_cast<double>(value), (bits & 0x8000u) != 0 ? -expected : expected) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000u) != 0) << bits;
    ASSERT_EQ(TypeParam(value).bits, bits);
  }
}

TYPED_TEST(Precision, rounds_to_nearest_and_ties_to_even) {
  auto const finite = Format<TypeParam>::magnitudes();
  for (std::uint32_t bits = 0; bits + 1 < finite.size(); ++bits) {
    double const low = finite[bits], high = finite[bits + 1], middle = (low + high) / 2;
    auto const as_float = static_cast<float>(middle);
    if (static_cast<double>(as_float) != middle) continue;  // the lowest ties are below float's grid
    std::uint32_t const even = (bits & 1u) == 0u ? bits : bits + 1;
    ASSERT_EQ(TypeParam(as_float).bits, even) << bits;
    ASSERT_EQ(TypeParam(-as_float).bits, even | 0x8000u) << bits;
    ASSERT_EQ(TypeParam(std::nextafterf(as_float, 0.0f)).bits, bits);
    ASSERT_EQ(TypeParam(std::nextafterf(as_float, std::numeric_limits<float>::infinity())).bits, bits + 1);
  }
}

TYPED_TEST(Precision, agrees_with_a_search_for_the_nearest_at_random_floats) {
  auto const finite = Format<TypeParam>::magnitudes();
  RandomSequence const sequence{.seed = 7};
  for (std::uint64_t i = 0; i < 20000; ++i) {
    float const value = Kokkos::bit_cast<float>(sequence.bits(i) & 0x7fffffffu);
    if (std::isnan(value) || static_cast<double>(value) >= finite.back()) continue;
    auto const above  = static_cast<std::size_t>(std::upper_bound(finite.begin(), finite.end(), static_cast<double>(value)) - finite.begin());
    double const down = static_cast<double>(value) - finite[above - 1], up = finite[above] - static_cast<double>(value);
    std::size_t const nearest = down < up || (down == up && above % 2 == 1) ? above - 1 : above;
    ASSERT_EQ(TypeParam(value).bits, nearest) << value;
  }
}

TYPED_TEST(Precision, keeps_nan_infinity_and_signed_zero) {
  float const inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(static_cast<float>(TypeParam(inf)), inf);
  EXPECT_EQ(static_cast<float>(TypeParam(-inf)), -inf);
  EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(nan))));
  EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(Kokkos::bit_cast<float>(0x7f800001u))))) << "a NaN whose payload lies in the bits that are cut";
  EXPECT_EQ(TypeParam(0.0f).bits, 0u);
  EXPECT_EQ(TypeParam(-0.0f).bits, 0x8000u);
  EXPECT_EQ(static_cast<float>(TypeParam(std::numeric_limits<float>::max())), inf);
  EXPECT_EQ(TypeParam(1.5).bits, TypeParam(1.5f).bits);
}

TEST(Precision, largest_finite_float16_and_what_rounds_past_it) {
  EXPECT_EQ(static_cast<float>(float16(65504.0f)), 65504.0f);
  EXPECT_EQ(static_cast<float>(float16(65519.996f)), 65504.0f);
  EXPECT_EQ(float16(65520.0f).bits, 0x7c00u);
  EXPECT_EQ(float16(5.9604645e-8f).bits, 1u) << "smallest subnormal";
  EXPECT_EQ(float16(2.9802322e-8f).bits, 0u) << "half of it ties to even";
  EXPECT_EQ(float16(2.9802326e-8f).bits, 1u);
}

TEST(Precision, sums_of_16_bit_numbers_are_formed_in_float) {
  static_assert(std::is_same_v<accumulate_t<float16>, float> && std::is_same_v<accumulate_t<bfloat16 const>, float>);
  static_assert(std::is_same_v<accumulate_t<float>, float> && std::is_same_v<accumulate_t<double>, double>);
  static_assert(machine_epsilon<double>() == std::numeric_limits<double>::epsilon() && machine_epsilon<float>() == std::numeric_limits<float>::epsilon());
  EXPECT_EQ(static_cast<double>(static_cast<float>(float16(1.0 + machine_epsilon<float16>()))), 1.0 + machine_epsilon<float16>());
  EXPECT_EQ(static_cast<double>(static_cast<float>(bfloat16(1.0 + machine_epsilon<bfloat16>()))), 1.0 + machine_epsilon<bfloat16>());
}

}  // namespace
}  // namespace ocellus::test
