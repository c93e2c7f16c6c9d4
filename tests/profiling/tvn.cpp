// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/tvn.hpp>

#include "reference/covariance.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

constexpr std::int64_t n = 60, width = 4;

/// Correlated profiles of two batches; half of the rows are controls.
struct Screen {
  std::vector<double> x = random_values(n * width, 1, 1.0, 6.0), mask, keys;
  Screen() {
    for (std::int64_t i = 0; i < n; ++i) {
      keys.push_back(i < 25 ? 3.0 : 1.0), mask.push_back(i % 2 == 0 ? 1.0 : 0.0);
      auto* const row = x.data() + i * width;
      for (std::int64_t d = 1; d < width; ++d) row[d] = static_cast<double>(static_cast<float>(0.7 * row[d - 1] + row[d] * (i < 25 ? 1.0 : 2.0)));
    }
  }

  [[nodiscard]] std::vector<double> controls(std::vector<double> const& rows, std::size_t k, double key) const {
    std::vector<double> taken;
    for (std::size_t i = 0; i < n; ++i) {
      if (mask[i] != 0 && (key == 0 || keys[i] == key))
        taken.insert(taken.end(), rows.begin() + static_cast<std::ptrdiff_t>(i * k), rows.begin() + static_cast<std::ptrdiff_t>((i + 1) * k));
    }
    return taken;
  }
};

template <class C>
class Tvn : public ::testing::Test {};
TYPED_TEST_SUITE(Tvn, RowMajorConfigurations);

TYPED_TEST(Tvn, whitens_the_controls_and_aligns_the_batches) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Screen const screen;
  std::vector<double> whole, aligned;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, screen.x), plain({n, width}), batched({n, width});
    TestArray<bool, 1, Layout, Exec> const control({n}, screen.mask);
    TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, screen.keys);
    EXPECT_TRUE(profiling::tvn(exec, profiles.view(), control.view(), none, plain.view()));
    EXPECT_TRUE(profiling::tvn(exec, profiles.view(), control.view(), batch.view(), batched.view(), {.regularization = 0.0}));
    EXPECT_TRUE(plain.guards_intact() && batched.guards_intact());
    auto const z = plain.values(), y = batched.values();
    if (whole.empty()) whole = z, aligned = y;
    expect_same_bits(z, whole);
    expect_same_bits(y, aligned);
    std::vector<double> identity(width * width, 0.0);
    for (std::size_t d = 0; d < width; ++d) identity[d * width + d] = 1;
    // Without batches the controls have mean 0 and covariance I (ddof 0); with batches and no regularisation each batch has covariance I (ddof 1).
    auto const all = screen.controls(z, width, 0);
    auto const c   = reference::covariance<double>(all, {}, static_cast<std::int64_t>(all.size()) / width, width, 0);
    expect_within(c.mean, std::vector<double>(width, 0.0), machine_epsilon<Scalar>(), 64);
    expect_within(c.covariance, identity, machine_epsilon<Scalar>(), 256);
    for (double const key : {1.0, 3.0}) {
      auto const part = screen.controls(y, width, key);
      expect_within(reference::covariance<double>(part, {}, static_cast<std::int64_t>(part.size()) / width, width, 1).covariance, identity,
                    machine_epsilon<Scalar>(), 256);
    }
  });
}

TYPED_TEST(Tvn, a_fit_gives_new_rows_the_same_bits_and_unknown_batches_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Screen const screen;
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, screen.x), output({n, 3}), two({2, width}, {screen.x.begin(), screen.x.begin() + 2 * width}),
      part({2, 3});
  TestArray<bool, 1, Layout, Exec> const control({n}, screen.mask);
  TestArray<std::int64_t, 1, Layout, Exec> const batch({n}, screen.keys), keys({2}, {3, 8});
  auto const fit = profiling::fit_tvn(exec, profiles.view(), control.view(), batch.view(), {.components = 3});
  profiling::apply_tvn(exec, fit, profiles.view(), batch.view(), output.view());
  profiling::apply_tvn(exec, fit, two.view(), keys.view(), part.view());
  auto const whole = output.values(), got = part.values();
  expect_same_bits({got.begin(), got.begin() + 3}, {whole.begin(), whole.begin() + 3});
  EXPECT_TRUE(std::isnan(got[3]) && std::isnan(got[5]));
}

TYPED_TEST(Tvn, nan_in_a_control_does_not_converge_and_in_another_row_spoils_that_row) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Screen screen;
  screen.x[5 * width + 1] = std::numeric_limits<double>::quiet_NaN();  // row 5 is no control
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, screen.x), output({n, width});
  TestArray<bool, 1, Layout, Exec> const control({n}, screen.mask), all({n}, std::vector<double>(n, 1.0));
  EXPECT_TRUE(profiling::tvn(exec, profiles.view(), control.view(), none, output.view()));
  auto const got = output.values();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isnan(got[i]), i / width == 5);
  EXPECT_FALSE(profiling::tvn(exec, profiles.view(), all.view(), none, output.view()));
}

TEST(Tvn, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const values({6, 2}, random_values(12));
  auto const profiles = values.view();
  HostTensor<float**> const output("output", 6, 2), wide("wide", 6, 3);
  HostTensor<bool*> const control("control", 6), nobody("nobody", 6), three("three", 3);
  HostTensor<std::int64_t*> const batch("batch", 6), short_batch("short_batch", 3);
  Kokkos::deep_copy(control, true);
  batch(5) = 1;
  expect_labels(record([&] { profiling::tvn(exec, profiles, control, none, output); }));
  std::string const name = "ocellus::profiling::tvn: ";
  EXPECT_EQ(refusal([&] { profiling::tvn(exec, profiles, three, none, output); }), name + "control.extent(0) is 3 but profiles.extent(0) is 6");
  EXPECT_EQ(refusal([&] { profiling::tvn(exec, profiles, control, short_batch, output); }), name + "batch.extent(0) is 3 but profiles.extent(0) is 6");
  EXPECT_EQ(refusal([&] { profiling::tvn(exec, profiles, control, none, output, {.regularization = -1.0}); }),
            name + "regularization is -1 but must not be negative");
  EXPECT_NE(refusal([&] { profiling::tvn(exec, profiles, nobody, none, output); }).find("control marks 0"), std::string::npos);
  EXPECT_NE(refusal([&] { profiling::tvn(exec, profiles, control, batch, output); }).find("batch 1 has 1 rows in control"), std::string::npos);
  EXPECT_NE(refusal([&] { profiling::tvn(exec, profiles, control, none, output, {.components = 3}); }).find("components is 3"), std::string::npos);
  EXPECT_EQ(refusal([&] { profiling::tvn(exec, profiles, control, none, wide); }), name + "output.extent(1) is 3 but the number of components is 2");
}

}  // namespace
}  // namespace ocellus::test
