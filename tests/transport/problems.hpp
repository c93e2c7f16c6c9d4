// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small transport problems, and the types that transport's tests run over: both scalars, padded strides, and threads.

#include <cmath>
#include <vector>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {

using TransportConfigurations =
    ::testing::Types<Configuration<double, Kokkos::LayoutStride, Kokkos::Serial>, Configuration<float, Kokkos::LayoutRight, ParallelExec>>;

template <class C>
using Exec_ = typename C::Exec;

/// An array of a configuration.
template <class C, int Rank>
using Array = TestArray<typename C::Scalar, Rank, typename C::Layout, typename C::Exec>;
template <class C, int Rank>
using Indices = TestArray<std::int64_t, Rank, typename C::Layout, typename C::Exec>;

/// One number in memory of the execution space.
template <class C>
using Scalar0 = Kokkos::View<typename C::Scalar, typename C::Exec::memory_space>;

template <class V>
double value_of(V const& view) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view)());
}

/// `count` positive masses that sum to `total` exactly, multiples of 1/1024 of it; every `zero`-th is zero.
inline std::vector<double> masses(std::int64_t count, std::uint32_t sample, double total = 1.0, std::int64_t zero = 0) {
  std::vector<double> result(static_cast<std::size_t>(count), 0.0);
  RandomSequence const sequence{.seed = 7, .stream = RandomStream::test, .step = 1, .sample = sample};
  std::int64_t left = 1024;
  for (std::int64_t i = 0; i < count; ++i) {
    if (zero > 0 && i % zero == zero - 1) continue;
    auto const share = 1 + static_cast<std::int64_t>(sequence.below(static_cast<std::uint64_t>(i), static_cast<std::uint32_t>(1024 / (2 * count))));
    result[static_cast<std::size_t>(i)] = static_cast<double>(share);
    left -= share;
  }
  result[0] += static_cast<double>(left);
  for (double& mass : result) mass *= total / 1024.0;
  return result;
}

inline std::vector<double> uniform_masses(std::int64_t count) { return std::vector<double>(static_cast<std::size_t>(count), 1.0 / static_cast<double>(count)); }

/// `count` numbers in [low, high), each representable in float.
inline std::vector<double> uniform_values(std::size_t count, std::uint32_t sample, double low = 0.0, double high = 1.0) {
  RandomSequence const sequence{.seed = 11, .stream = RandomStream::test, .step = 2, .sample = sample};
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(static_cast<float>(low + (high - low) * static_cast<double>(sequence.uniform(i))));
  return values;
}

/// The tolerance of a type: `in_double` for double, else 5e8 of it, about the ratio of the machine epsilons.
template <class Scalar>
double loose(double in_double) {
  return std::is_same_v<Scalar, float> ? in_double * 5e8 : in_double;
}

/// A tolerance on marginals that iterations in the type can reach, so that they end.
template <class Scalar>
double reachable(double in_double) {
  return std::is_same_v<Scalar, float> ? 4e-6 : in_double;
}

/// |got - want| <= tolerance (|want| + scale) for each element.
inline void expect_near(std::vector<double> const& got, std::vector<double> const& want, double tolerance, double scale = 1.0) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i])) {
      EXPECT_TRUE(std::isnan(got[i])) << "element " << i << ": got " << got[i];
    } else if (std::isinf(want[i])) {
      EXPECT_EQ(got[i], want[i]) << "element " << i;
    } else {
      EXPECT_LE(std::abs(got[i] - want[i]), tolerance * (std::abs(want[i]) + scale)) << "element " << i << ": got " << got[i] << ", want " << want[i];
    }
  }
}

}  // namespace ocellus::test
