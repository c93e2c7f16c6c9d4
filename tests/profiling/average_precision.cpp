// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/average_precision.hpp>

#include "reference/average_precision.hpp"
#include "reference/similarity.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::SimilarityMetric;
using Columns    = std::vector<std::int64_t>;
double const nan = std::numeric_limits<double>::quiet_NaN();

struct Rules {
  Columns pos_sameby, pos_diffby, neg_sameby, neg_diffby;

  [[nodiscard]] profiling::AveragePrecisionOptions options(SimilarityMetric metric) const {
    return {.pos_sameby = pos_sameby, .pos_diffby = pos_diffby, .neg_sameby = neg_sameby, .neg_diffby = neg_diffby, .metric = metric};
  }
};

double similarity_of(SimilarityMetric metric, std::vector<double> const& x, std::vector<double> const& y) {
  switch (metric) {
    case SimilarityMetric::pearson:
      return reference::pearson(x, y);
    case SimilarityMetric::abs_cosine:
      return std::abs(reference::cosine(x, y));
    case SimilarityMetric::euclidean:
      return -reference::euclidean(x, y);
    case SimilarityMetric::manhattan:
      return -reference::manhattan(x, y);
    case SimilarityMetric::chebyshev:
      return -reference::chebyshev(x, y);
    default:
      return reference::cosine(x, y);
  }
}

struct Results {
  std::vector<double> ap, normalized, positives, total;
};

Results want(std::vector<double> const& profiles, std::vector<double> const& metadata, std::size_t width, std::size_t columns, Rules const& rules,
             SimilarityMetric metric) {
  Results results;
  std::size_t const n = profiles.size() / width;
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<std::pair<double, bool>> ranked;
    double positives = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if (j == i) continue;
      auto const holds = [&](Columns const& same, Columns const& different) {
        bool all = true;
        for (auto const c : same) all = all && metadata[i * columns + static_cast<std::size_t>(c)] == metadata[j * columns + static_cast<std::size_t>(c)];
        for (auto const c : different) all = all && metadata[i * columns + static_cast<std::size_t>(c)] != metadata[j * columns + static_cast<std::size_t>(c)];
        return all;
      };
      double const s = similarity_of(metric, reference::row_of(profiles, i, width), reference::row_of(profiles, j, width));
      if (holds(rules.pos_sameby, rules.pos_diffby)) ranked.emplace_back(s, true), ++positives;
      if (holds(rules.neg_sameby, rules.neg_diffby)) ranked.emplace_back(s, false);
    }
    double const ap = reference::average_precision(ranked);
    results.ap.push_back(ap);
    results.normalized.push_back(positives == 0 ? nan : reference::normalized_average_precision(ap, positives, static_cast<double>(ranked.size())));
    results.positives.push_back(positives);
    results.total.push_back(static_cast<double>(ranked.size()));
  }
  return results;
}

template <class C>
class AveragePrecision : public ::testing::Test {};
TYPED_TEST_SUITE(AveragePrecision, RowMajorConfigurations);

TYPED_TEST(AveragePrecision, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar                  = typename TypeParam::Scalar;
  using Layout                  = typename TypeParam::Layout;
  using Exec                    = typename TypeParam::Exec;
  constexpr std::size_t columns = 3, width = 13;
  // The last two overlap: pairs that are positive and negative, and negatives from a rule of equality.
  Rules const rules[] = {{{0}, {}, {}, {0}}, {{0}, {1}, {1}, {0}}, {{0}, {}, {}, {0, 2}}, {{0}, {}, {}, {1}}, {{}, {0}, {0}, {}}};
  for (std::size_t const n : {1, 2, 31, 65, 130}) {
    auto const profiles = random_values(n * width, 1);
    std::vector<double> metadata;
    for (std::size_t i = 0; i < n; ++i) {
      for (double const key : {static_cast<double>(i % 7) * 9 - 4, static_cast<double>(i % 2), i % 5 == 0 ? -1.0 : 1.0}) metadata.push_back(key);
    }
    for (auto const& rule : rules) {
      for (auto const metric : {SimilarityMetric::cosine, SimilarityMetric::pearson, SimilarityMetric::abs_cosine, SimilarityMetric::euclidean,
                                SimilarityMetric::manhattan, SimilarityMetric::chebyshev}) {
        SCOPED_TRACE(::testing::Message() << n << " rows, metric " << static_cast<int>(metric) << ", rule " << &rule - rules);
        auto const expected = want(profiles, metadata, width, columns, rule, metric);
        with_thread_counts<Exec>([&](Exec const& exec) {
          auto const rows = static_cast<std::int64_t>(n);
          TestArray<Scalar, 2, Layout, Exec> const x({rows, width}, profiles);
          TestArray<std::int64_t, 2, Layout, Exec> const keys({rows, columns}, metadata);
          TestArray<Scalar, 1, Layout, Exec> const ap({rows}), normalized({rows});
          TestArray<std::int64_t, 1, Layout, Exec> const positives({rows}), total({rows});
          profiling::average_precision(exec, x.view(), keys.view(), ap.view(), normalized.view(), positives.view(), total.view(), rule.options(metric));
          expect_within(ap.values(), expected.ap, machine_epsilon<Scalar>(), 2);
          expect_within(normalized.values(), expected.normalized, machine_epsilon<Scalar>(), 64);
          expect_same_bits(positives.values(), expected.positives);
          expect_same_bits(total.values(), expected.total);
          EXPECT_TRUE(ap.guards_intact() && normalized.guards_intact() && positives.guards_intact() && total.guards_intact());
        });
      }
    }
  }
}

TYPED_TEST(AveragePrecision, ties_favour_positives_and_nan_ranks_last) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Rules const rule{{0}, {}, {}, {0}};
  // Row 0 ranks its like (row 1) level with the stranger 2, which is equal to it, and above 3; row 4 is alone and NaN.
  TestArray<Scalar, 2, Layout, Exec> const x({5, 2}, {1, 0, 1, 1, 1, 1, 0, 1, nan, 0});
  TestArray<std::int64_t, 2, Layout, Exec> const keys({5, 1}, {3, 3, 8, 8, 9});
  TestArray<Scalar, 1, Layout, Exec> const ap({5}), normalized({5});
  TestArray<std::int64_t, 1, Layout, Exec> const positives({5}), total({5});
  profiling::average_precision(exec, x.view(), keys.view(), ap.view(), normalized.view(), positives.view(), total.view(),
                               rule.options(SimilarityMetric::cosine));
  auto const got = ap.values();
  EXPECT_EQ(got[0], 1.0);
  EXPECT_EQ(got[1], 0.5);  // the equal stranger comes first, then row 0 level with row 3
  EXPECT_TRUE(std::isnan(got[4]) && std::isnan(normalized.values()[4]));
  EXPECT_EQ(positives.values(), (std::vector<double>{1, 1, 1, 1, 0}));
  EXPECT_EQ(total.values(), (std::vector<double>{4, 4, 4, 4, 4}));
}

TYPED_TEST(AveragePrecision, the_kernel_of_hosts_and_the_portable_one_agree_in_every_bit) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  if constexpr (is_host_execution_v<Exec>) {
    // Few different profiles, hence ties; a row of NaN; keys beyond 32 bits; 144 and 143 positives, which are searched, and fewer, which are compared.
    constexpr std::int64_t n = 289, width = 3, columns = 3;
    auto profiles = random_values(n * width, 7);
    for (double& v : profiles) v = std::floor(2 * v);
    for (std::size_t d = 0; d < width; ++d) profiles[40 * width + d] = nan;
    std::vector<double> metadata;
    for (std::int64_t i = 0; i < n; ++i) {
      for (double const key : {static_cast<double>(i % 2) * 4294967296.0, static_cast<double>(i % 11), static_cast<double>(i / 20)}) metadata.push_back(key);
    }
    Rules const rules[] = {{{0}, {}, {}, {0}},        {{0}, {}, {}, {1}},       {{1}, {2}, {}, {1}},
                           {{0, 2}, {1}, {}, {0, 2}}, {{}, {0, 1}, {0, 1}, {}}, {{2}, {}, {2}, {0}}};
    for (auto const& rule : rules) {
      for (auto const metric : {SimilarityMetric::cosine, SimilarityMetric::abs_cosine, SimilarityMetric::spearman, SimilarityMetric::euclidean}) {
        SCOPED_TRACE(::testing::Message() << "metric " << static_cast<int>(metric) << ", rule " << &rule - rules);
        with_thread_counts<Exec>([&](Exec const& exec) {
          TestArray<Scalar, 2, Layout, Exec> const x({n, width}, profiles);
          TestArray<std::int64_t, 2, Layout, Exec> const keys({n, columns}, metadata);
          TestArray<Scalar, 1, Layout, Exec> const ap({n}), normalized({n}), ap_by_rows({n}), normalized_by_rows({n});
          TestArray<std::int64_t, 1, Layout, Exec> const positives({n}), total({n}), positives_by_rows({n}), total_by_rows({n});
          profiling::average_precision(exec, x.view(), keys.view(), ap.view(), normalized.view(), positives.view(), total.view(), rule.options(metric));
          auto const positive = profiling::detail::pair_rule("test", "", "", rule.pos_sameby, rule.pos_diffby, columns);
          auto const negative = profiling::detail::pair_rule("test", "", "", rule.neg_sameby, rule.neg_diffby, columns);
          profiling::detail::average_precision_by_rows(Kokkos::Serial(), "ocellus::test", x.view(), keys.view(), positive, negative, ap_by_rows.view(),
                                                       normalized_by_rows.view(), positives_by_rows.view(), total_by_rows.view(), metric);
          expect_same_bits(ap.values(), ap_by_rows.values());
          expect_same_bits(normalized.values(), normalized_by_rows.values());
          expect_same_bits(positives.values(), positives_by_rows.values());
          expect_same_bits(total.values(), total_by_rows.values());
        });
      }
    }
  }
}

TEST(AveragePrecision, harmonic_numbers) {
  double sum = 0, rest = 0;  // the rest: what rounding took
  for (std::int64_t k = 1; k <= 100000; ++k) {
    double const term = 1.0 / static_cast<double>(k) - rest, next = sum + term;
    rest = (next - sum) - term;
    sum  = next;
    ASSERT_NEAR(profiling::detail::harmonic_number(k), sum, 4 * machine_epsilon<double>() * sum) << k;
  }
}

TEST(AveragePrecision, known_rankings) {
  EXPECT_NEAR(reference::average_precision({{0.9, true}, {0.8, false}, {0.7, true}, {0.6, false}}), 5.0 / 6.0, 1e-15);
  // Two of four: the mean over all six rankings.
  double mean = 0;
  for (int first = 0; first < 4; ++first) {
    for (int second = first + 1; second < 4; ++second) mean += (1.0 / (first + 1) + 2.0 / (second + 1)) / 2 / 6;
  }
  EXPECT_NEAR(profiling::detail::expected_average_precision(2, 4), mean, 1e-15);
  EXPECT_EQ(profiling::detail::normalized_average_precision(1.0, 3, 3), 0.0);
}

TEST(AveragePrecision, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const x("x", 4, 3);
  HostTensor<std::int64_t**> const keys("keys", 4, 2), short_keys("short_keys", 3, 2), many("many", 4, 65);
  HostTensor<float*> const ap("ap", 4), three("three", 3);
  HostTensor<std::int64_t*> const counts("counts", 4), few("few", 3);
  auto const run = [&](Rules const& rule) { profiling::average_precision(exec, x, keys, ap, ap, counts, counts, rule.options(SimilarityMetric::cosine)); };
  Rules const good{{0}, {}, {}, {1}};
  auto const options = good.options(SimilarityMetric::cosine);
  expect_labels(record([&] { run(good); }));
  std::string const name = "ocellus::profiling::average_precision: ";
  EXPECT_EQ(refusal([&] { run({{}, {}, {}, {0}}); }), name + "pos_sameby and pos_diffby are both empty: nothing says which pairs are meant");
  EXPECT_EQ(refusal([&] { run({{0}, {}, {}, {}}); }), name + "neg_sameby and neg_diffby are both empty: nothing says which pairs are meant");
  EXPECT_EQ(refusal([&] { run({{2}, {}, {}, {0}}); }), name + "pos_sameby names column 2 but metadata.extent(1) is 2");
  EXPECT_EQ(refusal([&] { run({{0}, {}, {}, {-1}}); }), name + "neg_diffby names column -1 but metadata.extent(1) is 2");
  EXPECT_EQ(refusal([&] { run({{0}, {0}, {}, {0}}); }), name + "pos_diffby names column 0, which pos_sameby names too");
  EXPECT_EQ(refusal([&] { run({{0}, {}, {1}, {1}}); }), name + "neg_diffby names column 1, which neg_sameby names too");
  EXPECT_EQ(refusal([&] { profiling::average_precision(exec, x, short_keys, ap, ap, counts, counts, options); }),
            name + "metadata.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::average_precision(exec, x, many, ap, ap, counts, counts, options); }),
            name + "metadata.extent(1) is 65 but at most 64 columns can be told apart");
  EXPECT_EQ(refusal([&] { profiling::average_precision(exec, x, keys, three, ap, counts, counts, options); }),
            name + "average_precision.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::average_precision(exec, x, keys, ap, ap, counts, few, options); }),
            name + "n_total_pairs.extent(0) is 3 but profiles.extent(0) is 4");
}

}  // namespace
}  // namespace ocellus::test
