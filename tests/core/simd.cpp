// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/simd.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <ocellus/core/random.hpp>

namespace ocellus::test {
namespace {

template <class T, int LaneCount>
struct Lanes {
  using Scalar               = T;
  static constexpr int width = LaneCount;
};

template <class L>
class SimdTest : public ::testing::Test {};
using Widths = ::testing::Types<Lanes<float, simd_lanes<float>>, Lanes<double, simd_lanes<double>>, Lanes<float, 1>, Lanes<double, 1>>;
TYPED_TEST_SUITE(SimdTest, Widths);

std::vector<double> numbers(std::size_t count) {
  RandomSequence const sequence{.seed = 7, .stream = RandomStream::test, .step = 0, .sample = 0};
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(static_cast<float>(sequence.normal(i)));
  return values;
}

TYPED_TEST(SimdTest, gathers_by_index) {
  using T         = typename TypeParam::Scalar;
  constexpr int n = TypeParam::width;
  T wide[3 * n];
  bfloat16 narrow[3 * n];
  std::int32_t index[n];
  for (int i = 0; i < 3 * n; ++i) wide[i] = static_cast<T>(i + 1), narrow[i] = bfloat16(static_cast<float>(i + 1));
  for (int i = 0; i < n; ++i) index[i] = (7 * i + 2) % (3 * n);
  auto const places    = Simd<std::int32_t, n>::load(index);
  auto const from_wide = gather<T>(wide, places), from_narrow = gather<T>(narrow, places);
  for (int i = 0; i < n; ++i) {
    EXPECT_EQ(from_wide[i], static_cast<T>(index[i] + 1));
    EXPECT_EQ(from_narrow[i], static_cast<T>(static_cast<float>(narrow[index[i]])));
  }
}

TYPED_TEST(SimdTest, arithmetic_is_lane_by_lane) {
  using T         = typename TypeParam::Scalar;
  constexpr int n = TypeParam::width;
  using V         = Simd<T, n>;
  auto const from = numbers(3 * n);
  T a[n], b[n], c[n];
  for (int i = 0; i < n; ++i) {
    a[i] = static_cast<T>(from[static_cast<std::size_t>(i)]);
    b[i] = static_cast<T>(from[static_cast<std::size_t>(n + i)]);
    c[i] = static_cast<T>(from[static_cast<std::size_t>(2 * n + i)]);
  }
  V const x = V::load(a), y = V::load(b), z = V::load(c);
  for (int i = 0; i < n; ++i) {
    EXPECT_EQ((x + y)[i], a[i] + b[i]);
    EXPECT_EQ((x - y)[i], a[i] - b[i]);
    EXPECT_EQ((x * y)[i], a[i] * b[i]);
    EXPECT_EQ((x / y)[i], a[i] / b[i]);
    EXPECT_EQ((-x)[i], -a[i]);
    EXPECT_EQ((T(2) * x)[i], T(2) * a[i]);
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    EXPECT_EQ(fma(x, y, z)[i], std::fma(a[i], b[i], c[i]));
#else
    T const volatile product = a[i] * b[i];
    EXPECT_EQ(fma(x, y, z)[i], product + c[i]);
#endif
    EXPECT_EQ(min(x, y)[i], std::min(a[i], b[i]));
    EXPECT_EQ(max(x, y)[i], std::max(a[i], b[i]));
    EXPECT_EQ(abs(x)[i], std::abs(a[i]));
    EXPECT_EQ(copysign(x, y)[i], std::copysign(a[i], b[i]));
    EXPECT_EQ(sqrt(abs(x))[i], std::sqrt(std::abs(a[i])));
    EXPECT_EQ((x < y)[i], a[i] < b[i]);
    EXPECT_EQ((x >= y)[i], a[i] >= b[i]);
    EXPECT_EQ((!(x == x))[i], false);
    EXPECT_EQ(select(x < y, z, y)[i], a[i] < b[i] ? c[i] : b[i]);
  }
  EXPECT_EQ(largest_lane(x), *std::max_element(a, a + n));
  double sum = 0;
  for (T const value : a) sum += static_cast<double>(value);
  EXPECT_NEAR(static_cast<double>(sum_of_lanes(x)), sum, 1e-5);
}

TYPED_TEST(SimdTest, nan_comes_through_as_stated) {
  using T     = typename TypeParam::Scalar;
  using V     = Simd<T, TypeParam::width>;
  V const nan = V(std::numeric_limits<T>::quiet_NaN()), one = V(T(1));
  EXPECT_TRUE(std::isnan(min(one, nan)[0]) && std::isnan(max(one, nan)[0]) && std::isnan(largest_lane(nan)));
  EXPECT_EQ(min(nan, one)[0], T(1));
  EXPECT_EQ(max(nan, one)[0], T(1));
  EXPECT_TRUE(any(nan != nan) && all(nan != nan) && !any(one != one) && !all(one < one));
}

TYPED_TEST(SimdTest, tails_read_and_write_nothing_behind_them) {
  using T         = typename TypeParam::Scalar;
  constexpr int n = TypeParam::width;
  using V         = Simd<T, n>;
  for (int count = 0; count <= n; ++count) {
    std::vector<T> source(static_cast<std::size_t>(count), T(3)), target(static_cast<std::size_t>(n) + 1, T(-1));  // the sanitizer watches the end of source
    V const read = V::load(source.data(), count);
    for (int i = 0; i < n; ++i) EXPECT_EQ(read[i], i < count ? T(3) : T(0));
    V(T(5)).store(target.data(), count);
    for (int i = 0; i <= n; ++i) EXPECT_EQ(target[static_cast<std::size_t>(i)], i < count ? T(5) : T(-1));
  }
}

TYPED_TEST(SimdTest, rounds_and_scales) {
  using T = typename TypeParam::Scalar;
  using V = Simd<T, TypeParam::width>;
  for (double const x : {0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 0.49999, 1e6 + 0.5, -127.3})
    EXPECT_EQ(round_to_even(V(static_cast<T>(x)))[0], static_cast<T>(std::nearbyint(static_cast<T>(x)))) << x;
  constexpr int bias = sizeof(T) == 4 ? 126 : 1022;
  for (int const n : {0, 1, -1, bias, bias + 1, -bias, -bias - 10, -bias - 22, -bias - 23, -bias - 30, 2 * bias}) {
    T const odd = static_cast<T>(1.2345678);
    EXPECT_EQ(scale_by_power_of_two(V(odd), V(static_cast<T>(n)))[0], static_cast<T>(std::ldexp(odd, n))) << n;
  }
}

/// Every bit pattern of a 16-bit type, at the natural width and beyond.
template <class Half, int Width>
void expect_conversions() {
  using V = Simd<float, Width>;
  for (std::uint32_t first = 0; first < 65536; first += Width) {
    Half in[Width], out[Width];
    for (int i = 0; i < Width; ++i) in[i].bits = static_cast<std::uint16_t>(first + static_cast<std::uint32_t>(i));
    V const wide = V::load(in);
    wide.store(out);
    for (int i = 0; i < Width; ++i) {
      float const want = static_cast<float>(in[i]);
      ASSERT_TRUE(wide[i] == want || (std::isnan(wide[i]) && std::isnan(want))) << in[i].bits;
      ASSERT_TRUE(out[i].bits == in[i].bits || (std::isnan(want) && std::isnan(static_cast<float>(out[i]))));
    }
  }
  for (std::uint32_t step = 0; step < 300000; step += Width) {  // rounding of floats on and beside the ties
    float in[Width];
    for (int i = 0; i < Width; ++i) {
      std::uint32_t const bits = (step + static_cast<std::uint32_t>(i)) * 0x37f1u * 8u;
      std::memcpy(&in[i], &bits, 4);
    }
    Half out[Width];
    V::load(in).store(out);
    for (int i = 0; i < Width; ++i) {
      ASSERT_TRUE(out[i].bits == Half(in[i]).bits || (std::isnan(in[i]) && std::isnan(static_cast<float>(out[i])))) << in[i];
    }
  }
}

TEST(SimdConversions, sixteen_bit_types_round_as_the_scalar_types_do) {
  expect_conversions<bfloat16, simd_lanes<float>>();
  expect_conversions<float16, simd_lanes<float>>();
  expect_conversions<bfloat16, 1>();
  expect_conversions<float16, 1>();
  float16 const few[2] = {float16(1.5f), float16(-2.0f)};
  auto const read      = Simd<float>::load(few, 2);
  EXPECT_EQ(read[0], 1.5f);
  EXPECT_EQ(read[1], -2.0f);
  EXPECT_EQ(read[2], 0.0f);
  float const singles[] = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(Simd<double>::load(singles)[1], 2.0);
}

}  // namespace
}  // namespace ocellus::test
