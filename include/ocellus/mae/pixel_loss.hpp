// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/detail/loss_kernels.hpp>
#include <ocellus/mae/random_masking.hpp>

namespace ocellus::mae {

struct PixelLossOptions {
  bool normalize_target = false;  ///< each target token minus its mean, over sqrt(unbiased variance + 1e-6)
  double divisor        = 0;      ///< number of hidden tokens of the whole batch, where this call sees a part of it; 0: counted here
  double weight         = 1;      ///< factor of the loss and of its gradient
  bool accumulate       = false;  ///< adds to the loss, or to prediction_gradient
};

namespace detail {

/// Mean and reciprocal deviation of a target token, in double; 0 and 1 where it is not normalised.
struct TokenScale {
  double mean = 0, scale = 1;
};

template <class Member, class Target>
KOKKOS_FUNCTION TokenScale token_scale(Member const& member, Target const& target, std::int64_t n, std::int64_t t) {
  std::int64_t const width = extent(target, 2);
  double sum = 0, squares = 0;
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k, double& total) { total += static_cast<double>(target(n, t, k)); }, sum);
  double const mean = sum / static_cast<double>(width);
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(member, width),
      [&](std::int64_t const k, double& total) {
        double const difference = static_cast<double>(target(n, t, k)) - mean;
        total += difference * difference;
      },
      squares);
  return {mean, 1.0 / Kokkos::sqrt(squares / static_cast<double>(width - 1) + 1e-6)};
}

/// The loss of one token; 0 for a visible one.
template <class Member, class Prediction, class Target, class Mask, class Terms>
struct PixelTerms {
  Prediction prediction;
  Target target;
  Mask mask;
  Terms terms;
  bool normalize;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const tokens = extent(prediction, 1), n = item / tokens, t = item % tokens, width = extent(prediction, 2);
    double sum = 0;
    if (mask(n, t) != 0) {
      TokenScale const scale = normalize ? token_scale(member, target, n, t) : TokenScale{};
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, width),
          [&](std::int64_t const k, double& total) {
            double const difference = static_cast<double>(prediction(n, t, k)) - (static_cast<double>(target(n, t, k)) - scale.mean) * scale.scale;
            total += difference * difference;
          },
          sum);
      sum /= static_cast<double>(width);
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { terms(n, t) = sum; });
  }
};

template <class Member, class Prediction, class Target, class Mask, class Gradient>
struct PixelGradient {
  Prediction prediction;
  Target target;
  Mask mask;
  Gradient gradient;
  Divisor divisor;
  double weight;
  bool normalize, accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Gradient>;
    std::int64_t const tokens = extent(prediction, 1), n = item / tokens, t = item % tokens, width = extent(prediction, 2);
    bool const hidden      = mask(n, t) != 0;
    TokenScale const scale = hidden && normalize ? token_scale(member, target, n, t) : TokenScale{};
    double const factor    = hidden ? 2.0 * weight / (static_cast<double>(width) * divisor.value()) : 0.0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
      Real value = 0;
      if (hidden)
        value = static_cast<Real>(factor * (static_cast<double>(prediction(n, t, k)) - (static_cast<double>(target(n, t, k)) - scale.mean) * scale.scale));
      if (accumulate) value += static_cast<Real>(gradient(n, t, k));
      gradient(n, t, k) = static_cast<element_t<Gradient>>(value);
    });
  }
};

/// The sum of each image's terms: sums (N).
template <ExecutionSpace Exec, class Prediction, class Target, class Mask, class Sums>
void pixel_sums(Exec const& exec, char const* function, Prediction const& prediction, Target const& target, Mask const& mask, bool normalize, Sums const& sums,
                WorkspaceFor<Exec>& workspace) {
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const terms = workspace.template take<double**>(function, extent(mask, 0), extent(mask, 1));
  using Terms      = std::remove_const_t<decltype(terms)>;
  for_each_row(exec, function, extent(mask, 0) * extent(mask, 1),
               PixelTerms<TeamMember<Exec>, Prediction, Target, Mask, Terms>{prediction, target, mask, terms, normalize});
  sum_images(exec, terms, sums);
}

template <class Prediction, class Target, class Mask>
void check_pixel_loss(char const* function, Prediction const& prediction, Target const& target, Mask const& mask, PixelLossOptions const& options) {
  require_equal(function, {"target.extent(0)", extent(target, 0)}, {"prediction.extent(0)", extent(prediction, 0)});
  require_equal(function, {"target.extent(1)", extent(target, 1)}, {"prediction.extent(1)", extent(prediction, 1)});
  require_equal(function, {"target.extent(2)", extent(target, 2)}, {"prediction.extent(2)", extent(prediction, 2)});
  require_equal(function, {"mask.extent(0)", extent(mask, 0)}, {"prediction.extent(0)", extent(prediction, 0)});
  require_equal(function, {"mask.extent(1)", extent(mask, 1)}, {"prediction.extent(1)", extent(prediction, 1)});
  require(options.divisor >= 0, function, "divisor is ", options.divisor, " but must not be negative");
}

}  // namespace detail

/// Bytes of workspace that `pixel_loss` takes.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<0> Loss>
[[nodiscard]] std::size_t pixel_loss_workspace_size(Exec const&, Prediction const&, Target const&, Mask const& mask, Loss const&,
                                                    PixelLossOptions const& = {}) {
  return detail::divisor_bytes(mask.extent(0)) + workspace_bytes<double>(element_count(mask)) + workspace_bytes<double>(mask.extent(0));
}

/// The mean squared difference between predicted and true patches, over the hidden tokens of the whole batch.
///
///     loss = weight sum_{n,t} mask[n, t] mean_k (prediction[n, t, k] - target[n, t, k])^2 / sum(mask)
///
/// prediction (N, L, K), target (N, L, K), mask (N, L) with 1 = hidden -> loss (). An empty mask gives 0. What stands in visible tokens does not matter, NaN
/// included.
///
/// Errors: `std::invalid_argument` when the shapes differ or the divisor is negative.
/// Error bound: N + 2 machine epsilons of the loss, relative: terms are formed and summed in double, images in the type of the loss. Normalising adds K |mean| /
/// deviation machine epsilons of double to each target.
/// Determinism: tokens of an image are summed by the tree of core/reduce.hpp, images in one chain, so that a batch in two accumulated parts (with the divisor of
/// the whole) gives the bits of the whole.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<0> Loss>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, Loss>
void pixel_loss(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, Loss const& loss, PixelLossOptions const& options,
                WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::pixel_loss";
  detail::check_pixel_loss(function, prediction, target, mask, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const divisor = detail::hidden_divisor(exec, function, mask, options.divisor, workspace);
  auto const sums    = workspace.template take<double*>(function, extent(mask, 0));
  detail::pixel_sums(exec, function, prediction, target, mask, options.normalize_target, sums, workspace);
  detail::chain_loss(exec, sums, options.weight, {}, 0, loss, divisor, options.accumulate);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<0> Loss>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, Loss>
void pixel_loss(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, Loss const& loss,
                PixelLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, pixel_loss_workspace_size(exec, prediction, target, mask, loss, options));
  pixel_loss(exec, prediction, target, mask, loss, options, workspace);
  exec.fence("ocellus::mae::pixel_loss");
}

/// Bytes of workspace that `pixel_loss_backward` takes.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<3> PredictionGradient>
[[nodiscard]] std::size_t pixel_loss_backward_workspace_size(Exec const&, Prediction const&, Target const&, Mask const& mask, PredictionGradient const&,
                                                             PixelLossOptions const& = {}) {
  return detail::divisor_bytes(mask.extent(0));
}

/// The gradient of `pixel_loss`.
///
///     prediction_gradient[n, t, k] = weight 2 mask[n, t] (prediction[n, t, k] - target[n, t, k]) / (K sum(mask))
///
/// prediction, target (N, L, K), mask (N, L) -> prediction_gradient (N, L, K), added to when `accumulate` is set; zero in visible tokens.
///
/// Errors: as `pixel_loss`; when the gradient does not fit.
/// Error bound: 4 machine epsilons, relative to weight 2 (|prediction| + |target|) / (K sum(mask)).
/// Determinism: a token's bits depend on that token and the divisor alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<3> PredictionGradient>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, PredictionGradient>
void pixel_loss_backward(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, PredictionGradient const& prediction_gradient,
                         PixelLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::pixel_loss_backward";
  detail::check_pixel_loss(function, prediction, target, mask, options);
  require_equal(function, {"prediction_gradient.extent(0)", extent(prediction_gradient, 0)}, {"prediction.extent(0)", extent(prediction, 0)});
  require_equal(function, {"prediction_gradient.extent(1)", extent(prediction_gradient, 1)}, {"prediction.extent(1)", extent(prediction, 1)});
  require_equal(function, {"prediction_gradient.extent(2)", extent(prediction_gradient, 2)}, {"prediction.extent(2)", extent(prediction, 2)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const divisor = detail::hidden_divisor(exec, function, mask, options.divisor, workspace);
  for_each_row(exec, function, extent(mask, 0) * extent(mask, 1),
               detail::PixelGradient<TeamMember<Exec>, Prediction, Target, Mask, PredictionGradient>{
                   prediction, target, mask, prediction_gradient, divisor, options.weight, options.normalize_target, options.accumulate});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Prediction, RealView<3> Target, HiddenMask<2> Mask, RealView<3> PredictionGradient>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, PredictionGradient>
void pixel_loss_backward(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, PredictionGradient const& prediction_gradient,
                         PixelLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, pixel_loss_backward_workspace_size(exec, prediction, target, mask, prediction_gradient, options));
  pixel_loss_backward(exec, prediction, target, mask, prediction_gradient, options, workspace);
  exec.fence("ocellus::mae::pixel_loss_backward");
}

/// Work of `pixel_loss` on `hidden` tokens of `width` numbers.
[[nodiscard]] constexpr Cost pixel_loss_cost(double hidden, double width, double bytes_per_element) {
  return {.flops = 3 * hidden * width, .special = hidden, .bytes_read = 2 * hidden * width * bytes_per_element, .bytes_written = bytes_per_element};
}

/// Work of `pixel_loss_backward` on `hidden` of `tokens` tokens.
[[nodiscard]] constexpr Cost pixel_loss_backward_cost(double hidden, double tokens, double width, double bytes_per_element) {
  return {.flops         = 2 * hidden * width,
          .special       = hidden,
          .bytes_read    = 2 * hidden * width * bytes_per_element,
          .bytes_written = tokens * width * bytes_per_element};
}

}  // namespace ocellus::mae
