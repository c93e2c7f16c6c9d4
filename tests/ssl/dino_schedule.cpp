// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/dino_schedule.hpp>

#include <gtest/gtest.h>

#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(DinoSchedule, warms_up_with_both_ends_then_follows_half_a_cosine) {
  ssl::DinoScheduleOptions const options{.base = 1.0, .final = 0.2, .steps = 15, .warmup_steps = 5, .start = 0.5};
  EXPECT_DOUBLE_EQ(ssl::dino_schedule(0, options), 0.5);
  EXPECT_DOUBLE_EQ(ssl::dino_schedule(4, options), 1.0);
  EXPECT_DOUBLE_EQ(ssl::dino_schedule(5, options), 1.0);
  EXPECT_DOUBLE_EQ(ssl::dino_schedule(10, options), 0.6);
  EXPECT_DOUBLE_EQ(ssl::dino_schedule(0, {.base = 3, .steps = 2, .warmup_steps = 1, .start = 0.25}), 0.25);
}

TEST(DinoSchedule, names_what_does_not_fit) {
  EXPECT_EQ(refusal([] { static_cast<void>(ssl::dino_schedule(0, {.steps = 3, .warmup_steps = 4})); }),
            "ocellus::ssl::dino_schedule: warmup_steps is 4, not within 0 and steps, which is 3");
  EXPECT_EQ(refusal([] { static_cast<void>(ssl::dino_schedule(3, {.steps = 3})); }),
            "ocellus::ssl::dino_schedule: step is 3, not within 0 and steps - 1, which is 2");
}

}  // namespace
}  // namespace ocellus::test
