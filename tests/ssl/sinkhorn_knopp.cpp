// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/sinkhorn_knopp.hpp>

#include <algorithm>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SinkhornKnopp : public ::testing::Test {};
TYPED_TEST_SUITE(SinkhornKnopp, Configurations);

TYPED_TEST(SinkhornKnopp, agrees_with_plain_loops_and_rows_sum_to_one) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const columns : {1, 5, 33}) {
    for (int const iterations : {0, 1, 3}) {
      auto const k      = static_cast<std::size_t>(columns);
      auto const x      = random_values(7 * k, 1);
      double const most = *std::max_element(x.begin(), x.end());
      std::vector<double> q;
      double sum = 0;
      for (double const value : x) q.push_back(std::exp((value - most) / 0.25)), sum += q.back();
      for (double& value : q) value /= sum;
      for (int i = 0; i < iterations; ++i) {
        for (std::size_t c = 0; c < k; ++c) {
          double total = 0;
          for (std::size_t n = 0; n < 7; ++n) total += q[n * k + c];
          for (std::size_t n = 0; n < 7; ++n) q[n * k + c] /= total * static_cast<double>(k);
        }
        for (std::size_t n = 0; n < 7; ++n) {
          double total = 0;
          for (std::size_t c = 0; c < k; ++c) total += q[n * k + c];
          for (std::size_t c = 0; c < k; ++c) q[n * k + c] /= total * 7;
        }
      }
      std::vector<double> unit;
      for (double& value : q) value *= 7, unit.push_back(machine_epsilon<Scalar>() * value);
      TestArray<Scalar, 2, Layout, Exec> const logits({7, columns}, x), assignment({7, columns});
      std::vector<double> bits;
      with_thread_counts<Exec>([&](Exec const& exec) {
        auto const l = logits.view(), a = assignment.view();
        ssl::SinkhornKnoppOptions const options{.temperature = 0.25, .iterations = iterations};
        WorkspaceFor<Exec> workspace(exec, ssl::sinkhorn_knopp_workspace_size(exec, l, a, options));
        expect_good_manners(record([&] { ssl::sinkhorn_knopp(exec, l, a, options, workspace); }));
        exec.fence();
        if (bits.empty()) bits = assignment.values();
        expect_same_bits(assignment.values(), bits);
      });
      expect_within(bits, q, unit, 200);
      EXPECT_TRUE(assignment.guards_intact());
    }
  }
}

TEST(SinkhornKnopp, names_what_does_not_fit) {
  HostTensor<float**> const logits("logits", 3, 5), other("assignment", 3, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::sinkhorn_knopp(exec, logits, other, {}); }),
            "ocellus::ssl::sinkhorn_knopp: assignment.extent(1) is 4 but logits.extent(1) is 5");
  EXPECT_EQ(refusal([&] { ssl::sinkhorn_knopp(exec, logits, logits, {.temperature = 0}); }),
            "ocellus::ssl::sinkhorn_knopp: temperature is 0 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::sinkhorn_knopp(exec, logits, logits, {.iterations = -1}); }),
            "ocellus::ssl::sinkhorn_knopp: iterations is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
