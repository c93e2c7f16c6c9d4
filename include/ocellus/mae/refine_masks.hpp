// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/ensemble_uncertainty.hpp>
#include <ocellus/mae/masked_autoencoder.hpp>
#include <ocellus/mae/patch_scores.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

enum class Uncertainty { entropy, mutual_information, variance };

/// What becomes of a pixel of a rebuilt patch.
enum class Blend {
  replace,  ///< the rebuilt value
  odds      ///< ensemble and model are two opinions whose odds multiply: a pixel of which the ensemble is certain stays
};

/// What the model is shown of the patches that are not hidden.
enum class Context {
  mean,  ///< probabilities
  mask   ///< 1 where they are above the cut, else 0, as in the label maps that a model has learned from
};

/// Which hidden patches a pass of the model rebuilds.
enum class Passes {
  one,  ///< all of them at once
  four  ///< those of one place in blocks of 2 x 2 patches: each is rebuilt in sight of its eight neighbours, as they are by then
};

struct RefineMasksOptions {
  std::int64_t heads         = 1;  ///< of the encoder
  std::int64_t decoder_heads = 1;
  double ratio               = 0.5;  ///< share of patches hidden from the encoder, the most uncertain ones, the same number in every image
  double threshold           = 0.1;  ///< a hidden patch is replaced where its score is above this
  double cut                 = 0.5;  ///< foreground is what is above this
  Uncertainty uncertainty    = Uncertainty::entropy;
  PatchReduction reduce      = PatchReduction::mean;
  Blend blend                = Blend::replace;
  Context context            = Context::mean;
  Passes passes              = Passes::one;
  std::int64_t rounds        = 1;  ///< how often all passes are run
};

namespace detail {

/// The place of a token in its block of 2 x 2 patches.
KOKKOS_INLINE_FUNCTION std::int64_t place_in_block(std::int64_t token, std::int64_t across) { return token / across % 2 * 2 + token % across % 2; }

/// The scores of one pass: those of other places sort below all others.
template <class Member, class Score>
struct ScoresOfPass {
  Score score, own;
  std::int64_t across, pass;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    using Real = element_t<Score>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(score, 1)), [&](std::int64_t const token) {
      own(n, token) = place_in_block(token, across) == pass ? score(n, token) : -Kokkos::Experimental::infinity_v<Real>;
    });
  }
};

/// The probability of foreground by two opinions p and q whose odds multiply. q is kept off 0 and 1, so that p = 0 and p = 1 stay what they are.
template <class Real>
KOKKOS_INLINE_FUNCTION Real multiplied_odds(Real p, Real q) {
  Real const sure = Real(0.01), other = q < sure ? sure : q > Real(1) - sure ? Real(1) - sure : q, yes = p * other, no = (Real(1) - p) * (Real(1) - other);
  return yes / (yes + no);
}

/// One row of what the model sees at first.
template <class Member, class Map>
struct ContextRows {
  Map mean, state;
  element_t<Map> cut;
  Context context;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const height = extent(mean, 1), n = item / height, y = item % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(mean, 2)), [&](std::int64_t const x) {
      auto const value = mean(n, y, x);
      state(n, y, x)   = context == Context::mean ? value : element_t<Map>(value > cut ? 1 : 0);
    });
  }
};

/// One row of pixels, those of the pass: the rebuilt patch where it was hidden and its score is above the threshold.
template <class Member, class Mean, class Score, class Hidden, class Prediction, class Refined, class Mask>
struct ComposeRows {
  Mean mean, state;
  Score score;
  Hidden hidden;
  Prediction prediction;
  Refined refined;
  Mask mask;
  std::int64_t patch;
  accumulate_of_t<Mean> threshold, cut;
  Blend blend;
  Context context;
  bool all;  ///< one pass for all
  std::int64_t pass;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Mean>;
    std::int64_t const height = extent(mean, 1), width = extent(mean, 2), n = item / height, y = item % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      std::int64_t const across = width / patch, token = y / patch * across + x / patch;
      Real value = mean(n, y, x);
      if (all || place_in_block(token, across) == pass) {
        if (hidden(n, token) != 0 && score(n, token) > threshold) {
          Real const rebuilt = prediction(n, token, y % patch * patch + x % patch), clamped = rebuilt < Real(0)   ? Real(0)
                                                                                              : rebuilt > Real(1) ? Real(1)
                                                                                                                  : rebuilt;
          value = blend == Blend::odds ? multiplied_odds(value, clamped) : clamped;
        }
        state(n, y, x)   = context == Context::mean ? value : Real(value > cut ? 1 : 0);
        refined(n, y, x) = static_cast<element_t<Refined>>(value);
        mask(n, y, x)    = static_cast<element_t<Mask>>(value > cut ? 1 : 0);
      }
    });
  }
};

[[nodiscard]] inline MaskedAutoencoderOptions refining_model(RefineMasksOptions const& options) {
  return {.heads = options.heads, .decoder_heads = options.decoder_heads, .ratio = options.passes == Passes::four ? options.ratio / 4 : options.ratio};
}

/// The shape of the images that the model sees: one channel.
template <class Real, class Exec, class Probability>
[[nodiscard]] auto refined_images(Probability const& p, Real* data = nullptr) {
  return UnmanagedTensor<Real****, typename Exec::memory_space>(data, p.extent(1), std::size_t{1}, p.extent(2), p.extent(3));
}

}  // namespace detail

/// Bytes of workspace that `refine_masks` takes.
template <ExecutionSpace Exec, RealView<4> Probability, class Scalar, class Space, RealView<3> Refined, HiddenMask<3> Mask>
[[nodiscard]] std::size_t refine_masks_workspace_size(Exec const& exec, Probability const& probability, MaskedAutoencoderWeights<Scalar, Space> const& weights,
                                                      Refined const&, Mask const&, RefineMasksOptions const& options) {
  using Real = accumulate_of_t<Probability>;
  auto const shape =
      detail::autoencoder_shape("ocellus::mae::refine_masks", detail::refined_images<Real, Exec>(probability), weights, detail::refining_model(options));
  std::size_t const pixels = static_cast<std::size_t>(shape.images) * probability.extent(2) * probability.extent(3);
  std::size_t const tokens = static_cast<std::size_t>(shape.images * shape.tokens);
  return 3 * workspace_bytes<Real>(pixels) + 2 * workspace_bytes<Real>(tokens) + workspace_bytes<std::uint8_t>(tokens) +
         workspace_bytes<Real>(tokens * static_cast<std::size_t>(shape.prediction)) + workspace_bytes<Real>(1) +
         detail::autoencoder_bytes<Real>(exec, weights, shape);
}

/// Rebuilds the patches in which an ensemble of segmentations is unsure, by a masked autoencoder that has learnt what label maps look like.
///
///     mean, uncertainty = ensemble_uncertainty(probability);   score = patch_scores(uncertainty)
///     hidden = the L - K highest scores, K = kept_tokens(L, ratio);   prediction = masked_autoencoder(mean, hidden)
///     refined = clamp(prediction, 0, 1) in patches that are hidden and whose score > threshold, else mean;   mask = refined > cut
///     Blend::odds: refined = p q / (p q + (1 - p)(1 - q)) there, p the mean, q the prediction clamped to 0.01..0.99
///     Passes::four: once for each place in blocks of 2 x 2 patches; a pass hides the L - kept_tokens(L, ratio / 4) highest scores of its own patches
///
/// probability (M, N, H, W) in 0..1, M members, weights of a standard model of one channel and of H x W pixels, trained on maps with 0 for background and 1 for
/// foreground -> refined (N, H, W), mask (N, H, W) with 1 = foreground. How many patches are hidden is the same for all images of a call; a hidden patch that is
/// not above the threshold keeps its mean, so that an image without uncertainty comes back unchanged. A patch above the threshold that ratio leaves visible
/// keeps its mean too. To hide exactly k patches give ratio (k - 1/2) / L. A NaN score is hidden first but not replaced. With four passes, which take four times
/// as long, a patch is rebuilt from all patches round it; a model for that is one trained with a quarter of its patches hidden. What the model sees of a patch
/// is the mean, until a pass has rebuilt it; rounds let what was rebuilt first see what was rebuilt later. p is the ensemble's mean always.
///
/// Errors: `std::invalid_argument` as `ensemble_uncertainty`, `patch_scores` and `masked_autoencoder`; when the weights are channel-agnostic, an output does
/// not fit, threshold or cut is NaN, or rounds is not positive.
/// Error bound: copies of the mean are exact; rebuilt patches as `masked_autoencoder`.
/// Determinism: an image's result does not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: a composition of the functions named.
template <ExecutionSpace Exec, RealView<4> Probability, class Scalar, class Space, RealView<3> Refined, HiddenMask<3> Mask>
  requires AccessibleFrom<Exec, Probability, Refined, Mask>
void refine_masks(Exec const& exec, Probability const& probability, MaskedAutoencoderWeights<Scalar, Space> const& weights, Refined const& refined,
                  Mask const& mask, RefineMasksOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::refine_masks";
  using Real              = accumulate_of_t<Probability>;
  using Member            = TeamMember<Exec>;
  require(!weights.channel_agnostic, function, "the weights are channel-agnostic; a standard model is needed");
  require(options.threshold == options.threshold && options.cut == options.cut, function, "threshold and cut must not be NaN");
  auto const check = [&](std::string const& name, auto const& output) {
    for (int axis = 0; axis < 3; ++axis) {
      require_equal(function, {name + ".extent(" + std::to_string(axis) + ")", extent(output, axis)},
                    {"probability.extent(" + std::to_string(axis + 1) + ")", extent(probability, axis + 1)});
    }
  };
  require(options.rounds > 0, function, "rounds is ", options.rounds, " but must be positive");
  check("refined", refined);
  check("mask", mask);
  auto const model         = detail::refining_model(options);
  auto const shape         = detail::autoencoder_shape(function, detail::refined_images<Real, Exec>(probability), weights, model);
  std::int64_t const lines = extent(probability, 2), columns = extent(probability, 3);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const mean        = workspace.template take<Real***>(function, shape.images, lines, columns);
  auto const state       = workspace.template take<Real***>(function, shape.images, lines, columns);
  auto const uncertainty = workspace.template take<Real***>(function, shape.images, lines, columns);
  auto const score       = workspace.template take<Real**>(function, shape.images, shape.tokens);
  auto const hidden      = workspace.template take<std::uint8_t**>(function, shape.images, shape.tokens);
  auto const prediction  = workspace.template take<Real***>(function, shape.images, shape.tokens, shape.prediction);
  auto const own         = workspace.template take<Real**>(function, shape.images, shape.tokens);
  auto const loss        = workspace.template take<Real>(function);
  switch (options.uncertainty) {
    case Uncertainty::entropy:
      ensemble_uncertainty(exec, probability, mean, uncertainty, none, none);
      break;
    case Uncertainty::mutual_information:
      ensemble_uncertainty(exec, probability, mean, none, uncertainty, none);
      break;
    case Uncertainty::variance:
      ensemble_uncertainty(exec, probability, mean, none, none, uncertainty);
      break;
  }
  patch_scores(exec, uncertainty, score, {.patch = shape.patch, .reduce = options.reduce});
  bool const all = options.passes == Passes::one;
  using Score    = std::remove_const_t<decltype(score)>;
  using Map      = std::remove_const_t<decltype(mean)>;
  for_each_row(exec, "ocellus::mae::refine_masks::context", shape.images * lines,
               detail::ContextRows<Member, Map>{mean, state, static_cast<Real>(options.cut), options.context});
  std::int64_t const passes = all ? 1 : 4;
  for (std::int64_t step = 0; step < options.rounds * passes; ++step) {
    std::int64_t const pass = step % passes;
    if (!all) {
      for_each_row(exec, "ocellus::mae::refine_masks::pass", shape.images, detail::ScoresOfPass<Member, Score>{score, own, columns / shape.patch, pass});
    }
    masked_autoencoder(exec, detail::refined_images<Real, Exec>(probability, state.data()), all ? score : own, weights, loss, prediction, hidden, model,
                       workspace);
    for_each_row(exec, function, shape.images * lines,
                 detail::ComposeRows<Member, std::remove_const_t<decltype(mean)>, Score, std::remove_const_t<decltype(hidden)>,
                                     std::remove_const_t<decltype(prediction)>, Refined, Mask>{
                     mean, state, score, hidden, prediction, refined, mask, shape.patch, static_cast<Real>(options.threshold), static_cast<Real>(options.cut),
                     options.blend, options.context, all, pass});
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Probability, class Scalar, class Space, RealView<3> Refined, HiddenMask<3> Mask>
  requires AccessibleFrom<Exec, Probability, Refined, Mask>
void refine_masks(Exec const& exec, Probability const& probability, MaskedAutoencoderWeights<Scalar, Space> const& weights, Refined const& refined,
                  Mask const& mask, RefineMasksOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, refine_masks_workspace_size(exec, probability, weights, refined, mask, options));
  refine_masks(exec, probability, weights, refined, mask, options, workspace);
  exec.fence("ocellus::mae::refine_masks");
}

/// Work beside the model's own, which `masked_autoencoder_cost` counts.
[[nodiscard]] constexpr Cost refine_masks_cost(double members, double pixels, double patches, double bytes_per_element) {
  return ensemble_uncertainty_cost(members, pixels, bytes_per_element) + patch_scores_cost(pixels, patches, bytes_per_element) +
         Cost{.flops = pixels, .special = 0, .bytes_read = 2 * pixels * bytes_per_element, .bytes_written = pixels * (bytes_per_element + 1)};
}

}  // namespace ocellus::mae
