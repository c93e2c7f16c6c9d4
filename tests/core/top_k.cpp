// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/top_k.hpp>

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::vector<std::size_t> order_of(std::vector<double> const& keys, bool largest) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) {
    if (std::isnan(keys[i]) || std::isnan(keys[j])) return !std::isnan(keys[i]) && std::isnan(keys[j]);
    return largest ? keys[j] < keys[i] : keys[i] < keys[j];
  });
  return order;
}

template <class C>
class TopK : public ::testing::Test {};
TYPED_TEST_SUITE(TopK, Configurations);

TYPED_TEST(TopK, is_the_head_of_the_stable_order_whatever_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {0, 1, 5}) {
      for (std::int64_t const count : {1, 2, 17, 101}) {
        for (std::int64_t const k : {std::int64_t{0}, std::int64_t{1}, (count + 1) / 2, count}) {
          for (bool const largest : {true, false}) {
            SCOPED_TRACE(::testing::Message() << rows << " x " << count << ", k " << k << (largest ? " largest" : " smallest"));
            auto keys = random_values(static_cast<std::size_t>(rows * count), 1);
            for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = i % 9 == 4 ? std::nan("") : std::round(2 * keys[i]);
            TestArray<Scalar, 2, Layout, Exec> const input({rows, count}, keys), values({rows, k});
            TestArray<std::int64_t, 2, Layout, Exec> const indices({rows, k});
            top_k_rows(exec, input.view(), values.view(), indices.view(), {.largest = largest});
            exec.fence();
            std::vector<double> want_values, want_indices;
            for (std::int64_t r = 0; r < rows; ++r) {
              std::vector<double> const row(keys.begin() + r * count, keys.begin() + (r + 1) * count);
              auto const order = order_of(row, largest);
              for (std::size_t at = 0; at < static_cast<std::size_t>(k); ++at)
                want_values.push_back(row[order[at]]), want_indices.push_back(static_cast<double>(order[at]));
            }
            expect_within(values.values(), want_values, 1.0, 0.0);
            expect_same_bits(indices.values(), want_indices);
            EXPECT_TRUE(values.guards_intact() && indices.guards_intact());
          }
        }
      }
    }
  });
}

TYPED_TEST(TopK, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const keys({3, 50}, random_values(150)), values({3, 5});
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const indices({3, 5});
  Exec const exec;
  auto const k = keys.view(), v = values.view();
  auto const i = indices.view();
  expect_good_manners(record([&] { top_k_rows(exec, k, v, i); }));
  exec.fence();
}

TEST(TopK, names_what_does_not_fit) {
  HostTensor<float**> const keys("keys", 2, 3), values("values", 2, 2), many("many", 2, 4);
  HostTensor<std::int64_t**> const indices("indices", 2, 2), more("more", 2, 4), low("low", 1, 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { top_k_rows(exec, keys, many, more); }), "ocellus::top_k_rows: values.extent(1) is 4 but keys.extent(1) is only 3");
  EXPECT_EQ(refusal([&] { top_k_rows(exec, keys, values, more); }), "ocellus::top_k_rows: indices.extent(1) is 4 but values.extent(1) is 2");
  EXPECT_EQ(refusal([&] { top_k_rows(exec, keys, values, low); }), "ocellus::top_k_rows: indices.extent(0) is 1 but keys.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
