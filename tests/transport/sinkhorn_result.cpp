// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_result.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

TEST(SinkhornResult, claims_nothing_before_a_run) {
  transport::SinkhornResult const result;
  EXPECT_FALSE(result.converged);
  EXPECT_NE(result.reason, transport::SinkhornStop::converged);
  EXPECT_TRUE(std::isnan(result.marginal_error) && std::isnan(result.transport_cost) && std::isnan(result.dual_value));
}

}  // namespace
}  // namespace ocellus::test
