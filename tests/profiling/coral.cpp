// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/coral.hpp>

#include "reference/covariance.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

constexpr std::int64_t n = 47, width = 5;

/// Two batches, one of them wider and shifted; two thirds are controls.
struct Batches {
  std::vector<double> x = random_values(n * width, 1), mask, keys;
  Batches() {
    for (std::int64_t i = 0; i < n; ++i) {
      keys.push_back(i % 2 == 0 ? 100.0 : -100.0), mask.push_back(i % 3 != 2 ? 1.0 : 0.0);
      for (std::int64_t d = 0; d < width && i % 2 == 1; ++d)
        x[static_cast<std::size_t>(i * width + d)] = static_cast<double>(static_cast<float>(2 * x[static_cast<std::size_t>(i * width + d)] + 1));
    }
  }

  /// The rows of the controls of a batch.
  [[nodiscard]] std::vector<double> controls(double key) const {
    std::vector<double> rows;
    for (std::size_t i = 0; i < n; ++i) {
      if (keys[i] == key && mask[i] != 0)
        rows.insert(rows.end(), x.begin() + static_cast<std::ptrdiff_t>(i * width), x.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
    }
    return rows;
  }
};

template <class C>
class Coral : public ::testing::Test {};
TYPED_TEST_SUITE(Coral, RowMajorConfigurations);

TYPED_TEST(Coral, the_transform_is_the_inverse_root_of_the_controls_covariance) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Batches const data;
  for (double const regularization : {0.0, 0.5}) {
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, data.x), output({n, width});
      TestArray<bool, 1, Layout, Exec> const control({n}, data.mask);
      TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, data.keys);
      auto const fit = profiling::fit_coral(exec, profiles.view(), control.view(), batch.view(), {.regularization = regularization});
      EXPECT_TRUE(fit.converged);
      EXPECT_EQ(fit.keys, (std::vector<std::int64_t>{-100, 100}));
      profiling::apply_coral(exec, fit, profiles.view(), batch.view(), output.view());
      auto const got = output.values();
      EXPECT_TRUE(output.guards_intact());
      if (first.empty()) first = got;
      expect_same_bits(got, first);
      auto const t = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.transform);
      for (std::size_t g = 0; g < 2; ++g) {
        auto const rows = data.controls(g == 0 ? -100.0 : 100.0);
        auto covariance = reference::covariance<double>(rows, {}, static_cast<std::int64_t>(rows.size()) / width, width, 1).covariance;
        for (std::size_t d = 0; d < width; ++d) covariance[d * width + d] += regularization;
        // T C T = I
        for (std::size_t a = 0; a < width; ++a) {
          for (std::size_t b = 0; b < width; ++b) {
            double sum = 0;
            for (std::size_t c = 0; c < width; ++c) {
              for (std::size_t d = 0; d < width; ++d) sum += t(g, a, c) * covariance[c * width + d] * t(g, d, b);
            }
            EXPECT_NEAR(sum, a == b ? 1.0 : 0.0, 1e-12);
            EXPECT_NEAR(t(g, a, b), t(g, b, a), 1e-13);
          }
        }
      }
      for (std::size_t i = 0; i < n; ++i) {
        std::size_t const g = data.keys[i] < 0 ? 0 : 1;
        for (std::size_t a = 0; a < width; ++a) {
          double want = 0, size = 0;
          for (std::size_t d = 0; d < width; ++d) want += data.x[i * width + d] * t(g, d, a), size += std::abs(data.x[i * width + d] * t(g, d, a));
          EXPECT_NEAR(got[i * width + a], want, machine_epsilon<double>() * width * size + machine_epsilon<Scalar>() * std::abs(want));
        }
      }
    });
  }
}

TYPED_TEST(Coral, a_fit_gives_new_rows_the_same_bits_and_unknown_batches_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Batches const data;
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, data.x), output({n, width}), three({3, width}, {data.x.begin(), data.x.begin() + 3 * width});
  TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, data.keys), keys({3}, {100, -100, 7});
  auto const fit = profiling::fit_coral(exec, profiles.view(), none, batch.view());
  profiling::apply_coral(exec, fit, profiles.view(), batch.view(), output.view());
  profiling::apply_coral(exec, fit, three.view(), keys.view(), three.view());  // in place
  auto const whole = output.values(), got = three.values();
  expect_same_bits({got.begin(), got.begin() + 2 * width}, {whole.begin(), whole.begin() + 2 * width});
  for (std::size_t d = 2 * width; d < 3 * width; ++d) EXPECT_TRUE(std::isnan(got[d]));
}

TYPED_TEST(Coral, nan_in_the_controls_spoils_their_batch_alone) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Batches data;
  data.x[2 * width] = std::numeric_limits<double>::quiet_NaN();  // a row of batch 100
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, data.x), output({n, width});
  TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, data.keys);
  EXPECT_FALSE(profiling::coral(exec, profiles.view(), none, batch.view(), output.view()));
  auto const got = output.values();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), data.keys[i / width] > 0);
}

TEST(Coral, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const profiles("profiles", 4, 3), output("output", 4, 2);
  HostTensor<bool*> const control("control", 4), three("three", 3);
  HostTensor<std::int64_t*> const batch("batch", 4), short_batch("short_batch", 3);
  expect_labels(record([&] { profiling::coral(exec, profiles, none, batch, profiles); }));
  control(1)             = true;
  std::string const name = "ocellus::profiling::coral: ";
  EXPECT_EQ(refusal([&] { (void)profiling::fit_coral(exec, profiles, three, batch); }), name + "control.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_coral(exec, profiles, none, short_batch); }), name + "batch.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_coral(exec, profiles, control, batch); }), name + "batch 0 has 1 rows in control but at least 2 are needed");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_coral(exec, profiles, none, batch, {.regularization = -0.5}); }),
            name + "regularization is -0.5 but must not be negative");
  auto const fit = profiling::fit_coral(exec, profiles, none, batch);
  EXPECT_EQ(refusal([&] { profiling::apply_coral(exec, fit, profiles, batch, output); }), name + "output.extent(1) is 2 but profiles.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::apply_coral(exec, fit, output, batch, output); }), name + "profiles.extent(1) is 2 but the fit's number of features is 3");
}

}  // namespace
}  // namespace ocellus::test
