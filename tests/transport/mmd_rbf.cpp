// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/mmd_rbf.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class MmdRbf : public ::testing::Test {};
TYPED_TEST_SUITE(MmdRbf, TransportConfigurations);

TYPED_TEST(MmdRbf, agrees_with_the_mean_of_all_kernels) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m, d] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1}, {7, 300, 3}, {16, 5, 17}}) {
    auto const x = random_values(static_cast<std::size_t>(n * d), 1), y = random_values(static_cast<std::size_t>(m * d), 2, 1.0, 0.5);
    auto const mean = [&](std::vector<double> const& p, std::vector<double> const& q, double gamma) {
      auto const width = static_cast<std::size_t>(d);
      double sum       = 0;
      for (std::size_t i = 0; i < p.size(); i += width) {
        for (std::size_t j = 0; j < q.size(); j += width) {
          double squared = 0;
          for (std::size_t k = 0; k < width; ++k) squared += (p[i + k] - q[j + k]) * (p[i + k] - q[j + k]);
          sum += std::exp(-gamma * squared);
        }
      }
      return sum * static_cast<double>(width * width) / static_cast<double>(p.size() * q.size());
    };
    double want = 0;
    for (double const gamma : transport::default_mmd_gammas) want += (mean(x, x, gamma) + mean(y, y, gamma) - 2 * mean(x, y, gamma)) / 6;
    Array<TypeParam, 2> const p({n, d}, x), q({m, d}, y);
    Scalar0<TypeParam> const mmd("mmd");
    transport::mmd_rbf(Exec_<TypeParam>(), p.view(), q.view(), mmd);
    EXPECT_NEAR(value_of(mmd), want, loose<Scalar>(1e-14));
    transport::mmd_rbf(Exec_<TypeParam>(), p.view(), p.view(), mmd);
    EXPECT_NEAR(value_of(mmd), 0.0, 1e-14);
  }
}

TYPED_TEST(MmdRbf, same_bits_whatever_the_thread_count_and_behaves) {
  using Exec = Exec_<TypeParam>;
  Array<TypeParam, 2> const p({300, 2}, random_values(600, 1)), q({290, 2}, random_values(580, 2));
  Scalar0<TypeParam> const mmd("mmd");
  auto const x = p.view(), y = q.view();
  double first = 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    transport::mmd_rbf(exec, x, y, mmd);
    if (first == 0) first = value_of(mmd);
    EXPECT_EQ(value_of(mmd), first);
  });
  Exec const exec;
  WorkspaceFor<Exec> workspace(exec, transport::mmd_rbf_workspace_size(exec, x, y));
  expect_good_manners(record([&] { transport::mmd_rbf(exec, x, y, mmd, {}, workspace); }));
  exec.fence();
}

TEST(MmdRbf, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 3, 3);
  Kokkos::View<double, Kokkos::HostSpace> const mmd("mmd");
  EXPECT_EQ(refusal([&] { transport::mmd_rbf(Kokkos::Serial(), x, y, mmd); }), "ocellus::transport::mmd_rbf: y.extent(1) is 3 but x.extent(1) is 2");
  EXPECT_EQ(refusal([&] { transport::mmd_rbf(Kokkos::Serial(), x, x, mmd, {.gammas = {}}); }), "ocellus::transport::mmd_rbf: there are 0 gammas, not 1 to 32");
}

}  // namespace
}  // namespace ocellus::test
