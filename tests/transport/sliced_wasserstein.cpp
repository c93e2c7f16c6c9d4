// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sliced_wasserstein.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SlicedWasserstein : public ::testing::Test {};
TYPED_TEST_SUITE(SlicedWasserstein, TransportConfigurations);

TYPED_TEST(SlicedWasserstein, is_the_mean_of_the_distances_on_the_lines) {
  constexpr std::int64_t n = 9, m = 12, d = 3, lines = 5;
  auto const x = random_values(n * d, 1), y = random_values(m * d, 2, 1.0, 1.0), directions = random_values(d * lines, 3);
  Array<TypeParam, 2> const p({n, d}, x), q({m, d}, y), projections({d, lines}, directions);
  auto const project = [&](std::vector<double> const& cloud, std::int64_t count) {
    std::vector<double> values(static_cast<std::size_t>(count * lines), 0.0);
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < lines; ++k) {
        for (std::int64_t c = 0; c < d; ++c)
          values[static_cast<std::size_t>(i * lines + k)] += cloud[static_cast<std::size_t>(i * d + c)] * directions[static_cast<std::size_t>(c * lines + k)];
      }
    }
    return values;
  };
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const px({n, lines}, project(x, n)), qy({m, lines}, project(y, m));
  for (double const power : {1.0, 2.0, 3.0}) {
    TestArray<double, 1, Kokkos::LayoutRight, Kokkos::Serial> const cost({lines});
    transport::wasserstein_1d(Kokkos::Serial(), px.view(), qy.view(), none, none, cost.view(), {.p = power});
    double mean = 0;
    for (double const c : cost.values()) mean += c / lines;
    Scalar0<TypeParam> const distance("distance");
    transport::sliced_wasserstein(Exec_<TypeParam>(), p.view(), q.view(), projections.view(), none, none, distance, {.p = power});
    EXPECT_NEAR(value_of(distance), std::pow(mean, 1 / power), loose<typename TypeParam::Scalar>(2e-14));
  }
}

TEST(SlicedWasserstein, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), projections("projections", 3, 4);
  Kokkos::View<double, Kokkos::HostSpace> const distance("distance");
  EXPECT_EQ(refusal([&] { transport::sliced_wasserstein(Kokkos::Serial(), x, x, projections, none, none, distance); }),
            "ocellus::transport::sliced_wasserstein: projections.extent(0) is 3 but x.extent(1) is 2");
}

}  // namespace
}  // namespace ocellus::test
