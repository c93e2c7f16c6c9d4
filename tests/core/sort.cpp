// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/sort.hpp>

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::vector<double> sorted_indices(std::vector<double> const& keys, bool descending) {
  std::vector<double> order(keys.size());
  std::iota(order.begin(), order.end(), 0.0);
  std::stable_sort(order.begin(), order.end(), [&](double i, double j) {
    double const a = keys[static_cast<std::size_t>(i)], b = keys[static_cast<std::size_t>(j)];
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return descending ? b < a : a < b;
  });
  return order;
}

/// Few distinct keys, so that ties abound, with infinities, both zeros and NaN among them.
std::vector<double> tied_keys(std::size_t count, std::uint32_t sample) {
  RandomSequence const sequence{.seed = 11, .sample = sample};
  std::vector<double> keys(count);
  for (std::size_t i = 0; i < count; ++i) {
    double const special[] = {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), -0.0};
    auto const draw        = sequence.below(i, 23);
    keys[i]                = draw < 4 ? special[draw] : static_cast<double>(draw) - 12.0;
  }
  return keys;
}

template <class C>
class Sort : public ::testing::Test {};
TYPED_TEST_SUITE(Sort, Configurations);

TYPED_TEST(Sort, is_stable_in_both_directions_with_nan_last_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  for (std::int64_t const rows : {0, 1, 3}) {
    for (std::int64_t const count : {0, 1, 2, 31, 32, 33, 47, 48, 64, 65, 97, 1023, 1024, 1025, 2500, 4096, 4099}) {
      for (bool const descending : {false, true}) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << count << (descending ? " descending" : ""));
        auto const k = tied_keys(static_cast<std::size_t>(rows * count), 1);
        TestArray<Scalar, 2, Layout, Exec> const keys({rows, count}, k);
        TestArray<std::int64_t, 2, Layout, Exec> const indices({rows, count});
        argsort_rows(exec, keys.view(), indices.view(), {.descending = descending});
        std::vector<double> want;
        for (std::int64_t r = 0; r < rows; ++r) {
          auto const order = sorted_indices({k.begin() + r * count, k.begin() + (r + 1) * count}, descending);
          want.insert(want.end(), order.begin(), order.end());
        }
        expect_same_bits(indices.values(), want);
        EXPECT_TRUE(indices.guards_intact());
      }
    }
  }
}

TYPED_TEST(Sort, does_not_depend_on_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const k = random_values(2 * 5003, 3);
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const keys({2, 5003}, k);
    TestArray<std::int32_t, 2, typename TypeParam::Layout, Exec> const indices({2, 5003});
    argsort_rows(exec, keys.view(), indices.view());
    auto want        = sorted_indices({k.begin(), k.begin() + 5003}, false);
    auto const other = sorted_indices({k.begin() + 5003, k.end()}, false);
    want.insert(want.end(), other.begin(), other.end());
    expect_same_bits(indices.values(), want);
  });
}

TYPED_TEST(Sort, merges_a_row_that_is_long_for_many_threads) {
  using Scalar    = typename TypeParam::Scalar;
  using Exec      = typename TypeParam::Exec;
  auto const k    = tied_keys(5003, 5);
  auto const sort = [&](Exec const& exec) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const keys({1, 5003}, k);
    TestArray<std::int64_t, 2, typename TypeParam::Layout, Exec> const indices({1, 5003});
    WorkspaceFor<Exec> workspace(exec, argsort_rows_workspace_size(exec, keys.view(), indices.view()));
    argsort_rows(exec, keys.view(), indices.view(), {}, workspace);
    exec.fence();
    expect_same_bits(indices.values(), sorted_indices(k, false));
  };
  sort(Exec());
#if defined(KOKKOS_ENABLE_OPENMP)
  if constexpr (std::is_same_v<Exec, Kokkos::OpenMP>) {
    Kokkos::OpenMP const many(32);
    sort(many);
    // Shorter rows need no more than longer ones.
    EXPECT_GE(argsort_rows_workspace_size<Scalar>(many, 1, 5003), argsort_rows_workspace_size<Scalar>(many, 1, 4095));
  }
#endif
}

TYPED_TEST(Sort, passes_over_digits_that_all_keys_share) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const count : {100, 5000}) {
    std::vector<double> k(static_cast<std::size_t>(2 * count), 3.0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) k[i] = i % 3 == 0 ? 1.5 : 1.25;
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const keys({2, count}, k);
    TestArray<std::int64_t, 2, typename TypeParam::Layout, Exec> const indices({2, count});
    argsort_rows(Exec(), keys.view(), indices.view());
    auto want        = sorted_indices({k.begin(), k.begin() + count}, false);
    auto const other = sorted_indices({k.begin() + count, k.end()}, false);
    want.insert(want.end(), other.begin(), other.end());
    expect_same_bits(indices.values(), want);
  }
}

TYPED_TEST(Sort, behaves_with_a_workspace) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const keys({3, 100}, random_values(300));
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const indices({3, 100});
  Exec const exec;
  auto const k = keys.view();
  auto const i = indices.view();
  WorkspaceFor<Exec> workspace(exec, argsort_rows_workspace_size(exec, k, i));
  EXPECT_EQ(argsort_rows_workspace_size<float>(exec, 3, 100), argsort_rows_workspace_size(exec, k, i));
  expect_good_manners(record([&] { argsort_rows(exec, k, i, {}, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(Sort, orders_integers_and_16_bit_numbers) {
  Kokkos::Serial const exec;
  HostTensor<std::int64_t**> const keys("keys", 1, 5), indices("indices", 1, 5);
  for (int i = 0; i < 5; ++i) keys(0, i) = std::int64_t{9007199254740993} - (i % 3);  // a double could not tell these apart
  argsort_rows(exec, keys, indices);
  std::vector<std::int64_t> const want{2, 1, 4, 0, 3};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(indices(0, i), want[static_cast<std::size_t>(i)]);
  TestArray<float16, 2, Kokkos::LayoutRight, Kokkos::Serial> const halves({1, 4}, {2, -1, std::nan(""), 0.5});
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Kokkos::Serial> const order({1, 4});
  argsort_rows(exec, halves.view(), order.view(), {.descending = true});
  expect_same_bits(order.values(), {0, 3, 1, 2});
}

TEST(Sort, names_what_does_not_fit) {
  HostTensor<float**> const keys("keys", 2, 3);
  HostTensor<std::int64_t**> const narrow("narrow", 2, 2), low("low", 1, 3), right("right", 2, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { argsort_rows(exec, keys, narrow); }), "ocellus::argsort_rows: indices.extent(1) is 2 but keys.extent(1) is 3");
  EXPECT_EQ(refusal([&] { argsort_rows(exec, keys, low); }), "ocellus::argsort_rows: indices.extent(0) is 1 but keys.extent(0) is 2");
  Workspace<Kokkos::HostSpace> empty;
  EXPECT_EQ(refusal([&] { argsort_rows(exec, keys, right, {}, empty); }),
            "ocellus::argsort_rows: the workspace is too small: 128 bytes are needed but it has 0");
}

}  // namespace
}  // namespace ocellus::test
