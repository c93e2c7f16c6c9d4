// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/similarity.hpp>

#include "reference/similarity.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::SimilarityMetric;
constexpr SimilarityMetric metrics[] = {SimilarityMetric::cosine,    SimilarityMetric::abs_cosine, SimilarityMetric::pearson,  SimilarityMetric::spearman,
                                        SimilarityMetric::euclidean, SimilarityMetric::manhattan,  SimilarityMetric::chebyshev};
double const nan                     = std::numeric_limits<double>::quiet_NaN();

double want(SimilarityMetric metric, bool distance, std::vector<double> const& x, std::vector<double> const& y) {
  if (metric == SimilarityMetric::euclidean || metric == SimilarityMetric::manhattan || metric == SimilarityMetric::chebyshev) {
    double const d = metric == SimilarityMetric::euclidean   ? reference::euclidean(x, y)
                     : metric == SimilarityMetric::manhattan ? reference::manhattan(x, y)
                                                             : reference::chebyshev(x, y);
    return distance ? d : 1 / (1 + d);
  }
  double const s = metric == SimilarityMetric::pearson    ? reference::pearson(x, y)
                   : metric == SimilarityMetric::spearman ? reference::spearman(x, y)
                                                          : reference::cosine(x, y);
  double const v = metric == SimilarityMetric::abs_cosine ? std::abs(s) : s;
  return distance ? 1 - v : v;
}

/// Rows whose first is zero, second constant, and third equal to the fourth; with ties within rows.
std::vector<double> awkward_rows(std::int64_t rows, std::int64_t width, std::uint32_t sample) {
  auto x = random_values(static_cast<std::size_t>(rows * width), sample, 1.0, 0.25);
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] = std::round(4 * x[i]) / 4;
  auto const w = static_cast<std::size_t>(width);
  for (std::size_t d = 0; d < w; ++d) {
    if (rows > 0) x[d] = 0;
    if (rows > 1) x[w + d] = static_cast<double>(0.1f);
    if (rows > 3) x[3 * w + d] = x[2 * w + d];
  }
  return x;
}

template <class C>
class Similarity : public ::testing::Test {};
TYPED_TEST_SUITE(Similarity, Configurations);

TYPED_TEST(Similarity, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& shape : {std::array<std::int64_t, 3>{0, 3, 4}, {3, 0, 4}, {2, 3, 1}, {7, 5, 37}, {33, 31, 16}, {5, 9, 257}}) {
    auto const [n, m, width] = shape;
    auto const left = awkward_rows(n, width, 1), right = awkward_rows(m, width, 2);
    for (auto const metric : metrics) {
      for (bool const distance : {false, true}) {
        SCOPED_TRACE(::testing::Message() << n << ", " << m << " x " << width << " metric " << static_cast<int>(metric) << (distance ? " distance" : ""));
        std::vector<double> expected, unit, first;
        for (std::int64_t i = 0; i < n; ++i) {
          for (std::int64_t j = 0; j < m; ++j) {
            auto const w = static_cast<std::size_t>(width);
            expected.push_back(
                want(metric, distance, reference::row_of(left, static_cast<std::size_t>(i), w), reference::row_of(right, static_cast<std::size_t>(j), w)));
            unit.push_back(machine_epsilon<Scalar>() * (metric <= SimilarityMetric::spearman ? 1.0 : expected.back()));
          }
        }
        with_thread_counts<Exec>([&](Exec const& exec) {
          TestArray<Scalar, 2, Layout, Exec> const x({n, width}, left), y({m, width}, right), output({n, m});
          profiling::similarity(exec, x.view(), y.view(), output.view(), {.metric = metric, .distance = distance});
          auto const got = output.values();
          expect_within(got, expected, unit, static_cast<double>(width + 4));
          EXPECT_TRUE(output.guards_intact());
          if (first.empty()) first = got;
          expect_same_bits(got, first);
        });
      }
    }
  }
}

TYPED_TEST(Similarity, is_symmetric_and_equal_rows_are_equally_similar_bit_for_bit) {
  using Scalar            = typename TypeParam::Scalar;
  using Layout            = typename TypeParam::Layout;
  using Exec              = typename TypeParam::Exec;
  constexpr std::size_t n = 67, width = 41;
  Exec const exec;
  auto rows = random_values(n * width, 3);
  for (std::size_t d = 0; d < width; ++d) rows[66 * width + d] = rows[13 * width + d];
  TestArray<Scalar, 2, Layout, Exec> const x({n, width}, rows), output({n, n});
  for (auto const metric : metrics) {
    profiling::similarity(exec, x.view(), x.view(), output.view(), {.metric = metric});
    auto const s = output.values();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) ASSERT_EQ(s[i * n + j], s[j * n + i]);
      ASSERT_EQ(s[i * n + 13], s[i * n + 66]);
    }
    ASSERT_EQ(s[13 * n + 13], s[13 * n + 66]);
    // A part of the rows has the bits of the whole.
    TestArray<Scalar, 2, Layout, Exec> const few({2, width}, {rows.begin() + 5 * width, rows.begin() + 7 * width}), part({2, n});
    profiling::similarity(exec, few.view(), x.view(), part.view(), {.metric = metric});
    expect_same_bits(part.values(), {s.begin() + 5 * n, s.begin() + 7 * n});
  }
}

TYPED_TEST(Similarity, zero_vectors_are_like_nothing_and_nan_spoils_its_row_alone) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const x({4, 2}, {0, 0, nan, 1, 2, 2, 0, 3}), output({4, 4});
  for (auto const metric : metrics) {
    profiling::similarity(exec, x.view(), x.view(), output.view(), {.metric = metric});
    auto const s = output.values();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(s[i * 4 + 1]) && std::isnan(s[4 + i])) << static_cast<int>(metric);
    if (metric > SimilarityMetric::spearman) continue;
    for (std::size_t const i : {0, 2, 3}) EXPECT_EQ(s[i], 0.0);
    bool const centred = metric == SimilarityMetric::pearson || metric == SimilarityMetric::spearman;
    if (centred)
      EXPECT_EQ(s[2 * 4 + 3], 0.0);  // a constant row has no direction
    else
      EXPECT_NEAR(s[2 * 4 + 3], std::sqrt(0.5), 1e-6);
  }
}

TEST(Similarity, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const x("x", 4, 3), y("y", 2, 3), wide("wide", 2, 4), output("output", 4, 2), wrong("wrong", 3, 2);
  for (auto const metric : metrics) {
    profiling::SimilarityOptions const options{.metric = metric};
    WorkspaceFor<Kokkos::Serial> workspace(exec, profiling::similarity_workspace_size(exec, x, y, output, options));
    expect_good_manners(record([&] { profiling::similarity(exec, x, y, output, options, workspace); }));
    EXPECT_EQ(workspace.used(), 0u);
  }
  EXPECT_EQ(refusal([&] { profiling::similarity(exec, x, wide, output); }), "ocellus::profiling::similarity: y.extent(1) is 4 but x.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::similarity(exec, x, y, wrong); }), "ocellus::profiling::similarity: output.extent(0) is 3 but x.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::similarity(exec, x, x, output); }), "ocellus::profiling::similarity: output.extent(1) is 2 but y.extent(0) is 4");
}

}  // namespace
}  // namespace ocellus::test
