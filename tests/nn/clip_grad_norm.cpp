// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/clip_grad_norm.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// What a View of rank 0 holds, wherever it is.
template <class View>
double number_in(View const& view) {
  auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
  return static_cast<double>(host());
}

template <class C>
class ClipGradNorm : public ::testing::Test {};
TYPED_TEST_SUITE(ClipGradNorm, Configurations);

TYPED_TEST(ClipGradNorm, limits_the_norm_of_all_arrays_together) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (double const max_norm : {1.5, 1e6}) {
      auto const x = random_values(5003, 1), y = random_values(17, 2), z = random_values(0);
      TestArray<Scalar, 1, Layout, Exec> const a({5003}, x), b({17}, y), c({0}, z);
      using View = typename TestArray<Scalar, 1, Layout, Exec>::View;
      std::vector<View> const gradients{a.view(), b.view(), c.view()};
      std::span<View const> const all(gradients);
      Kokkos::View<Scalar, typename Exec::memory_space> const norm("norm");
      long double squares = 0;
      for (double const value : x) squares += static_cast<long double>(value) * value;
      for (double const value : y) squares += static_cast<long double>(value) * value;
      double const want = static_cast<double>(std::sqrt(squares)), factor = std::min(1.0, max_norm / (want + 1e-6));
      WorkspaceFor<Exec> workspace(exec, nn::clip_grad_norm_workspace_size(exec, all, norm));
      expect_good_manners(record([&] { nn::clip_grad_norm(exec, all, norm, {.max_norm = max_norm}, workspace); }));
      exec.fence();
      EXPECT_NEAR(number_in(norm), want, (sizeof(Scalar) == 8 ? 24 : 1) * machine_epsilon<Scalar>() * want);
      auto scaled = x;
      for (double& value : scaled) value *= factor;
      auto const got = a.values();
      expect_within(got, scaled, machine_epsilon<Scalar>(), 4);
      EXPECT_TRUE(a.guards_intact() && b.guards_intact());
      if (max_norm > 10) {
        expect_same_bits(got, x);
      } else {
        if (whole.empty()) whole = got;
        expect_same_bits(got, whole);
      }
    }
  });
}

TYPED_TEST(ClipGradNorm, of_nan_makes_everything_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 1, Layout, Exec> const a({2}, {1, std::nan("")}), b({1}, {3});
  using View = typename TestArray<Scalar, 1, Layout, Exec>::View;
  std::vector<View> const gradients{a.view(), b.view()};
  Kokkos::View<Scalar, typename Exec::memory_space> const norm("norm");
  nn::clip_grad_norm(Exec(), std::span<View const>(gradients), norm);
  EXPECT_TRUE(std::isnan(number_in(norm)) && std::isnan(a.values()[0]) && std::isnan(b.values()[0]));
}

TEST(ClipGradNorm, names_what_does_not_fit) {
  using View = HostTensor<float*>;
  std::vector<View> const gradients{View("gradient", 3)};
  Kokkos::View<float, Kokkos::HostSpace> const norm("norm");
  EXPECT_EQ(refusal([&] { nn::clip_grad_norm(Kokkos::Serial(), std::span<View const>(gradients), norm, {.max_norm = -2.0}); }),
            "ocellus::nn::clip_grad_norm: max_norm is -2 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
