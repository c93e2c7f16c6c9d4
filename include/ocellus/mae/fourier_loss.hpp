// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/detail/fourier_kernel.hpp>
#include <ocellus/mae/random_masking.hpp>

namespace ocellus::mae {

enum class FourierLossKind { l1, l2 };

struct FourierLossOptions {
  FourierLossKind kind = FourierLossKind::l1;
  double divisor       = 0;      ///< number of images (n, c) of the whole batch that take part, where this call sees a part of it; 0: counted here
  double weight        = 1;      ///< factor of the loss and of its gradient
  bool accumulate      = false;  ///< adds to the loss, or to prediction_gradient
};

namespace detail {

template <class Prediction, class Target, class Mask>
void check_fourier_loss(char const* function, Prediction const& prediction, Target const& target, Mask const& mask, FourierLossOptions const& options) {
  for (int axis = 0; axis < 4; ++axis) {
    std::string const place = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"target" + place, extent(target, axis)}, {"prediction" + place, extent(prediction, axis)});
  }
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) {
      require_equal(function, {"mask.extent(0)", extent(mask, 0)}, {"prediction.extent(0)", extent(prediction, 0)});
      require_equal(function, {"mask.extent(1)", extent(mask, 1)}, {"prediction.extent(1)", extent(prediction, 1)});
    }
  }
  require(options.divisor >= 0, function, "divisor is ", options.divisor, " but must not be negative");
}

template <class Real>
[[nodiscard]] std::int64_t fourier_slot_size(std::int64_t rows, std::int64_t columns) {
  std::int64_t const lines = columns * ((rows + 1) / 2), half = rows * (columns / 2 + 1), unit = 64 / static_cast<std::int64_t>(sizeof(Real));
  return 4 * ((std::max(lines, half) + unit - 1) / unit * unit) + (half + unit - 1) / unit * unit;
}

/// Images that are transformed at the same time: enough for every thread, and no more than 256 MiB of scratch. The result does not depend on it.
template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t fourier_slots(Exec const& exec, std::int64_t images, std::int64_t bytes) {
  std::int64_t const threads = is_host_execution_v<Exec> ? exec.concurrency() : std::int64_t{8192};
  return std::max<std::int64_t>(1, std::min({images, threads, (std::int64_t{256} << 20) / std::max<std::int64_t>(bytes, 1)}));
}

template <class Real, ExecutionSpace Exec, class Prediction>
[[nodiscard]] std::size_t fourier_bytes(Exec const& exec, Prediction const& prediction) {
  std::int64_t const rows = extent(prediction, 2), columns = extent(prediction, 3), images = extent(prediction, 0) * extent(prediction, 1),
                     slot = fourier_slot_size<Real>(rows, columns);
  auto const slots        = fourier_slots(exec, images, slot * static_cast<std::int64_t>(sizeof(Real)));
  return 2 * workspace_bytes<Real>(static_cast<std::size_t>(rows)) + 2 * workspace_bytes<Real>(static_cast<std::size_t>(columns)) +
         workspace_bytes<Real>(static_cast<std::size_t>(slots * slot)) + divisor_bytes(prediction.extent(0));
}

/// The number of images that take part: as given, all of them, or counted.
template <ExecutionSpace Exec, class Prediction, class Mask>
[[nodiscard]] Divisor fourier_divisor(Exec const& exec, char const* function, Prediction const& prediction, Mask const& mask, FourierLossOptions const& options,
                                      WorkspaceFor<Exec>& workspace) {
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) return hidden_divisor(exec, function, mask, options.divisor, workspace);
  }
  return {options.divisor > 0 ? options.divisor : static_cast<double>(extent(prediction, 0) * extent(prediction, 1)), nullptr};
}

/// Tables, buffers; terms (N, C) or a gradient.
template <ExecutionSpace Exec, class Prediction, class Target, class Mask, class Terms, class Gradient>
void launch_fourier(Exec const& exec, char const* function, Prediction const& prediction, Target const& target, Mask const& mask, Terms const& terms,
                    Gradient const& gradient, Divisor const& divisor, FourierLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  using Real                = std::common_type_t<accumulate_of_t<Prediction>, accumulate_of_t<Target>>;
  using Member              = TeamMember<Exec>;
  std::int64_t const images = extent(prediction, 0) * extent(prediction, 1), rows = extent(prediction, 2), columns = extent(prediction, 3);
  if (images == 0 || rows == 0 || columns == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const axis = [&](std::int64_t length) {
    auto const cosine = workspace.template take<Real*>(function, length), sine = workspace.template take<Real*>(function, length);
    using Table = std::remove_const_t<decltype(cosine)>;
    for_each_row(exec, "ocellus::mae::fourier_loss::table", 1, FourierTable<Member, Table>{cosine, sine});
    auto result   = FourierAxis<Real>::of(length);
    result.cosine = cosine.data();
    result.sine   = sine.data();
    return result;
  };
  auto const down = axis(rows), across = axis(columns);
  std::int64_t const size = fourier_slot_size<Real>(rows, columns), slots = fourier_slots(exec, images, size * static_cast<std::int64_t>(sizeof(Real)));
  auto const buffers = workspace.template take<Real**>(function, slots, size);
  for_each_row(
      exec, function, slots,
      FourierImages<Member, Real, Prediction, Target, Mask, Terms, Gradient>{prediction, target, mask, terms, gradient, down, across, buffers, divisor,
                                                                             options.weight, slots, options.kind == FourierLossKind::l2, options.accumulate});
}

/// The sum of each n's terms: sums (N).
template <ExecutionSpace Exec, class Prediction, class Target, class Mask, class Sums>
void fourier_sums(Exec const& exec, char const* function, Prediction const& prediction, Target const& target, Mask const& mask, Sums const& sums,
                  FourierLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const terms = workspace.template take<double**>(function, extent(prediction, 0), prediction.size() == 0 ? 0 : extent(prediction, 1));
  launch_fourier(exec, function, prediction, target, mask, terms, none, {1, nullptr}, options, workspace);
  sum_images(exec, terms, sums);
}

}  // namespace detail

/// Bytes of workspace that `fourier_loss` takes: buffers for as many images as there are threads, at most 256 MiB or one image's.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<0> Loss>
[[nodiscard]] std::size_t fourier_loss_workspace_size(Exec const& exec, Prediction const& prediction, Target const&, Mask const&, Loss const&,
                                                      FourierLossOptions const& = {}) {
  using Real = std::common_type_t<accumulate_of_t<Prediction>, accumulate_of_t<Target>>;
  return detail::fourier_bytes<Real>(exec, prediction) + workspace_bytes<double>(prediction.extent(0) * prediction.extent(1)) +
         workspace_bytes<double>(prediction.extent(0));
}

/// The mean difference between the magnitudes of two images' Fourier transforms.
///
///     e = | |F(prediction)| - |F(target)| |   (l1), or its square   (l2);   F[k, l] = sum_{h,w} x[h, w] exp(-2 pi i (k h / H + l w / W))
///     loss = weight mean of e over the images (n, c) that take part and all (k, l)
///
/// prediction, target (N, C, H, W), mask (N, C) with 1 = takes part, or none for all -> loss (). Any H and W; lengths with large prime factors take time
/// quadratic in these. A loss by patches: C counts tokens, H = W = patch, the mask is that of hidden tokens. No image that takes part: 0.
///
/// Errors: `std::invalid_argument` when the shapes differ or the divisor is negative.
/// Error bound: 16 + 4 (factors of H and W, a prime p counted p times) machine epsilons, relative to the mean magnitude of the two transforms.
/// Determinism: an image's bits depend on that image alone; images (n, c) of one n are summed by the tree of core/reduce.hpp, n in one chain, so that a batch in
/// two accumulated parts (with the divisor of the whole) gives the bits of the whole.
/// Allocates: nothing. Synchronises: no.
/// Source: O. Kraus et al., "Masked autoencoders for microscopy are scalable learners of cellular biology", CVPR 2024; transform: T. G. Stockham, 1966.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<0> Loss>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, Loss>
void fourier_loss(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, Loss const& loss, FourierLossOptions const& options,
                  WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::fourier_loss";
  detail::check_fourier_loss(function, prediction, target, mask, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const sums    = workspace.template take<double*>(function, extent(prediction, 0));
  auto const divisor = detail::fourier_divisor(exec, function, prediction, mask, options, workspace);
  detail::fourier_sums(exec, function, prediction, target, mask, sums, options, workspace);
  detail::chain_loss(exec, sums, options.weight, {}, 0, loss, divisor, options.accumulate);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<0> Loss>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, Loss>
void fourier_loss(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask, Loss const& loss,
                  FourierLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, fourier_loss_workspace_size(exec, prediction, target, mask, loss, options));
  fourier_loss(exec, prediction, target, mask, loss, options, workspace);
  exec.fence("ocellus::mae::fourier_loss");
}

/// Bytes of workspace that `fourier_loss_backward` takes.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<4> PredictionGradient>
[[nodiscard]] std::size_t fourier_loss_backward_workspace_size(Exec const& exec, Prediction const& prediction, Target const&, Mask const&,
                                                               PredictionGradient const&, FourierLossOptions const& = {}) {
  using Real = std::common_type_t<accumulate_of_t<Prediction>, accumulate_of_t<Target>>;
  return detail::fourier_bytes<Real>(exec, prediction);
}

/// The gradient of `fourier_loss`.
///
///     prediction_gradient = Re inverse F(s F(prediction) / |F(prediction)|),   s = sign(d) or 2 d over the divisor and H W,   d = |F(prediction)| - |F(target)|
///
/// prediction, target (N, C, H, W), mask (N, C) or none -> prediction_gradient (N, C, H, W), added to when `accumulate` is set. Where F(prediction) or, for l1,
/// d is 0, its share is 0: the loss has a kink there.
///
/// Errors: as `fourier_loss`; when the gradient does not fit.
/// Error bound: that of `fourier_loss` relative to the largest element, where no coefficient is so close to a kink that its rounding decides.
/// Determinism: an image's bits depend on that image and the divisor alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<4> PredictionGradient>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, PredictionGradient>
void fourier_loss_backward(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask,
                           PredictionGradient const& prediction_gradient, FourierLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::fourier_loss_backward";
  detail::check_fourier_loss(function, prediction, target, mask, options);
  for (int axis = 0; axis < 4; ++axis) {
    std::string const place = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"prediction_gradient" + place, extent(prediction_gradient, axis)}, {"prediction" + place, extent(prediction, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const divisor = detail::fourier_divisor(exec, function, prediction, mask, options, workspace);
  detail::launch_fourier(exec, function, prediction, target, mask, none, prediction_gradient, divisor, options, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Prediction, RealView<4> Target, OptionalHiddenMask<2> Mask, RealView<4> PredictionGradient>
  requires AccessibleFrom<Exec, Prediction, Target, Mask, PredictionGradient>
void fourier_loss_backward(Exec const& exec, Prediction const& prediction, Target const& target, Mask const& mask,
                           PredictionGradient const& prediction_gradient, FourierLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, fourier_loss_backward_workspace_size(exec, prediction, target, mask, prediction_gradient, options));
  fourier_loss_backward(exec, prediction, target, mask, prediction_gradient, options, workspace);
  exec.fence("ocellus::mae::fourier_loss_backward");
}

/// Work of `fourier_loss` on `images` of rows x columns; operations of the usual count 2.5 n log2 n of a real transform.
[[nodiscard]] inline Cost fourier_loss_cost(double images, double rows, double columns, double bytes_per_element) {
  double const pixels = rows * columns;
  return {.flops         = images * (2 * 2.5 * pixels * std::log2(std::max(pixels, 1.0)) + 4 * pixels),
          .special       = images * 2 * pixels,
          .bytes_read    = images * 2 * pixels * bytes_per_element,
          .bytes_written = bytes_per_element};
}

/// Work of `fourier_loss_backward`: one more transform and the gradient.
[[nodiscard]] inline Cost fourier_loss_backward_cost(double images, double rows, double columns, double bytes_per_element) {
  double const pixels = rows * columns;
  return {.flops         = images * (3 * 2.5 * pixels * std::log2(std::max(pixels, 1.0)) + 6 * pixels),
          .special       = images * 3 * pixels,
          .bytes_read    = images * 2 * pixels * bytes_per_element,
          .bytes_written = images * pixels * bytes_per_element};
}

}  // namespace ocellus::mae
