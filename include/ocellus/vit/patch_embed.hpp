// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/batched_matmul.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::vit {

struct PatchEmbedOptions {
  bool channel_agnostic = false;  ///< one kernel (D, 1, P, Q) for every channel; tokens channel-major
  bool accumulate       = false;  ///< of the backward pass: adds to the gradients that are there
};

namespace detail {

/// Pixels of one patch in the order (c, u, v) of a weight's row.
template <class Member, class Image, class Patches>
struct GatherPatches {
  Image image;
  Patches patches;  ///< (N, T, K)
  std::int64_t patch_height, patch_width;
  bool channel_agnostic;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const tokens = extent(patches, 1), n = item / tokens, t = item % tokens;
    std::int64_t const columns = extent(image, 3) / patch_width, count = extent(image, 2) / patch_height * columns;
    std::int64_t const first_channel = channel_agnostic ? t / count : 0, l = channel_agnostic ? t % count : t;
    std::int64_t const top = l / columns * patch_height, left = l % columns * patch_width, area = patch_height * patch_width;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(patches, 2)), [&](std::int64_t const k) {
      std::int64_t const c = k / area, u = k % area / patch_width, v = k % patch_width;
      patches(n, t, k) = static_cast<element_t<Patches>>(image(n, first_channel + c, top + u, left + v));
    });
  }
};

/// The other way: each pixel stands in one patch.
template <class Member, class Patches, class Image>
struct ScatterPatches {
  Patches patches;  ///< (N, T, K)
  Image image;
  std::int64_t patch_height, patch_width;
  bool channel_agnostic, accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Patches>;
    std::int64_t const tokens = extent(patches, 1), n = item / tokens, t = item % tokens;
    std::int64_t const columns = extent(image, 3) / patch_width, count = extent(image, 2) / patch_height * columns;
    std::int64_t const first_channel = channel_agnostic ? t / count : 0, l = channel_agnostic ? t % count : t;
    std::int64_t const top = l / columns * patch_height, left = l % columns * patch_width, area = patch_height * patch_width;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(patches, 2)), [&](std::int64_t const k) {
      std::int64_t const c = k / area, u = k % area / patch_width, v = k % patch_width;
      auto& to   = image(n, first_channel + c, top + u, left + v);
      Real value = static_cast<Real>(patches(n, t, k));
      if (accumulate) value += static_cast<Real>(to);
      to = static_cast<element_t<Image>>(value);
    });
  }
};

/// Rows (1, D, C P Q) as a kernel (D, C, P, Q) of any layout.
template <class Member, class Rows, class Weight>
struct UnflattenKernel {
  Rows rows;
  Weight weight;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t d) const {
    std::int64_t const area = extent(weight, 2) * extent(weight, 3), width = extent(weight, 3);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(rows, 2)),
                         [&](std::int64_t const k) { weight(d, k / area, k % area / width, k % width) = static_cast<element_t<Weight>>(rows(0, d, k)); });
  }
};

/// Tokens (N, T, D) of any strides in one dense run.
template <class Member, class Tokens, class Dense>
struct CopyTokens {
  Tokens tokens;
  Dense dense;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const count = extent(tokens, 1), n = item / count, t = item % count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)),
                         [&](std::int64_t const d) { dense(n, t, d) = static_cast<element_t<Dense>>(tokens(n, t, d)); });
  }
};

/// Tokens of an image, and numbers in a patch.
struct PatchShape {
  std::int64_t tokens, inner;
};

/// Refuses what does not fit.
template <class Image, class Weight, class Bias, class Tokens>
[[nodiscard]] PatchShape check_patches(char const* function, Image const& image, Weight const& weight, Bias const& bias, Tokens const& tokens,
                                       PatchEmbedOptions const& options, char const* tokens_name = "tokens", char const* bias_name = "bias") {
  std::int64_t const height = extent(image, 2), width = extent(image, 3), patch_height = extent(weight, 2), patch_width = extent(weight, 3),
                     channels = extent(image, 1);
  require(patch_height > 0 && patch_width > 0, function, "weight.extent(2) is ", patch_height, " and weight.extent(3) is ", patch_width,
          ": the patch is empty");
  require(height % patch_height == 0, function, "image.extent(2) is ", height, ", not a multiple of weight.extent(2), which is ", patch_height);
  require(width % patch_width == 0, function, "image.extent(3) is ", width, ", not a multiple of weight.extent(3), which is ", patch_width);
  if (options.channel_agnostic)
    require(extent(weight, 1) == 1, function, "weight.extent(1) is ", extent(weight, 1), " but must be 1 when channel-agnostic");
  else
    require_equal(function, {"image.extent(1) (channels)", channels}, {"weight.extent(1)", extent(weight, 1)});
  if constexpr (!std::is_same_v<Bias, None>) {
    if (is_present(bias)) require_equal(function, {std::string(bias_name) + ".extent(0)", extent(bias, 0)}, {"weight.extent(0)", extent(weight, 0)});
  }
  std::int64_t const count = height / patch_height * (width / patch_width) * (options.channel_agnostic ? channels : 1),
                     inner = extent(weight, 1) * patch_height * patch_width;
  require_equal(function, {std::string(tokens_name) + ".extent(0)", extent(tokens, 0)}, {"image.extent(0)", extent(image, 0)});
  require_equal(function, {std::string(tokens_name) + ".extent(1)", extent(tokens, 1)}, {"the number of patches", count});
  require_equal(function, {std::string(tokens_name) + ".extent(2)", extent(tokens, 2)}, {"weight.extent(0)", extent(weight, 0)});
  return {count, inner};
}

/// A kernel (D, C, P, Q) of any layout as rows (1, D, C P Q).
template <class Member, class Weight, class Rows>
struct FlattenKernel {
  Weight weight;
  Rows rows;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t d) const {
    std::int64_t const area = extent(weight, 2) * extent(weight, 3), width = extent(weight, 3);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(rows, 2)),
                         [&](std::int64_t const k) { rows(0, d, k) = static_cast<element_t<Rows>>(weight(d, k / area, k % area / width, k % width)); });
  }
};

}  // namespace detail

/// Bytes of workspace that `patch_embed` takes: the gathered patches and a flat copy of the kernel.
template <ExecutionSpace Exec, RealView<4> Image, RealView<4> Weight, OptionalRealView<1> Bias, RealView<3> Tokens>
[[nodiscard]] std::size_t patch_embed_workspace_size(Exec const&, Image const& image, Weight const& weight, Bias const&, Tokens const&,
                                                     PatchEmbedOptions const& = {}) {
  using Real = accumulate_of_t<Image>;
  return workspace_bytes<Real>(element_count(image)) + workspace_bytes<Real>(element_count(weight));
}

/// Cuts images into patches and maps each to a token.
///
///     tokens[n, i W/Q + j, d] = bias[d] + sum_{c,u,v} weight[d, c, u, v] image[n, c, i P + u, j Q + v]
///     channel-agnostic:  tokens[n, c L + i W/Q + j, d] = bias[d] + sum_{u,v} weight[d, 0, u, v] image[n, c, i P + u, j Q + v],  L = (H/P)(W/Q)
///
/// image (N, C, H, W), weight (D, C, P, Q), or (D, 1, P, Q) if channel-agnostic, bias (D) or none -> tokens (N, L, D), or (N, C L, D). Patches row-major.
///
/// Errors: `std::invalid_argument` when H or W is not divisible by the patch, when channels, bias or tokens do not fit.
/// Error bound: C P Q + 2 machine epsilons of the accumulation type, relative to the sum of absolute terms, plus the rounding of the output.
/// Determinism: a token's bits depend on its patch alone.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Dosovitskiy et al., arXiv 2010.11929; channel-agnostic: O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<4> Image, RealView<4> Weight, OptionalRealView<1> Bias, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Image, Weight, Bias, Tokens>
void patch_embed(Exec const& exec, Image const& image, Weight const& weight, Bias const& bias, Tokens const& tokens, PatchEmbedOptions const& options,
                 WorkspaceFor<Exec>& workspace) {
  constexpr auto function         = "ocellus::vit::patch_embed";
  using Real                      = accumulate_of_t<Image>;
  auto const shape                = detail::check_patches(function, image, weight, bias, tokens, options);
  std::int64_t const patch_height = extent(weight, 2), patch_width = extent(weight, 3), count = shape.tokens, inner = shape.inner;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const patches = workspace.template take<Real***>(function, extent(image, 0), count, inner);
  auto const rows    = workspace.template take<Real***>(function, 1, extent(weight, 0), inner);
  using Array        = std::remove_const_t<decltype(patches)>;
  for_each_row(exec, "ocellus::vit::patch_embed::gather", extent(image, 0) * count,
               detail::GatherPatches<TeamMember<Exec>, Image, Array>{image, patches, patch_height, patch_width, options.channel_agnostic});
  for_each_row(exec, "ocellus::vit::patch_embed::kernel", extent(weight, 0), detail::FlattenKernel<TeamMember<Exec>, Weight, Array>{weight, rows});
  linalg::batched_matmul(exec, patches, rows, bias, tokens, {.transpose_b = true});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Image, RealView<4> Weight, OptionalRealView<1> Bias, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Image, Weight, Bias, Tokens>
void patch_embed(Exec const& exec, Image const& image, Weight const& weight, Bias const& bias, Tokens const& tokens, PatchEmbedOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, patch_embed_workspace_size(exec, image, weight, bias, tokens, options));
  patch_embed(exec, image, weight, bias, tokens, options, workspace);
  exec.fence("ocellus::vit::patch_embed");
}

/// Work of embedding `pixels` pixels (all images and channels) into `width` features; channel-agnostic or not makes no difference to the products.
[[nodiscard]] constexpr Cost patch_embed_cost(double pixels, double tokens, double width, double bytes_per_element) {
  return {.flops = 2 * pixels * width, .special = 0, .bytes_read = pixels * bytes_per_element, .bytes_written = tokens * width * bytes_per_element};
}

/// Bytes of workspace that `patch_embed_backward` takes: patches and their gradients in turn, the gradient of the tokens, a flat copy of the kernel.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<4> Image, RealView<4> Weight>
[[nodiscard]] std::size_t patch_embed_backward_workspace_size(Exec const&, TokensGradient const& tokens_gradient, Image const& image, Weight const& weight,
                                                              PatchEmbedOptions const& = {}) {
  using Real = accumulate_of_t<Image>;
  return workspace_bytes<Real>(element_count(image)) + workspace_bytes<Real>(element_count(weight)) + workspace_bytes<Real>(element_count(tokens_gradient));
}

/// The backward pass of `patch_embed`.
///
///     image_gradient = each patch's tokens_gradient weight;   weight_gradient = sum over tokens of tokens_gradient patch^T;   bias_gradient = sum of tokens_gradient
///
/// tokens_gradient (N, L, D), or (N, C L, D) if channel-agnostic, image and weight as in the forward pass -> image_gradient (N, C, H, W), weight_gradient of the
/// weight's shape, bias_gradient (D), each a View or none. With accumulate each gradient is added to.
///
/// Errors: `std::invalid_argument` as `patch_embed`, or when a gradient does not fit.
/// Error bound: D machine epsilons of the accumulation type for image_gradient, N L (N C L) for the others, relative to the sum of absolute terms, plus the
/// rounding of the output.
/// Determinism: an image's image_gradient does not depend on the others; weight and bias gradients are one chain each over ascending images and tokens, from
/// what is there when accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<4> Image, RealView<4> Weight, OptionalRealView<4> ImageGradient,
          OptionalRealView<4> WeightGradient, OptionalRealView<1> BiasGradient>
  requires AccessibleFrom<Exec, TokensGradient, Image, Weight, ImageGradient, WeightGradient, BiasGradient>
void patch_embed_backward(Exec const& exec, TokensGradient const& tokens_gradient, Image const& image, Weight const& weight,
                          ImageGradient const& image_gradient, WeightGradient const& weight_gradient, BiasGradient const& bias_gradient,
                          PatchEmbedOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::vit::patch_embed_backward";
  using Real              = accumulate_of_t<Image>;
  auto const shape        = detail::check_patches(function, image, weight, bias_gradient, tokens_gradient, options, "tokens_gradient", "bias_gradient");
  auto const fits         = [&](char const* name, auto const& gradient, char const* like_name, auto const& like) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(gradient)>, None>) {
      for (int axis = 0; is_present(gradient) && axis < 4; ++axis) {
        std::string const at = ".extent(" + std::to_string(axis) + ")";
        require_equal(function, {name + at, extent(gradient, axis)}, {like_name + at, extent(like, axis)});
      }
    }
  };
  fits("image_gradient", image_gradient, "image", image);
  fits("weight_gradient", weight_gradient, "weight", weight);
  std::int64_t const images = extent(image, 0), width = extent(weight, 0), patch_height = extent(weight, 2), patch_width = extent(weight, 3);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const patches = workspace.template take<Real***>(function, images, shape.tokens, shape.inner);
  auto const rows    = workspace.template take<Real***>(function, 1, width, shape.inner);
  auto const dense   = workspace.template take<Real***>(function, images, shape.tokens, width);
  using Array        = std::remove_const_t<decltype(patches)>;
  for_each_row(exec, "ocellus::vit::patch_embed_backward::tokens", images * shape.tokens,
               detail::CopyTokens<TeamMember<Exec>, TokensGradient, Array>{tokens_gradient, dense});
  auto const gradient = as_rows(dense);
  using Rows          = std::remove_const_t<decltype(gradient)>;
  if constexpr (!std::is_same_v<BiasGradient, None>) {
    if (is_present(bias_gradient))
      for_each_column<Real>(exec, "ocellus::vit::patch_embed_backward::bias", images * shape.tokens, width,
                            ColumnSum<Real, Rows, None, BiasGradient>{gradient, none, bias_gradient, options.accumulate});
  }
  Rows const flat(rows.data(), rows.extent(1), rows.extent(2));
  if constexpr (!std::is_same_v<WeightGradient, None>) {
    if (is_present(weight_gradient)) {
      for_each_row(exec, "ocellus::vit::patch_embed_backward::gather", images * shape.tokens,
                   detail::GatherPatches<TeamMember<Exec>, Image, Array>{image, patches, patch_height, patch_width, options.channel_agnostic});
      if (options.accumulate)
        for_each_row(exec, "ocellus::vit::patch_embed_backward::kernel", width,
                     detail::FlattenKernel<TeamMember<Exec>, WeightGradient, Array>{weight_gradient, rows});
      linalg::matmul(exec, gradient, as_rows(patches), flat, {.transpose_a = true, .accumulate = options.accumulate});
      for_each_row(exec, "ocellus::vit::patch_embed_backward::kernel", width,
                   detail::UnflattenKernel<TeamMember<Exec>, Array, WeightGradient>{rows, weight_gradient});
    }
  }
  if constexpr (!std::is_same_v<ImageGradient, None>) {
    if (is_present(image_gradient)) {
      for_each_row(exec, "ocellus::vit::patch_embed_backward::kernel", width, detail::FlattenKernel<TeamMember<Exec>, Weight, Array>{weight, rows});
      linalg::matmul(exec, gradient, flat, as_rows(patches));
      for_each_row(exec, "ocellus::vit::patch_embed_backward::scatter", images * shape.tokens,
                   detail::ScatterPatches<TeamMember<Exec>, Array, ImageGradient>{patches, image_gradient, patch_height, patch_width, options.channel_agnostic,
                                                                                  options.accumulate});
    }
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<4> Image, RealView<4> Weight, OptionalRealView<4> ImageGradient,
          OptionalRealView<4> WeightGradient, OptionalRealView<1> BiasGradient>
  requires AccessibleFrom<Exec, TokensGradient, Image, Weight, ImageGradient, WeightGradient, BiasGradient>
void patch_embed_backward(Exec const& exec, TokensGradient const& tokens_gradient, Image const& image, Weight const& weight,
                          ImageGradient const& image_gradient, WeightGradient const& weight_gradient, BiasGradient const& bias_gradient,
                          PatchEmbedOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, patch_embed_backward_workspace_size(exec, tokens_gradient, image, weight, options));
  patch_embed_backward(exec, tokens_gradient, image, weight, image_gradient, weight_gradient, bias_gradient, options, workspace);
  exec.fence("ocellus::vit::patch_embed_backward");
}

/// Work of the backward pass: all three gradients.
[[nodiscard]] constexpr Cost patch_embed_backward_cost(double pixels, double tokens, double width, double bytes_per_element) {
  return {.flops         = 4 * pixels * width + tokens * width,
          .special       = 0,
          .bytes_read    = (pixels + tokens * width) * bytes_per_element,
          .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::vit
