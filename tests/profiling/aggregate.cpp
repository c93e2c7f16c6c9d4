// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/aggregate.hpp>

#include "reference/normalize.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::AggregateMethod;
double const nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();

template <class C>
class Aggregate : public ::testing::Test {};
TYPED_TEST_SUITE(Aggregate, Configurations);

TYPED_TEST(Aggregate, agrees_with_the_reference_in_the_same_bits_on_every_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& shape : {std::array<std::int64_t, 3>{1, 1, 1}, {12, 5, 4}, {255, 2, 1}, {257, 3, 2}, {1031, 2, 3}}) {
    std::int64_t const rows = shape[0], features = shape[1], groups = shape[2];
    auto profiles = random_values(static_cast<std::size_t>(rows * features), 1, 1.0, 0.5);
    for (std::size_t i = 3; i < profiles.size(); i += 11) profiles[i] = nan;
    std::vector<double> keys, distinct;
    for (std::int64_t i = 0; i < rows; ++i) keys.push_back(static_cast<double>((groups - 1 - i % groups) * 5 - 7));
    for (std::int64_t g = 0; g < groups; ++g) distinct.push_back(static_cast<double>(g * 5 - 7));
    for (auto const method : {AggregateMethod::mean, AggregateMethod::median}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << features << " in " << groups);
      std::vector<double> want, unit, first;
      for (double const key : distinct) {
        for (std::int64_t d = 0; d < features; ++d) {
          std::vector<double> column;
          for (std::int64_t i = 0; i < rows; ++i) {
            if (keys[static_cast<std::size_t>(i)] == key) column.push_back(profiles[static_cast<std::size_t>(i * features + d)]);
          }
          auto const known = reference::known_sorted(column);
          double mean = known.empty() ? nan : 0.0, size = 0;
          for (double const v : known) mean += v / static_cast<double>(known.size()), size += std::abs(v) / static_cast<double>(known.size());
          want.push_back(method == AggregateMethod::mean ? mean : reference::quantile(known, 1, 2));
          unit.push_back(4 * machine_epsilon<double>() * size + machine_epsilon<Scalar>() * std::abs(want.back()));
        }
      }
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, Layout, Exec> const input({rows, features}, profiles), output({groups, features});
        TestArray<std::int64_t, 1, Layout, Exec> const group({rows}, keys), found({groups});
        profiling::aggregate(exec, input.view(), group.view(), output.view(), found.view(), {.method = method});
        auto const got = output.values();
        expect_within(got, want, unit, 1);
        expect_same_bits(found.values(), distinct);
        EXPECT_TRUE(output.guards_intact() && found.guards_intact());
        if (first.empty()) first = got;
        expect_same_bits(got, first);
      });
    }
  }
}

TYPED_TEST(Aggregate, leaves_nan_out_and_lets_infinity_pass) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const profiles({4, 3}, {nan, inf, 1, nan, inf, nan, nan, 3, 2, 7, nan, inf}), output({2, 3});
  TestArray<std::int64_t, 1, Layout, Exec> const group({4}, {2, 2, 2, 1}), found({2});
  profiling::aggregate(exec, profiles.view(), group.view(), output.view(), found.view());
  expect_within(output.values(), {7, nan, inf, nan, inf, 1.5}, 1.0, 0.0);
  profiling::aggregate(exec, profiles.view(), group.view(), output.view(), found.view(), {.method = AggregateMethod::median});
  expect_within(output.values(), {7, nan, inf, nan, inf, 1.5}, 1.0, 0.0);
}

TEST(Aggregate, the_median_of_two_infinities_is_infinite) {
  Kokkos::Serial const exec;
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const profiles({2, 1}, {inf, inf}), output({1, 1});
  TestArray<std::int64_t, 1, Kokkos::LayoutRight, Kokkos::Serial> const group({2}, {0, 0}), found({1});
  profiling::aggregate(exec, profiles.view(), group.view(), output.view(), found.view(), {.method = AggregateMethod::median});
  EXPECT_EQ(output.values()[0], inf);
}

TEST(Aggregate, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  HostTensor<float**> const profiles("profiles", 4, 3), output("output", 1, 3), two("two", 2, 3), wide("wide", 1, 4);
  HostTensor<std::int64_t*> const group("group", 4), short_group("short", 3), groups("groups", 1), many("many", 2);
  expect_labels(record([&] { profiling::aggregate(exec, profiles, group, output, groups); }));
  EXPECT_EQ(refusal([&] { profiling::aggregate(exec, profiles, short_group, output, groups); }),
            "ocellus::profiling::aggregate: group.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { profiling::aggregate(exec, profiles, group, two, groups); }),
            "ocellus::profiling::aggregate: output.extent(0) is 2 but the number of groups is 1");
  EXPECT_EQ(refusal([&] { profiling::aggregate(exec, profiles, group, wide, groups); }),
            "ocellus::profiling::aggregate: output.extent(1) is 4 but profiles.extent(1) is 3");
  EXPECT_EQ(refusal([&] { profiling::aggregate(exec, profiles, group, output, many); }),
            "ocellus::profiling::aggregate: groups.extent(0) is 2 but the number of groups is 1");
}

}  // namespace
}  // namespace ocellus::test
