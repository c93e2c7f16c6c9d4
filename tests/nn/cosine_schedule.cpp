// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/cosine_schedule.hpp>

#include <gtest/gtest.h>

#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(CosineSchedule, warms_up_then_follows_half_a_cosine) {
  nn::CosineScheduleOptions const options{.base_value = 1.0, .final_value = 0.2, .total_steps = 30, .warmup_steps = 10, .warmup_value = 0.5};
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(0, options), 0.5);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(5, options), 0.75);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(10, options), 1.0);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(20, options), 0.6);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(30, options), 0.2);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(31, options), 0.2);
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(0, {.base_value = 3, .total_steps = 1}), 3.0);
  // Warm-up alone: its end is the end.
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(4, {.base_value = 3, .final_value = 1, .total_steps = 4, .warmup_steps = 4}), 1.0);
  // A rising value: the momentum of a teacher.
  EXPECT_DOUBLE_EQ(nn::cosine_schedule(5, {.base_value = 0.996, .final_value = 1.0, .total_steps = 10}), 0.998);
}

TEST(CosineSchedule, names_what_does_not_fit) {
  EXPECT_EQ(refusal([] { static_cast<void>(nn::cosine_schedule(0, {.total_steps = 0})); }),
            "ocellus::nn::cosine_schedule: total_steps is 0 but must be positive");
  EXPECT_EQ(refusal([] { static_cast<void>(nn::cosine_schedule(0, {.total_steps = 10, .warmup_steps = 11})); }),
            "ocellus::nn::cosine_schedule: warmup_steps is 11, not within 0 and total_steps, which is 10");
}

}  // namespace
}  // namespace ocellus::test
