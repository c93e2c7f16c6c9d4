// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/activation.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ocellus::test {
namespace {

using linalg::Activation;

template <class Real>
void expect_limits() {
  Real const inf = std::numeric_limits<Real>::infinity(), nan = std::numeric_limits<Real>::quiet_NaN();
  for (auto const activation : {Activation::none, Activation::relu, Activation::gelu}) {
    EXPECT_TRUE(std::isnan(linalg::activate(activation, nan)));
    EXPECT_EQ(linalg::activate(activation, inf), inf);
    EXPECT_EQ(linalg::activate(activation, Real(0)), Real(0));
  }
  EXPECT_EQ(linalg::activate(Activation::none, -inf), -inf);
  EXPECT_EQ(linalg::activate(Activation::relu, -inf), Real(0));
  EXPECT_EQ(linalg::activate(Activation::gelu, -inf), Real(0));
  EXPECT_EQ(linalg::activate(Activation::gelu, -std::numeric_limits<Real>::max()), Real(0));
}

TEST(Activation, limits_are_those_of_the_function) {
  expect_limits<float>();
  expect_limits<double>();
}

TEST(Activation, gelu_is_the_erf_form) {
  // x Phi(x) to 17 digits, from tables of the normal distribution.
  EXPECT_NEAR(linalg::gelu_exact(1.0), 0.84134474606854293, 1e-15);
  EXPECT_NEAR(linalg::gelu_exact(-1.0), -0.15865525393145707, 1e-15);
  EXPECT_NEAR(linalg::gelu_exact(2.0), 1.9544997361036416, 1e-15);
  for (double x = -12; x <= 12; x += 0.125) {
    double const want = x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    EXPECT_NEAR(linalg::gelu_exact(x), want, 2.3e-16 * (1 + std::abs(x)));
    EXPECT_NEAR(static_cast<double>(linalg::gelu_exact(static_cast<float>(x))), want, 1.2e-7 * (1 + std::abs(x)));
  }
}

TEST(Activation, relu_cuts) {
  EXPECT_EQ(linalg::activate(Activation::relu, -1.5f), 0.0f);
  EXPECT_EQ(linalg::activate(Activation::relu, 1.5f), 1.5f);
}

}  // namespace
}  // namespace ocellus::test
