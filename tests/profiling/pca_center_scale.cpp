// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/pca_center_scale.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PcaCenterScale : public ::testing::Test {};
TYPED_TEST_SUITE(PcaCenterScale, RowMajorConfigurations);

TYPED_TEST(PcaCenterScale, controls_of_each_batch_have_mean_zero_and_deviation_one) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 61, width = 6, k = 4;
  auto x = random_values(n * width, 1, 2.0, 5.0);
  std::vector<double> mask, keys;
  for (std::int64_t i = 0; i < n; ++i) mask.push_back(i % 3 != 0 ? 1.0 : 0.0), keys.push_back(i % 2 == 0 ? -9.0 : 30.0);
  for (bool const batched : {false, true}) {
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, x), output({n, k});
      TestArray<bool, 1, Layout, Exec> const control({n}, mask);
      TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, keys);
      if (batched)
        profiling::pca_center_scale(exec, profiles.view(), control.view(), batch.view(), output.view(), {.components = k});
      else
        profiling::pca_center_scale(exec, profiles.view(), control.view(), none, output.view(), {.components = k});
      auto const got = output.values();
      EXPECT_TRUE(output.guards_intact());
      if (first.empty()) first = got;
      expect_same_bits(got, first);
      for (double const key : {-9.0, 30.0}) {
        for (std::size_t a = 0; a < k; ++a) {
          double count = 0, mean = 0, square = 0;
          for (std::size_t i = 0; i < n; ++i) {
            if (mask[i] != 0 && (!batched || keys[i] == key)) ++count, mean += got[i * k + a], square += got[i * k + a] * got[i * k + a];
          }
          EXPECT_NEAR(mean / count, 0.0, 16 * machine_epsilon<Scalar>());
          EXPECT_NEAR(square / count, 1.0, 16 * machine_epsilon<Scalar>());
        }
      }
    });
  }
}

TYPED_TEST(PcaCenterScale, a_fit_gives_new_rows_the_same_bits_and_unknown_batches_nan) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 20, width = 3;
  Exec const exec;
  auto const x = random_values(n * width, 2);
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, x), output({n, width}), one({1, width}, {x.begin(), x.begin() + width}), part({1, width});
  TestArray<bool, 1, Layout, Exec> const control({n}, std::vector<double>(n, 1.0));
  TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, std::vector<double>(n, 4.0)), known({1}, {4}), unknown({1}, {5});
  auto const fit = profiling::fit_pca_center_scale(exec, profiles.view(), control.view(), batch.view());
  profiling::apply_pca_center_scale(exec, fit, profiles.view(), batch.view(), output.view());
  profiling::apply_pca_center_scale(exec, fit, one.view(), known.view(), part.view());
  auto const whole = output.values();
  expect_same_bits(part.values(), {whole.begin(), whole.begin() + width});
  profiling::apply_pca_center_scale(exec, fit, one.view(), unknown.view(), part.view());
  for (double const v : part.values()) EXPECT_TRUE(std::isnan(v));
}

TEST(PcaCenterScale, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const values({4, 3}, random_values(12));
  auto const profiles = values.view();
  HostTensor<float**> const output("output", 4, 3), two("two", 4, 2);
  HostTensor<bool*> const control("control", 4), nobody("nobody", 4), three("three", 3);
  HostTensor<std::int64_t*> const short_batch("short_batch", 3);
  Kokkos::deep_copy(control, true);
  expect_labels(record([&] { profiling::pca_center_scale(exec, profiles, control, none, output); }));
  std::string const name = "ocellus::profiling::pca_center_scale: ";
  EXPECT_EQ(refusal([&] { profiling::pca_center_scale(exec, profiles, three, none, output); }), name + "control.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::pca_center_scale(exec, profiles, control, short_batch, output); }),
            name + "batch.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::pca_center_scale(exec, profiles, nobody, none, output); }), name + "control marks 0 rows but at least 2 are needed");
  EXPECT_EQ(refusal([&] { profiling::pca_center_scale(exec, profiles, control, none, output, {.components = 4}); }),
            name + "components is 4 but must lie between 0 and 3, the smaller of controls and features");
  EXPECT_EQ(refusal([&] { profiling::pca_center_scale(exec, profiles, control, none, two); }), name + "output.extent(1) is 2 but components is 3");
}

}  // namespace
}  // namespace ocellus::test
