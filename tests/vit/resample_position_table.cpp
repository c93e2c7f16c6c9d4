// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/resample_position_table.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

double keys_kernel(double x, double a) {
  x = std::abs(x);
  if (x <= 1) return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

/// Row `at` of the matrix that resamples an axis.
std::vector<double> axis_weights(std::int64_t old_size, std::int64_t new_size, std::int64_t at, bool cubic, bool antialias) {
  double const ratio = static_cast<double>(old_size) / static_cast<double>(new_size), widening = antialias ? std::max(1.0, ratio) : 1.0;
  double centre = (static_cast<double>(at) + 0.5) * ratio - 0.5, total = 0;
  std::vector<double> weights(static_cast<std::size_t>(old_size));
  for (std::int64_t tap = -4 * old_size - 8; tap < 5 * old_size + 8; ++tap) {
    double const x = (static_cast<double>(tap) - centre) / widening, w = cubic ? keys_kernel(x, antialias ? -0.5 : -0.75) : std::max(0.0, 1 - std::abs(x));
    if (antialias && (tap < 0 || tap >= old_size)) continue;
    weights[static_cast<std::size_t>(std::min(std::max(tap, std::int64_t{0}), old_size - 1))] += w;
    total += w;
  }
  for (auto& w : weights) w /= total;
  return weights;
}

template <class C>
class ResamplePositionTable : public ::testing::Test {};
TYPED_TEST_SUITE(ResamplePositionTable, Configurations);

TYPED_TEST(ResamplePositionTable, agrees_with_plain_sums_in_every_mode) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  std::int64_t const width = 3, prefix = 2;
  std::int64_t const grids[][4] = {{4, 5, 7, 3}, {3, 3, 3, 3}, {1, 6, 4, 2}, {7, 2, 3, 5}};
  for (auto const& g : grids) {
    for (int const mode : {0, 1, 2, 3}) {
      bool const cubic = (mode & 1) != 0, antialias = (mode & 2) != 0;
      SCOPED_TRACE(::testing::Message() << g[0] << " x " << g[1] << " to " << g[2] << " x " << g[3] << ", mode " << mode);
      auto const x = random_values(static_cast<std::size_t>((prefix + g[0] * g[1]) * width), 1);
      std::vector<double> want(x.begin(), x.begin() + prefix * width);
      for (std::int64_t i = 0; i < g[2]; ++i) {
        for (std::int64_t j = 0; j < g[3]; ++j) {
          auto const rows = axis_weights(g[0], g[2], i, cubic, antialias), columns = axis_weights(g[1], g[3], j, cubic, antialias);
          for (std::int64_t d = 0; d < width; ++d) {
            double sum = 0;
            for (std::int64_t u = 0; u < g[0]; ++u) {
              for (std::int64_t v = 0; v < g[1]; ++v)
                sum +=
                    rows[static_cast<std::size_t>(u)] * columns[static_cast<std::size_t>(v)] * x[static_cast<std::size_t>((prefix + u * g[1] + v) * width + d)];
            }
            want.push_back(sum);
          }
        }
      }
      TestArray<Scalar, 2, Layout, Exec> const table({prefix + g[0] * g[1], width}, x), output({prefix + g[2] * g[3], width});
      Exec const exec;
      vit::resample_position_table(exec, table.view(), output.view(),
                                   {.rows          = g[0],
                                    .columns       = g[1],
                                    .new_rows      = g[2],
                                    .new_columns   = g[3],
                                    .prefix_tokens = prefix,
                                    .interpolation = cubic ? vit::Interpolation::bicubic : vit::Interpolation::bilinear,
                                    .antialias     = antialias});
      exec.fence();
      expect_within(output.values(), want, machine_epsilon<Scalar>(), 40);
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(ResamplePositionTable, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const table({5, 3}, random_values(15)), output({10, 3});
  Exec const exec;
  auto const t = table.view(), o = output.view();
  expect_good_manners(record([&] { vit::resample_position_table(exec, t, o, {.rows = 2, .columns = 2, .new_rows = 3, .new_columns = 3}); }));
  exec.fence();
}

TEST(ResamplePositionTable, names_what_does_not_fit) {
  HostTensor<float**> const table("table", 6, 3), output("output", 10, 3);
  EXPECT_EQ(refusal([&] { vit::resample_position_table(Kokkos::Serial(), table, output, {.rows = 2, .columns = 2, .new_rows = 3, .new_columns = 3}); }),
            "ocellus::vit::resample_position_table: table.extent(0) is 6 but prefix_tokens + rows columns is 5");
}

}  // namespace
}  // namespace ocellus::test
