// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/knn.hpp>

#include <algorithm>

#include "reference/similarity.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::KnnMetric;
double const inf = std::numeric_limits<double>::infinity();

/// All distances sorted; ties to the smaller index.
std::vector<std::pair<double, std::size_t>> sorted_distances(std::vector<double> const& query, std::vector<double> const& base, std::size_t width,
                                                             KnnMetric metric, double key, std::vector<double> const& keys) {
  std::vector<std::pair<double, std::size_t>> all;
  for (std::size_t j = 0; j < base.size() / width; ++j) {
    auto const row = reference::row_of(base, j, width);
    if (keys.empty() || keys[j] != key) all.emplace_back(metric == KnnMetric::cosine ? 1 - reference::cosine(query, row) : reference::euclidean(query, row), j);
  }
  std::sort(all.begin(), all.end());
  return all;
}

template <class C>
class Knn : public ::testing::Test {};
TYPED_TEST_SUITE(Knn, RowMajorConfigurations);

TYPED_TEST(Knn, agrees_with_the_reference_in_the_same_bits_for_every_batch_and_number_of_threads) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t q = 65, m = 131, width = 19;
  auto const queries = random_values(q * width, 1), base = random_values(m * width, 2);
  std::vector<double> query_keys, base_keys;
  for (std::int64_t i = 0; i < q; ++i) query_keys.push_back(static_cast<double>(i % 3 * 10 - 7));
  for (std::int64_t j = 0; j < m; ++j) base_keys.push_back(static_cast<double>(j % 2 * 10 - 7));
  for (auto const metric : {KnnMetric::cosine, KnnMetric::euclidean}) {
    for (bool const grouped : {false, true}) {
      for (std::int64_t const k : {std::int64_t{1}, std::int64_t{10}, m}) {
        SCOPED_TRACE(::testing::Message() << "metric " << static_cast<int>(metric) << (grouped ? " grouped" : "") << " k " << k);
        std::vector<double> want_indices, want_distances, first;
        for (std::size_t i = 0; i < q; ++i) {
          auto all = sorted_distances(reference::row_of(queries, i, width), base, width, metric, query_keys[i], grouped ? base_keys : std::vector<double>{});
          while (all.size() < static_cast<std::size_t>(k)) all.emplace_back(inf, static_cast<std::size_t>(-1));
          for (std::size_t n = 0; n < static_cast<std::size_t>(k); ++n) {
            want_distances.push_back(all[n].first);
            want_indices.push_back(all[n].second == static_cast<std::size_t>(-1) ? -1.0 : static_cast<double>(all[n].second));
          }
        }
        with_thread_counts<Exec>([&](Exec const& exec) {
          for (std::int64_t const rows : {q, std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
            auto const cut = [&](std::vector<double> const& v, std::int64_t size) { return std::vector<double>(v.begin(), v.begin() + size); };
            TestArray<Scalar, 2, Layout, Exec> const x({rows, width}, cut(queries, rows * width)), y({m, width}, base), distances({rows, k});
            TestArray<std::int64_t, 1, Layout, Exec> const left({rows}, cut(query_keys, rows)), right({m}, base_keys);
            TestArray<std::int64_t, 2, Layout, Exec> const indices({rows, k});
            if (grouped)
              profiling::knn(exec, x.view(), y.view(), left.view(), right.view(), indices.view(), distances.view(), {.metric = metric});
            else
              profiling::knn(exec, x.view(), y.view(), none, none, indices.view(), distances.view(), {.metric = metric});
            auto const got = distances.values();
            // The unit: absolute for the cosine, relative for the Euclidean distance. Single precision may swap neighbours closer than that.
            std::vector<double> unit;
            for (double const d : cut(want_distances, rows * k)) unit.push_back(machine_epsilon<Scalar>() * (metric == KnnMetric::cosine ? 1.0 : d));
            expect_within(got, cut(want_distances, rows * k), unit, width + 4);
            if (std::is_same_v<Scalar, double>) expect_same_bits(indices.values(), cut(want_indices, rows * k));
            EXPECT_TRUE(indices.guards_intact() && distances.guards_intact());
            if (first.empty()) first = got;
            expect_same_bits(got, cut(first, rows * k));
          }
        });
      }
    }
  }
}

TYPED_TEST(Knn, ties_go_to_the_smaller_index_and_nan_is_nobodys_neighbour) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const query({2, 2}, {1, 0, nan, 0}), base({5, 2}, {nan, 1, 0, 1, 2, 0, 0, 1, 2, 0}), distances({2, 5});
  TestArray<std::int64_t, 2, Layout, Exec> const indices({2, 5});
  profiling::knn(exec, query.view(), base.view(), none, none, indices.view(), distances.view());
  EXPECT_EQ(indices.values(), (std::vector<double>{2, 4, 1, 3, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(distances.values(), (std::vector<double>{0, 0, 1, 1, inf, inf, inf, inf, inf, inf}));
  profiling::knn(exec, query.view(), base.view(), none, none, indices.view(), distances.view(), {.metric = KnnMetric::euclidean});
  EXPECT_EQ(indices.values(), (std::vector<double>{2, 4, 1, 3, -1, -1, -1, -1, -1, -1}));
}

TYPED_TEST(Knn, close_points_far_from_the_origin_keep_their_digits) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const query({1, 1}, {4096}), base({3, 1}, {4097, 4096.0078125, 4095.984375}), distances({1, 3});
  TestArray<std::int64_t, 2, Layout, Exec> const indices({1, 3});
  profiling::knn(exec, query.view(), base.view(), none, none, indices.view(), distances.view(), {.metric = KnnMetric::euclidean});
  EXPECT_EQ(indices.values(), (std::vector<double>{1, 2, 0}));
  EXPECT_EQ(distances.values(), (std::vector<double>{0.0078125, 0.015625, 1}));
}

TYPED_TEST(Knn, the_kernel_of_hosts_and_the_portable_one_agree_in_every_bit) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  if constexpr (is_host_execution_v<Exec>) {
    // More base rows than a block holds, few different ones, hence ties, and some of NaN.
    constexpr std::int64_t q = 57, m = 2103, width = 3;
    auto const coarse = [](std::vector<double> values) {
      for (double& v : values) v = std::floor(2 * v);
      return values;
    };
    auto const queries = coarse(random_values(q * width, 1));
    auto base          = coarse(random_values(m * width, 2));
    for (std::size_t j = 0; j < base.size(); j += 97 * width) base[j] = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> query_keys, base_keys;
    for (std::int64_t i = 0; i < q; ++i) query_keys.push_back(static_cast<double>(i % 3));
    for (std::int64_t j = 0; j < m; ++j) base_keys.push_back(j < 2000 ? static_cast<double>(j % 2) : 2.0);
    for (auto const metric : {profiling::SimilarityMetric::cosine, profiling::SimilarityMetric::euclidean}) {
      for (std::int64_t const k : {std::int64_t{1}, std::int64_t{17}, std::int64_t{200}}) {
        SCOPED_TRACE(::testing::Message() << "metric " << static_cast<int>(metric) << " k " << k);
        with_thread_counts<Exec>([&](Exec const& exec) {
          TestArray<Scalar, 2, Layout, Exec> const x({q, width}, queries), y({m, width}, base), distances({q, k}), by_rows({q, k});
          TestArray<std::int64_t, 1, Layout, Exec> const left({q}, query_keys), right({m}, base_keys);
          TestArray<std::int64_t, 2, Layout, Exec> const indices({q, k}), indices_by_rows({q, k});
          auto const run = [&](auto const& on, auto const& function, auto const& found, auto const& far, bool grouped, bool skip_self) {
            using Keys = std::remove_const_t<decltype(left.view())>;
            function(on, "ocellus::test", x.view(), y.view(), grouped ? left.view() : Keys{}, grouped ? right.view() : Keys{}, Keys{}, Keys{}, found, far,
                     metric, skip_self);
          };
          for (bool const grouped : {false, true}) {
            run(
                exec, [](auto const&... a) { profiling::detail::nearest_on_host(a...); }, indices.view(), distances.view(), grouped, !grouped);
            run(
                Kokkos::Serial(), [](auto const&... a) { profiling::detail::nearest_by_rows(a...); }, indices_by_rows.view(), by_rows.view(), grouped,
                !grouped);
            expect_same_bits(indices.values(), indices_by_rows.values());
            expect_same_bits(distances.values(), by_rows.values());
          }
        });
      }
    }
  }
}

TEST(Knn, the_order_does_not_suffer_from_coarse_outputs) {
  Kokkos::Serial const exec;
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const query({1, 1}, {0}), base({3, 1}, {1.00002, 1.00001, 1.0});
  TestArray<bfloat16, 2, Kokkos::LayoutRight, Kokkos::Serial> const distances({1, 3});
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Kokkos::Serial> const indices({1, 3});
  profiling::knn(exec, query.view(), base.view(), none, none, indices.view(), distances.view(), {.metric = KnnMetric::euclidean});
  EXPECT_EQ(indices.values(), (std::vector<double>{2, 1, 0}));
}

TEST(Knn, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const query("query", 4, 3), base("base", 5, 3), wide("wide", 5, 4), distances("distances", 4, 2), six("six", 4, 6), three("three", 3, 2);
  HostTensor<std::int64_t**> const indices("indices", 4, 2), too_many("too_many", 4, 6), no_columns("no_columns", 4, 0);
  HostTensor<std::int64_t*> const keys("keys", 4);
  expect_labels(record([&] { profiling::knn(exec, query, base, none, none, indices, distances); }));
  EXPECT_EQ(refusal([&] { profiling::knn(exec, query, wide, none, none, indices, distances); }),
            "ocellus::profiling::knn: base.extent(1) is 4 but query.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::knn(exec, query, base, none, none, too_many, six); }),
            "ocellus::profiling::knn: k is 6 (indices.extent(1)) but must lie between 1 and base.extent(0), 5");
  EXPECT_EQ(refusal([&] { profiling::knn(exec, query, base, none, none, no_columns, distances); }),
            "ocellus::profiling::knn: k is 0 (indices.extent(1)) but must lie between 1 and base.extent(0), 5");
  EXPECT_EQ(refusal([&] { profiling::knn(exec, query, base, none, none, indices, three); }),
            "ocellus::profiling::knn: distances.extent(0) is 3 but query.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::knn(exec, query, base, keys, keys, indices, distances); }),
            "ocellus::profiling::knn: base_group.extent(0) is 4 but base.extent(0) is 5");
}

}  // namespace
}  // namespace ocellus::test
