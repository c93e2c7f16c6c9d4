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

struct RefineMasksOptions {
  std::int64_t heads         = 1;  ///< of the encoder
  std::int64_t decoder_heads = 1;
  double ratio               = 0.5;  ///< share of patches hidden from the encoder, the most uncertain ones, the same number in every image
  double threshold           = 0.1;  ///< a hidden patch is replaced where its score is above this
  double cut                 = 0.5;  ///< foreground is what is above this
  Uncertainty uncertainty    = Uncertainty::entropy;
  PatchReduction reduce      = PatchReduction::mean;
};

namespace detail {

/// One row of pixels: the rebuilt patch where it was hidden and its score is above the threshold.
template <class Member, class Mean, class Score, class Hidden, class Prediction, class Refined, class Mask>
struct ComposeRows {
  Mean mean;
  Score score;
  Hidden hidden;
  Prediction prediction;
  Refined refined;
  Mask mask;
  std::int64_t patch;
  accumulate_of_t<Mean> threshold, cut;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Mean>;
    std::int64_t const height = extent(mean, 1), width = extent(mean, 2), n = item / height, y = item % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      std::int64_t const token = y / patch * (width / patch) + x / patch;
      Real value               = mean(n, y, x);
      if (hidden(n, token) != 0 && score(n, token) > threshold) {
        Real const rebuilt = prediction(n, token, y % patch * patch + x % patch);
        value              = rebuilt < Real(0) ? Real(0) : rebuilt > Real(1) ? Real(1) : rebuilt;
      }
      refined(n, y, x) = static_cast<element_t<Refined>>(value);
      mask(n, y, x)    = static_cast<element_t<Mask>>(value > cut ? 1 : 0);
    });
  }
};

[[nodiscard]] inline MaskedAutoencoderOptions refining_model(RefineMasksOptions const& options) {
  return {.heads = options.heads, .decoder_heads = options.decoder_heads, .ratio = options.ratio};
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
  return 2 * workspace_bytes<Real>(pixels) + workspace_bytes<Real>(tokens) + workspace_bytes<std::uint8_t>(tokens) +
         workspace_bytes<Real>(tokens * static_cast<std::size_t>(shape.prediction)) + workspace_bytes<Real>(1) +
         detail::autoencoder_bytes<Real>(exec, weights, shape);
}

/// Rebuilds the patches in which an ensemble of segmentations is unsure, by a masked autoencoder that has learnt what label maps look like.
///
///     mean, uncertainty = ensemble_uncertainty(probability);   score = patch_scores(uncertainty)
///     hidden = the L - K highest scores, K = kept_tokens(L, ratio);   prediction = masked_autoencoder(mean, hidden)
///     refined = clamp(prediction, 0, 1) in patches that are hidden and whose score > threshold, else mean;   mask = refined > cut
///
/// probability (M, N, H, W) in 0..1, M members, weights of a standard model of one channel and of H x W pixels, trained on maps with 0 for background and 1 for
/// foreground -> refined (N, H, W), mask (N, H, W) with 1 = foreground. How many patches are hidden is the same for all images of a call; a hidden patch that is
/// not above the threshold keeps its mean, so that an image without uncertainty comes back unchanged. A patch above the threshold that ratio leaves visible
/// keeps its mean too. To hide exactly k patches give ratio (k - 1/2) / L. A NaN score is hidden first but not replaced.
///
/// Errors: `std::invalid_argument` as `ensemble_uncertainty`, `patch_scores` and `masked_autoencoder`; when the weights are channel-agnostic, an output does
/// not fit, or threshold or cut is NaN.
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
  check("refined", refined);
  check("mask", mask);
  auto const model         = detail::refining_model(options);
  auto const shape         = detail::autoencoder_shape(function, detail::refined_images<Real, Exec>(probability), weights, model);
  std::int64_t const lines = extent(probability, 2), columns = extent(probability, 3);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const mean        = workspace.template take<Real***>(function, shape.images, lines, columns);
  auto const uncertainty = workspace.template take<Real***>(function, shape.images, lines, columns);
  auto const score       = workspace.template take<Real**>(function, shape.images, shape.tokens);
  auto const hidden      = workspace.template take<std::uint8_t**>(function, shape.images, shape.tokens);
  auto const prediction  = workspace.template take<Real***>(function, shape.images, shape.tokens, shape.prediction);
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
  masked_autoencoder(exec, detail::refined_images<Real, Exec>(probability, mean.data()), score, weights, loss, prediction, hidden, model, workspace);
  for_each_row(exec, function, shape.images * lines,
               detail::ComposeRows<Member, std::remove_const_t<decltype(mean)>, std::remove_const_t<decltype(score)>, std::remove_const_t<decltype(hidden)>,
                                   std::remove_const_t<decltype(prediction)>, Refined, Mask>{
                   mean, score, hidden, prediction, refined, mask, shape.patch, static_cast<Real>(options.threshold), static_cast<Real>(options.cut)});
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
