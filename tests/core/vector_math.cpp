// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/vector_math.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

namespace ocellus::test {
namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// |got - want| in units in the last place of `want` as a T; 0 where both are NaN, or both the same infinity. What rounds to infinity may be infinite.
template <class T>
double ulps(T got, long double want) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got) ? 0.0 : 1e30;
  T const nearest = static_cast<T>(want);
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0.0 : (std::isinf(nearest) && got == std::numeric_limits<T>::max() ? 1.0 : 1e30);
  int exponent = 0;
  std::frexp(want, &exponent);
  int const least = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / std::ldexp(1.0L, std::max(exponent - std::numeric_limits<T>::digits, least)));
}

struct Exp {
  template <class V>
  static V vector(V const& x) {
    return exp(x);
  }
  static long double exact(long double x) { return std::exp(x); }
  static constexpr double bound = 2;
};
struct Exp2 {
  template <class V>
  static V vector(V const& x) {
    return exp2(x);
  }
  static long double exact(long double x) { return std::exp2(x); }
  static constexpr double bound = 2;
};
struct Exp2Flushed {
  template <class V>
  static V vector(V const& x) {
    return exp2_flushed(x);
  }
  static long double exact(long double x) { return x < -1022 ? 0 : std::exp2(x); }
  static constexpr double bound = 2;
};
struct Log {
  template <class V>
  static V vector(V const& x) {
    return log(x);
  }
  static long double exact(long double x) { return std::log(x); }
  static constexpr double bound = 2;
};
struct Erf {
  template <class V>
  static V vector(V const& x) {
    return erf(x);
  }
  static long double exact(long double x) { return std::erf(x); }
  static constexpr double bound = 2;
};
struct Tanh {
  template <class V>
  static V vector(V const& x) {
    return tanh(x);
  }
  static long double exact(long double x) { return std::tanh(x); }
  static constexpr double bound = 4;
};

template <class F>
class VectorMath : public ::testing::Test {};
using Functions = ::testing::Types<Exp, Exp2, Exp2Flushed, Log, Erf, Tanh>;
TYPED_TEST_SUITE(VectorMath, Functions);

template <class Function, class T>
struct Worst {
  double error = 0;
  T at         = 0;

  void see(T x, T got) {
    // For float the reference in double is exact enough, and five times faster.
    long double const want  = sizeof(T) == 4 ? static_cast<long double>(reference(static_cast<double>(x))) : Function::exact(static_cast<long double>(x));
    double const error_here = ulps(got, want);
    if (error_here > error) error = error_here, at = x;
  }
  static double reference(double x) {
    if constexpr (std::is_same_v<Function, Exp>) return std::exp(x);
    if constexpr (std::is_same_v<Function, Exp2>) return std::exp2(x);
    if constexpr (std::is_same_v<Function, Exp2Flushed>) return x < -126 ? 0 : std::exp2(x);
    if constexpr (std::is_same_v<Function, Log>) return std::log(x);
    if constexpr (std::is_same_v<Function, Erf>) return std::erf(x);
    if constexpr (std::is_same_v<Function, Tanh>) return std::tanh(x);
  }
};

/// All bit patterns at a stride: those of NaN and infinity, both signs and subnormals too. Width 1 must give a lane's bits.
template <class Function, class T>
void sweep(Bits<T> stride, std::uint64_t count) {
  using V = Simd<T>;
  Worst<Function, T> worst;
  Bits<T> bits = 0;
  for (std::uint64_t done = 0; done < count; done += V::width) {
    T in[V::width], out[V::width];
    for (int i = 0; i < V::width; ++i, bits = static_cast<Bits<T>>(bits + stride)) in[i] = std::bit_cast<T>(bits);
    Function::vector(V::load(in)).store(out);
    for (int i = 0; i < V::width; ++i) worst.see(in[i], out[i]);
    T const alone = Function::vector(Simd<T, 1>(in[1]))[0];
    ASSERT_TRUE(std::bit_cast<Bits<T>>(alone) == std::bit_cast<Bits<T>>(out[1]) || (std::isnan(alone) && std::isnan(out[1]))) << in[1];
  }
  ::testing::Test::RecordProperty(sizeof(T) == 4 ? "worst_error_in_ulp_float" : "worst_error_in_ulp_double", std::to_string(worst.error));
  EXPECT_LE(worst.error, Function::bound) << "at " << worst.at;
}

TYPED_TEST(VectorMath, floats_stay_within_the_bound_over_the_whole_range) {
  // Every 1021st float; with OCELLUS_TEST_EXHAUSTIVE all of them, which takes minutes a function.
  bool const exhaustive      = std::getenv("OCELLUS_TEST_EXHAUSTIVE") != nullptr;
  std::uint32_t const stride = exhaustive ? 1 : 1021;
  sweep<TypeParam, float>(stride, (std::uint64_t{1} << 32) / stride);
}

TYPED_TEST(VectorMath, doubles_stay_within_the_bound_over_the_whole_range) { sweep<TypeParam, double>(0x3fb1d2f7a4c35ULL, 1 << 20); }

TYPED_TEST(VectorMath, numbers_where_the_function_bends_stay_within_the_bound) {
  Worst<TypeParam, double> worst;
  Worst<TypeParam, float> worst_float;
  for (int i = -200000; i <= 200000; ++i) {
    double const x = 7.0 * i / 200000 + 1e-9 * i;
    worst.see(x, TypeParam::vector(Simd<double>(x))[0]);
    worst_float.see(static_cast<float>(x), TypeParam::vector(Simd<float>(static_cast<float>(x)))[0]);
  }
  EXPECT_LE(worst.error, TypeParam::bound) << "at " << worst.at;
  EXPECT_LE(worst_float.error, TypeParam::bound) << "at " << worst_float.at;
  ::testing::Test::RecordProperty("worst_error_in_ulp_double", std::to_string(worst.error));
}

template <class T>
void expect_special_values() {
  using V     = Simd<T>;
  T const inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN(), tiny = std::numeric_limits<T>::denorm_min();
  auto const of = [](auto const& f, T x) { return f(V(x))[V::width - 1]; };
  auto const e  = [](V x) { return exp(x); };
  auto const e2 = [](V x) { return exp2(x); };
  auto const ef = [](V x) { return exp2_flushed(x); };
  auto const l  = [](V x) { return log(x); };
  auto const er = [](V x) { return erf(x); };
  auto const t  = [](V x) { return tanh(x); };
  EXPECT_EQ(of(e, -inf), T(0));
  EXPECT_EQ(of(e, inf), inf);
  EXPECT_EQ(of(e, T(0)), T(1));
  EXPECT_EQ(of(e, T(sizeof(T) == 4 ? 89 : 710)), inf);
  EXPECT_EQ(of(e2, -inf), T(0));
  EXPECT_EQ(of(e2, inf), inf);
  EXPECT_EQ(of(e2, T(sizeof(T) == 4 ? -149 : -1074)), tiny);
  EXPECT_EQ(of(e2, T(10)), T(1024));
  EXPECT_EQ(of(ef, -inf), T(0));
  EXPECT_EQ(of(ef, inf), inf);
  EXPECT_EQ(of(ef, T(sizeof(T) == 4 ? -126 : -1022)), std::numeric_limits<T>::min());
  EXPECT_EQ(of(ef, std::nextafter(T(sizeof(T) == 4 ? -126 : -1022), -inf)), T(0));
  EXPECT_EQ(of(ef, T(10)), T(1024));
  EXPECT_EQ(of(l, T(0)), -inf);
  EXPECT_EQ(of(l, T(-0.0)), -inf);
  EXPECT_EQ(of(l, inf), inf);
  EXPECT_EQ(of(l, T(1)), T(0));
  EXPECT_TRUE(std::isnan(of(l, T(-1))) && std::isnan(of(l, -inf)) && std::isnan(of(l, -tiny)));
  EXPECT_EQ(of(er, inf), T(1));
  EXPECT_EQ(of(er, -inf), T(-1));
  EXPECT_EQ(of(t, inf), T(1));
  EXPECT_EQ(of(t, -inf), T(-1));
  EXPECT_EQ(of(t, tiny), tiny);
  EXPECT_TRUE(std::signbit(of(t, T(-0.0))) && std::signbit(of(er, T(-0.0))));
  for (T const x : {nan, -nan})
    EXPECT_TRUE(std::isnan(of(e, x)) && std::isnan(of(e2, x)) && std::isnan(of(ef, x)) && std::isnan(of(l, x)) && std::isnan(of(er, x)) &&
                std::isnan(of(t, x)));
}

TEST(VectorMathSpecialValues, are_those_stated) {
  expect_special_values<float>();
  expect_special_values<double>();
}

}  // namespace
}  // namespace ocellus::test
