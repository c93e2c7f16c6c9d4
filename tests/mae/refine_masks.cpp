// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <limits>

#include <ocellus/mae/refine_masks.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class RefineMasks : public ::testing::Test {};
TYPED_TEST_SUITE(RefineMasks, RowMajorConfigurations);

constexpr std::int64_t members = 3, side = 16, patch = 4, tokens = 16, pixels = side * side;

/// 4 x 4 patches of one channel.
mae::MaskedAutoencoderConfiguration one_channel() {
  auto c       = small_autoencoder(false);
  c.image_size = side;
  c.channels   = 1;
  return c;
}

/// Probabilities (members, images, side, side) of eighths, so that means are exact in any order; patches of a quarter are sure.
std::vector<double> random_maps(std::int64_t images, std::uint32_t seed) {
  auto values = random_values(static_cast<std::size_t>(members * images * pixels), seed);
  for (std::int64_t i = 0; i < members * images * pixels; ++i) {
    std::int64_t const y = i / side % side, x = i % side, token = y / patch * 4 + x / patch;
    double& value = values[static_cast<std::size_t>(i)];
    value         = token % 4 == 0 ? static_cast<double>(token % 8 == 0) : std::min(1.0, std::floor(std::abs(value) * 8) / 8);
  }
  return values;
}

TYPED_TEST(RefineMasks, replaces_hidden_patches_above_the_threshold_and_no_others) {
  using Scalar      = typename TypeParam::Scalar;
  using Exec        = typename TypeParam::Exec;
  auto const c      = one_channel();
  auto const values = random_maps(2, 3);
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(c));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  std::vector<double> mean(2 * pixels), entropy(2 * pixels), variance(2 * pixels);
  auto const h = [](double p) { return p <= 0 || p >= 1 ? 0.0 : -p * std::log(p) - (1 - p) * std::log(1 - p); };
  for (std::size_t i = 0; i < mean.size(); ++i) {
    for (std::size_t m = 0; m < members; ++m) mean[i] += values[m * 2 * pixels + i] / members;
    for (std::size_t m = 0; m < members; ++m) variance[i] += std::pow(values[m * 2 * pixels + i] - mean[i], 2) / members;
    entropy[i] = h(mean[i]);
  }
  for (bool const by_entropy : {true, false}) {
    auto const& map = by_entropy ? entropy : variance;
    std::vector<double> score(2 * tokens, 0.0);
    for (std::int64_t i = 0; i < 2 * pixels; ++i) {
      std::int64_t const n = i / pixels, y = i / side % side, x = i % side;
      score[static_cast<std::size_t>(n * tokens + y / patch * 4 + x / patch)] += map[static_cast<std::size_t>(i)] / (patch * patch);
    }
    auto sorted = score;
    std::sort(sorted.begin(), sorted.end());
    double const threshold = (sorted[tokens] + sorted[tokens + 1]) / 2;  // splits the scores where they are not equal
    auto const want        = reference::masked_autoencoder<double>(
        mean, score, {1, side, side, patch, c.width, 3, 2, mae::kept_tokens(tokens, 0.5), false, false, 0.0, 1e-6}, parameters);
    TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const probability({members, 2, side, side}, values);
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const refined({2, side, side});
    TestArray<std::uint8_t, 3, Kokkos::LayoutRight, Exec> const mask({2, side, side});
    mae::refine_masks(Exec(), probability.view(), weights, refined.view(), mask.view(),
                      {.heads         = 3,
                       .decoder_heads = 2,
                       .ratio         = 0.5,
                       .threshold     = threshold,
                       .uncertainty   = by_entropy ? mae::Uncertainty::entropy : mae::Uncertainty::variance});
    auto const got = refined.values(), got_mask = mask.values();
    int replaced = 0;
    for (std::int64_t i = 0; i < 2 * pixels; ++i) {
      std::int64_t const n = i / pixels, y = i / side % side, x = i % side, token = n * tokens + y / patch * 4 + x / patch;
      auto const at      = static_cast<std::size_t>(i);
      bool const rebuilt = want.mask[static_cast<std::size_t>(token)] != 0 && score[static_cast<std::size_t>(token)] > threshold;
      replaced += rebuilt;
      double const expected =
          rebuilt ? std::clamp(want.prediction[static_cast<std::size_t>(token * patch * patch + y % patch * patch + x % patch)], 0.0, 1.0) : mean[at];
      EXPECT_NEAR(got[at], expected, (rebuilt ? 2000 : 4) * machine_epsilon<Scalar>()) << i;
      EXPECT_EQ(got_mask[at], got[at] > 0.5 ? 1.0 : 0.0) << i;
    }
    EXPECT_GT(replaced, 0);
    EXPECT_LT(replaced, pixels + 1);
    EXPECT_TRUE(refined.guards_intact() && mask.guards_intact());
  }
}

/// Passes, rounds, context and blend, step by step.
template <class Parameters>
std::vector<double> refined_by_steps(std::vector<double> const& mean, std::vector<double> const& score, Parameters const& parameters,
                                     mae::RefineMasksOptions const& options) {
  auto const c      = one_channel();
  bool const four   = options.passes == mae::Passes::four;
  auto const seen   = [&](double p) { return options.context == mae::Context::mean ? p : p > options.cut ? 1.0 : 0.0; };
  auto const kept   = mae::kept_tokens(tokens, four ? options.ratio / 4 : options.ratio);
  auto const images = static_cast<std::int64_t>(mean.size()) / pixels;
  auto refined = mean, state = mean;
  auto const place = [](std::int64_t token) { return token / 4 % 2 * 2 + token % 4 % 2; };
  std::transform(mean.begin(), mean.end(), state.begin(), seen);
  for (std::int64_t step = 0; step < options.rounds * (four ? 4 : 1); ++step) {
    auto own = score;
    for (std::int64_t t = 0; t < images * tokens; ++t) {
      if (four && place(t % tokens) != step % 4) own[static_cast<std::size_t>(t)] = -std::numeric_limits<double>::infinity();
    }
    auto const want = reference::masked_autoencoder<double>(state, own, {1, side, side, patch, c.width, 3, 2, kept, false, false, 0.0, 1e-6}, parameters);
    for (std::int64_t i = 0; i < images * pixels; ++i) {
      std::int64_t const n = i / pixels, y = i / side % side, x = i % side, token = y / patch * 4 + x / patch;
      auto const at = static_cast<std::size_t>(i), patch_at = static_cast<std::size_t>(n * tokens + token);
      if (four && place(token) != step % 4) continue;
      double value = mean[at];
      if (want.mask[patch_at] != 0 && score[patch_at] > options.threshold) {
        double const q = std::clamp(want.prediction[patch_at * patch * patch + static_cast<std::size_t>(y % patch * patch + x % patch)], 0.0, 1.0),
                     o = std::clamp(q, 0.01, 0.99);
        value          = options.blend == mae::Blend::replace ? q : value * o / (value * o + (1 - value) * (1 - o));
      }
      refined[at] = value;
      state[at]   = seen(value);
    }
  }
  return refined;
}

TYPED_TEST(RefineMasks, passes_see_what_others_have_rebuilt_and_odds_keep_what_is_certain) {
  using Scalar      = typename TypeParam::Scalar;
  using Exec        = typename TypeParam::Exec;
  auto const c      = one_channel();
  auto const values = random_maps(2, 3);
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(c));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  std::vector<double> mean(2 * pixels), score(2 * tokens);
  for (std::size_t i = 0; i < mean.size(); ++i) {
    for (std::size_t m = 0; m < members; ++m) mean[i] += values[m * 2 * pixels + i] / members;
    double spread = 0;
    for (std::size_t m = 0; m < members; ++m) spread += std::pow(values[m * 2 * pixels + i] - mean[i], 2) / members;
    auto const n = static_cast<std::int64_t>(i) / pixels, y = static_cast<std::int64_t>(i) / side % side, x = static_cast<std::int64_t>(i) % side;
    score[static_cast<std::size_t>(n * tokens + y / patch * 4 + x / patch)] += spread / (patch * patch);
  }
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const probability({members, 2, side, side}, values);
  mae::RefineMasksOptions options{.heads = 3, .decoder_heads = 2, .ratio = 1.0, .threshold = 1e-6, .uncertainty = mae::Uncertainty::variance};
  auto const compare = [&] {
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const refined({2, side, side});
    TestArray<std::uint8_t, 3, Kokkos::LayoutRight, Exec> const mask({2, side, side});
    mae::refine_masks(Exec(), probability.view(), weights, refined.view(), mask.view(), options);
    auto const got = refined.values(), want = refined_by_steps(mean, score, parameters, options);
    int changed = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      EXPECT_NEAR(got[i], want[i], 4000 * machine_epsilon<Scalar>()) << i;
      changed += std::abs(got[i] - mean[i]) > 1e-3;
      bool const certain = options.blend == mae::Blend::odds && (mean[i] == 0 || mean[i] == 1);
      EXPECT_TRUE(!certain || got[i] == mean[i]) << i;
    }
    EXPECT_GT(changed, 0);
    EXPECT_TRUE(refined.guards_intact() && mask.guards_intact());
  };
  options.passes = mae::Passes::four;
  compare();
  options.blend = mae::Blend::odds;
  compare();
  options.rounds = 2;
  compare();
  options.context = mae::Context::mask;
  compare();
  options.passes = mae::Passes::one;
  options.ratio  = 0.5;
  compare();
}

TYPED_TEST(RefineMasks, leaves_an_image_without_uncertainty_alone) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(one_channel()));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  auto const map     = random_values(pixels, 9);
  std::vector<double> values;
  for (std::int64_t m = 0; m < members; ++m) {
    for (double const value : map) values.push_back(value > 0 ? 1 : 0);
  }
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const probability({members, 1, side, side}, values);
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const refined({1, side, side});
  TestArray<std::uint8_t, 3, Kokkos::LayoutRight, Exec> const mask({1, side, side});
  for (auto const uncertainty : {mae::Uncertainty::entropy, mae::Uncertainty::mutual_information, mae::Uncertainty::variance}) {
    mae::refine_masks(Exec(), probability.view(), weights, refined.view(), mask.view(),
                      {.heads = 3, .decoder_heads = 2, .ratio = 0.75, .threshold = 0, .uncertainty = uncertainty});
    expect_same_bits(refined.values(), {values.begin(), values.begin() + pixels});
    expect_same_bits(mask.values(), {values.begin(), values.begin() + pixels});
    // Nor do odds with every patch above the threshold.
    mae::refine_masks(Exec(), probability.view(), weights, refined.view(), mask.view(),
                      {.heads         = 3,
                       .decoder_heads = 2,
                       .ratio         = 1,
                       .threshold     = -1,
                       .uncertainty   = uncertainty,
                       .blend         = mae::Blend::odds,
                       .passes        = mae::Passes::four,
                       .rounds        = 2});
    expect_same_bits(refined.values(), {values.begin(), values.begin() + pixels});
  }
}

TYPED_TEST(RefineMasks, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(one_channel()));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  auto const all     = random_maps(16, 5);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{16}, std::int64_t{1}}) {
      std::vector<double> values;
      for (std::int64_t m = 0; m < members; ++m) values.insert(values.end(), all.begin() + m * 16 * pixels, all.begin() + (m * 16 + images) * pixels);
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const probability({members, images, side, side}, values);
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const refined({images, side, side});
      TestArray<std::uint8_t, 3, Kokkos::LayoutRight, Exec> const mask({images, side, side});
      auto const p = probability.view();
      auto const r = refined.view();
      auto const m = mask.view();
      mae::RefineMasksOptions const options{.heads = 3, .decoder_heads = 2};
      WorkspaceFor<Exec> workspace(exec, mae::refine_masks_workspace_size(exec, p, weights, r, m, options));
      mae::refine_masks(exec, p, weights, r, m, options, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { mae::refine_masks(exec, p, weights, r, m, options, workspace); }));
      exec.fence();
      auto const got = refined.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * pixels});
    }
  });
}

TEST(RefineMasks, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(mae::masked_autoencoder_parameter_table(one_channel()));
  RandomParameters<float, Exec> const other(mae::masked_autoencoder_parameter_table(small_autoencoder(true)));
  auto const weights  = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  auto const agnostic = mae::masked_autoencoder_weights(other.table, other.view, true);
  HostTensor<float****> const probability("probability", 2, 1, side, side), nobody("probability", 0, 1, side, side);
  HostTensor<float***> const refined("refined", 1, side, side), narrow("refined", 1, side, 8);
  HostTensor<std::uint8_t***> const mask("mask", 1, side, side);
  auto const message = [&](auto const& p, auto const& w, auto const& r, mae::RefineMasksOptions const& options) {
    return refusal([&] { mae::refine_masks(Exec(), p, w, r, mask, options); });
  };
  mae::RefineMasksOptions const usual{.heads = 3, .decoder_heads = 2};
  auto undefined = usual, never = usual;
  undefined.threshold = std::numeric_limits<double>::quiet_NaN();
  never.rounds        = 0;
  EXPECT_EQ(message(probability, agnostic, refined, usual), "ocellus::mae::refine_masks: the weights are channel-agnostic; a standard model is needed");
  EXPECT_EQ(message(probability, weights, refined, undefined), "ocellus::mae::refine_masks: threshold and cut must not be NaN");
  EXPECT_EQ(message(probability, weights, refined, never), "ocellus::mae::refine_masks: rounds is 0 but must be positive");
  EXPECT_EQ(message(probability, weights, narrow, usual), "ocellus::mae::refine_masks: refined.extent(2) is 8 but probability.extent(3) is 16");
  EXPECT_EQ(message(nobody, weights, refined, usual), "ocellus::mae::ensemble_uncertainty: probability.extent(0) (members) is 0");
}

}  // namespace
}  // namespace ocellus::test
