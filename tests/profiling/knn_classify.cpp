// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/knn_classify.hpp>

#include <algorithm>

#include "reference/similarity.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::KnnVote;
double const nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class KnnClassify : public ::testing::Test {};
TYPED_TEST_SUITE(KnnClassify, RowMajorConfigurations);

TYPED_TEST(KnnClassify, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar            = typename TypeParam::Scalar;
  using Layout            = typename TypeParam::Layout;
  using Exec              = typename TypeParam::Exec;
  constexpr std::size_t n = 70, q = 67, width = 11, classes = 4;
  auto const profiles = random_values(n * width, 1), queries = random_values(q * width, 2);
  std::vector<double> labels;
  for (std::size_t i = 0; i < n; ++i) labels.push_back(static_cast<double>(i * i % 7 % classes));
  for (auto const vote : {KnnVote::weighted, KnnVote::majority}) {
    for (std::int64_t const k : {1, 9, 70}) {
      double const temperature = 0.2;
      std::vector<double> want_label, want_probability, first;
      for (std::size_t i = 0; i < q; ++i) {
        std::vector<std::pair<double, std::size_t>> all;
        for (std::size_t j = 0; j < n; ++j)
          all.emplace_back(-reference::cosine(reference::row_of(queries, i, width), reference::row_of(profiles, j, width)), j);
        std::sort(all.begin(), all.end());
        std::vector<double> votes(classes, 0.0);
        double total = 0;
        for (std::size_t m = 0; m < static_cast<std::size_t>(k); ++m) {
          double const share = vote == KnnVote::majority ? 1.0 : std::exp(-all[m].first / temperature);
          votes[static_cast<std::size_t>(labels[all[m].second])] += share, total += share;
        }
        want_label.push_back(static_cast<double>(std::max_element(votes.begin(), votes.end()) - votes.begin()));
        for (double const v : votes) want_probability.push_back(v / total);
      }
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, Layout, Exec> const x({n, width}, profiles), y({q, width}, queries), probability({q, classes});
        TestArray<std::int64_t, 1, Layout, Exec> const label({n}, labels), predicted({q});
        profiling::knn_classify(exec, x.view(), label.view(), y.view(), predicted.view(), probability.view(),
                                {.k = k, .vote = vote, .temperature = temperature});
        expect_within(probability.values(), want_probability, machine_epsilon<Scalar>() / temperature, width + 8);
        expect_same_bits(predicted.values(), want_label);
        EXPECT_TRUE(probability.guards_intact() && predicted.guards_intact());
        if (first.empty()) first = probability.values();
        expect_same_bits(probability.values(), first);
      });
    }
  }
}

TYPED_TEST(KnnClassify, equal_votes_go_to_the_smallest_label_and_a_nan_query_to_none) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  // Label 9 lies outside the classes: no vote.
  TestArray<Scalar, 2, Layout, Exec> const x({4, 2}, {1, 0, 0, 1, 1, 0, -1, 0}), y({2, 2}, {1, 1, nan, 0}), probability({2, 3});
  TestArray<std::int64_t, 1, Layout, Exec> const label({4}, {2, 1, 9, 0}), predicted({2});
  profiling::knn_classify(exec, x.view(), label.view(), y.view(), predicted.view(), probability.view(), {.k = 3, .vote = KnnVote::majority});
  EXPECT_EQ(predicted.values(), (std::vector<double>{1, -1}));
  expect_within(probability.values(), {0, 0.5, 0.5, nan, nan, nan}, 1.0, 0.0);
}

TYPED_TEST(KnnClassify, a_small_temperature_does_not_overflow) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const x({2, 2}, {1, 0, 0, 1}), y({1, 2}, {1, 0}), probability({1, 2});
  TestArray<std::int64_t, 1, Layout, Exec> const label({2}, {1, 0}), predicted({1});
  profiling::knn_classify(exec, x.view(), label.view(), y.view(), predicted.view(), probability.view(), {.k = 2, .temperature = 1e-6});
  EXPECT_EQ(predicted.values()[0], 1);
  EXPECT_EQ(probability.values(), (std::vector<double>{0, 1}));
}

TEST(KnnClassify, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const x("x", 4, 3), y("y", 2, 3), wide("wide", 2, 4), probability("probability", 2, 1);
  HostTensor<std::int64_t*> const label("label", 4), predicted("predicted", 2), three("three", 3);
  expect_labels(record([&] { profiling::knn_classify(exec, x, label, y, predicted, probability, {.k = 2}); }));
  EXPECT_EQ(refusal([&] { profiling::knn_classify(exec, x, three, y, predicted, probability); }),
            "ocellus::profiling::knn_classify: label.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::knn_classify(exec, x, label, wide, predicted, probability); }),
            "ocellus::profiling::knn_classify: query.extent(1) is 4 but profiles.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::knn_classify(exec, x, label, y, three, probability); }),
            "ocellus::profiling::knn_classify: predicted.extent(0) is 3 but query.extent(0) is 2");
  EXPECT_EQ(refusal([&] { profiling::knn_classify(exec, x, label, y, predicted, probability); }),
            "ocellus::profiling::knn_classify: k is 20 but must lie between 1 and profiles.extent(0), 4");
  EXPECT_EQ(refusal([&] { profiling::knn_classify(exec, x, label, y, predicted, probability, {.k = 1, .temperature = 0.0}); }),
            "ocellus::profiling::knn_classify: temperature is 0 but must be positive");
}

}  // namespace
}  // namespace ocellus::test
