// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/ground_cost.hpp>

#include "reference/ground_cost.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

TEST(GroundCost, agrees_with_the_reference_and_is_exact_for_equal_points) {
  for (std::size_t const width : {std::size_t{1}, std::size_t{3}, std::size_t{17}}) {
    auto const x = random_values(4 * width, 1), y = random_values(3 * width, 2);
    for (int kind = 0; kind < 3; ++kind) {
      auto const want = reference::ground_costs(static_cast<reference::Ground>(kind), x, y, width);
      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          double const got = transport::ground_cost<double>(static_cast<transport::GroundCost>(kind), x.data() + i * width, 1, y.data() + j * width, 1,
                                                            static_cast<std::int64_t>(width));
          EXPECT_NEAR(got, want[i * 3 + j], 1e-14 * (1 + want[i * 3 + j]));
        }
        EXPECT_EQ(transport::ground_cost<double>(static_cast<transport::GroundCost>(kind), x.data() + i * width, 1, x.data() + i * width, 1,
                                                 static_cast<std::int64_t>(width)),
                  0.0);
      }
    }
  }
}

TEST(GroundCost, follows_strides_and_takes_the_cosine_of_the_origin_as_zero) {
  double const x[] = {3, 99, 4, 99}, origin[] = {0, 0};
  EXPECT_EQ(transport::ground_cost<double>(transport::GroundCost::euclidean, x, 2, origin, 1, 2), 5.0);
  EXPECT_EQ(transport::ground_cost<double>(transport::GroundCost::cosine, x, 2, origin, 1, 2), 1.0);
}

}  // namespace
}  // namespace ocellus::test
