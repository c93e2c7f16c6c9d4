// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace ocellus::test {
namespace {

void expect_answer(PhiloxBlock counter, std::uint64_t key, PhiloxBlock want) {
  auto const got = philox4x32(counter, key);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], want.word[i]) << "word " << i;
}

TEST(Random, gives_the_known_answers_of_random123) {
  expect_answer({}, 0, {{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}});
  expect_answer({{~0u, ~0u, ~0u, ~0u}}, ~std::uint64_t{0}, {{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}});
  expect_answer({{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}}, 0x299f31d0a4093822u, {{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}});
}

TEST(Random, counter_is_element_sample_step_stream) {
  RandomSequence const sequence{.seed = 0x0123456789abcdefu, .stream = RandomStream::masking, .step = 11, .sample = 5};
  auto const block = philox4x32({{25, 5, 11, 2}}, 0x0123456789abcdefu);
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(sequence.bits(100 + i), block.word[i]);
}

TEST(Random, sequences_that_differ_in_one_field_share_nothing) {
  RandomSequence const base{.seed = 1, .stream = RandomStream::test, .step = 0, .sample = 0};
  auto other_seed = base, other_stream = base, other_step = base, other_sample = base;
  other_seed.seed     = 2;
  other_stream.stream = RandomStream::weights;
  other_step.step     = 1;
  other_sample.sample = 1;
  std::set<std::uint32_t> seen;
  for (auto const& sequence : {base, other_seed, other_stream, other_step, other_sample}) {
    for (std::uint64_t i = 0; i < 64; ++i) seen.insert(sequence.bits(i));
  }
  EXPECT_EQ(seen.size(), 5u * 64u);
}

TEST(Random, uniform_lies_in_the_unit_interval_on_a_grid_with_the_right_moments) {
  RandomSequence const sequence{.seed = 3};
  constexpr int count = 100000;
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    float const u = sequence.uniform(static_cast<std::uint64_t>(i));
    ASSERT_TRUE(u >= 0.0f && u < 1.0f);
    ASSERT_EQ(std::floor(u * 16777216.0f), u * 16777216.0f);
    sum += static_cast<double>(u), squares += static_cast<double>(u) * static_cast<double>(u);
  }
  EXPECT_NEAR(sum / count, 0.5, 5 * std::sqrt(1.0 / 12 / count));
  EXPECT_NEAR(squares / count, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / count));
}

TEST(Random, normal_has_the_right_moments) {
  RandomSequence const sequence{.seed = 4};
  constexpr int count = 100000;
  double sum = 0, squares = 0, fourth = 0;
  for (int i = 0; i < count; ++i) {
    double const z = sequence.normal(static_cast<std::uint64_t>(i));
    ASSERT_TRUE(std::isfinite(z));
    sum += z, squares += z * z, fourth += z * z * z * z;
  }
  EXPECT_NEAR(sum / count, 0.0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1.0, 5 * std::sqrt(2.0 / count));
  EXPECT_NEAR(fourth / count, 3.0, 5 * std::sqrt(96.0 / count));
}

TEST(Random, below_stays_below_and_reaches_everything) {
  RandomSequence const sequence{.seed = 5};
  std::set<std::uint32_t> seen;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_LT(sequence.below(i, 7), 7u);
    seen.insert(sequence.below(i, 7));
    ASSERT_EQ(sequence.below(i, 1), 0u);
  }
  EXPECT_EQ(seen.size(), 7u);
}

}  // namespace
}  // namespace ocellus::test
