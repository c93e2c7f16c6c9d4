// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/mean_average_precision.hpp>

#include "reference/average_precision.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class MeanAveragePrecision : public ::testing::Test {};
TYPED_TEST_SUITE(MeanAveragePrecision, Configurations);

TYPED_TEST(MeanAveragePrecision, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  for (std::int64_t const rows : {1, 8, 300}) {
    std::vector<double> ap, positives, total, keys, distinct, mean, normalized, first;
    for (std::int64_t i = 0; i < rows; ++i) {
      keys.push_back(static_cast<double>(20 - i % 5 * 10));
      // Group -20 has no average precision at all.
      ap.push_back(keys.back() == -20 || i % 7 == 3 ? nan : static_cast<double>(static_cast<float>(1 / (1 + 0.37 * static_cast<double>(i % 9)))));
      positives.push_back(static_cast<double>(1 + i % 3)), total.push_back(static_cast<double>(1 + i % 3 + i % 6));
    }
    for (double key = -20; key <= 20; key += 10) {
      double sum = 0, normalized_sum = 0, known = 0;
      bool found = false;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        if (keys[i] != key) continue;
        found = true;
        if (std::isnan(ap[i])) continue;
        ++known, sum += ap[i], normalized_sum += reference::normalized_average_precision(ap[i], positives[i], total[i]);
      }
      if (found) distinct.push_back(key), mean.push_back(known == 0 ? nan : sum / known), normalized.push_back(known == 0 ? nan : normalized_sum / known);
    }
    auto const groups = static_cast<std::int64_t>(distinct.size());
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 1, Layout, Exec> const input({rows}, ap), output({groups}), scaled({groups});
      TestArray<std::int64_t, 1, Layout, Exec> const pos({rows}, positives), all({rows}, total), group({rows}, keys), found({groups});
      profiling::mean_average_precision(exec, input.view(), pos.view(), all.view(), group.view(), found.view(), output.view(), scaled.view());
      expect_within(output.values(), mean, machine_epsilon<Scalar>(), 2);
      expect_within(scaled.values(), normalized, machine_epsilon<Scalar>(), 16);
      expect_same_bits(found.values(), distinct);
      EXPECT_TRUE(output.guards_intact() && scaled.guards_intact() && found.guards_intact());
      if (first.empty()) first = output.values();
      expect_same_bits(output.values(), first);
    });
  }
}

TEST(MeanAveragePrecision, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float*> const ap("ap", 4), mean("mean", 1), two("two", 2);
  HostTensor<std::int64_t*> const counts("counts", 4), three("three", 3), groups("groups", 1);
  Kokkos::deep_copy(counts, 2);
  expect_labels(record([&] { profiling::mean_average_precision(exec, ap, counts, counts, counts, groups, mean, mean); }));
  std::string const name = "ocellus::profiling::mean_average_precision: ";
  EXPECT_EQ(refusal([&] { profiling::mean_average_precision(exec, ap, three, counts, counts, groups, mean, mean); }),
            name + "n_pos_pairs.extent(0) is 3 but average_precision.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::mean_average_precision(exec, ap, counts, three, counts, groups, mean, mean); }),
            name + "n_total_pairs.extent(0) is 3 but average_precision.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::mean_average_precision(exec, ap, counts, counts, three, groups, mean, mean); }),
            name + "group.extent(0) is 3 but average_precision.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::mean_average_precision(exec, ap, counts, counts, counts, groups, two, mean); }),
            name + "mean_average_precision.extent(0) is 2 but the number of groups is 1");
}

}  // namespace
}  // namespace ocellus::test
