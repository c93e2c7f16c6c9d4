// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/grad_cam_kernel.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain {

struct GradCamOptions {
  CamMethod method   = CamMethod::grad_cam;
  bool eigen_smooth  = false;  ///< project the channels' terms on their leading direction instead of adding them
  CamRescale rescale = CamRescale::none;
};

/// One of several layers: activations and gradients, both (B, K, S...).
template <ActivationView Activations, OptionalActivationView Gradients>
struct CamLayer {
  Activations activations;
  Gradients gradients;
};

namespace detail {

template <class Activations, class Gradients>
void require_cam_layer(std::string const& prefix, Activations const& activations, Gradients const& gradients, GradCamOptions const& options) {
  constexpr auto function = "ocellus::explain::grad_cam";
  if constexpr (std::is_same_v<Gradients, None>) {
    require(options.method == CamMethod::eigen_cam, function, prefix, "gradients are none, but only eigen_cam needs none");
  } else {
    if (!is_present(gradients)) {
      require(options.method == CamMethod::eigen_cam || activations.size() == 0, function, prefix, "gradients are absent, but only eigen_cam needs none");
      return;
    }
    require_same_shape(function, (prefix + "gradients").c_str(), gradients, (prefix + "activations").c_str(), activations);
  }
}

template <class Activations>
std::size_t cam_bytes(Activations const& activations, GradCamOptions const& options) {
  auto const shape     = volumes<typename Activations::const_value_type>(activations, 2);
  bool const projects  = options.eigen_smooth || options.method == CamMethod::eigen_cam;
  std::int64_t const b = shape.extents[0];
  return workspace_bytes<double>(static_cast<std::size_t>(b * shape.pixels())) + workspace_bytes<double>(static_cast<std::size_t>(2 * b * (shape.rows() + 1))) +
         cam_layer_bytes(shape.extents, options.method, projects);
}

template <class Gradients>
auto cam_gradients(Gradients const& gradients) {
  if constexpr (std::is_same_v<Gradients, None>) {
    return Volumes<float const>{};
  } else {
    return is_present(gradients) ? volumes<element_t<Gradients> const>(gradients, 2) : Volumes<element_t<Gradients> const>{};
  }
}

/// The map of one layer, rescaled, in the workspace.
template <ExecutionSpace Exec, class Activations, class Gradients, class Out>
void cam_into(Exec const& exec, Activations const& activations, Gradients const& gradients, Volumes<Out> const& target, GradCamOptions const& options,
              WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_cam";
  auto const a            = volumes<element_t<Activations> const>(activations, 2);
  std::int64_t const rows = a.extents[0] * a.rows();
  if (a.extents[0] * a.pixels() == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const map     = packed_volumes(workspace.template take<double*>(function, a.extents[0] * a.pixels()).data(), a.extents[0], a.extents + 2);
  auto const scratch = workspace.template take<double*>(function, 2 * (rows + a.extents[0])).data();
  cam_layer(exec, a, cam_gradients(gradients), map, options.method, options.eigen_smooth || options.method == CamMethod::eigen_cam, workspace);
  double* ranges = nullptr;
  if (options.rescale == CamRescale::min_max) {
    ranges = scratch;
    image_ranges(exec, function, map, scratch + 2 * a.extents[0], ranges);
  }
  for_each_row(exec, function, rows, RescaleLines<TeamMember<Exec>, Out>{map, ranges, target});
}

}  // namespace detail

/// Bytes of workspace that `grad_cam` of one layer takes.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
[[nodiscard]] std::size_t grad_cam_workspace_size(Exec const&, Activations const& activations, Gradients const&, Map const&,
                                                  GradCamOptions const& options = {}) {
  return detail::cam_bytes(activations, options);
}

/// Class activation maps: which places of a layer speak for a score.
///
///     L = sum_k term_k, with means and sums over the pixels of an image and
///     grad_cam: mean(G_k) A_k;   hires_cam: G_k A_k;   layer_cam: max(G_k, 0) A_k;   element_wise: max(G_k A_k, 0)
///     xgrad_cam: w_k A_k, w_k = sum(G_k A_k) / (sum A_k + 1e-7)
///     grad_cam_plus_plus: w_k A_k, w_k = sum(max(G_k, 0) a), a = G_k^2 / (2 G_k^2 + sum(A_k) G_k^3 + 1e-6), 0 where G_k = 0
///     eigen_cam: A centred, times its leading right singular vector; with `eigen_smooth` the same of the terms of another method
///     map = max(L, 0);   with min_max (map - min) / (1e-7 + max of map - min), each image by itself
///
/// activations A (B, K, H, W) or (B, K, D, H, W), gradients G = d score / d A of the same shape (none for eigen_cam) -> map (B, H, W) or (B, D, H, W). Tokens of a
/// transformer are activations (B, D, rows, columns) after their class token was dropped: a View with strides is enough, no copy. The sign of a singular vector
/// is that which makes its entry of largest magnitude positive. A constant map becomes zeros under min_max. NaN spoils the pixels that it enters, and all of
/// its image through means, singular vectors and ranges.
///
/// Errors: `std::invalid_argument` when gradients or map do not fit, or gradients are missing.
/// Error bound: (K + 16) machine epsilons of double relative to sum |w_k A_k| (projections: 100 K relative to the largest term, divided by the relative gap of
/// the two largest singular values), plus the rounding of the map.
/// Determinism: an image's bits depend on that image alone.
/// Allocates: nothing; projections on the host, O(pixels K). Synchronises: no; projections fence `exec`.
/// Source: R. R. Selvaraju et al., arXiv 1610.02391; Grad-CAM++ 1710.11063; HiResCAM 2011.08891; XGrad-CAM 2008.02312; Eigen-CAM 2008.00299; LayerCAM (IEEE TIP
/// 2021). Constants and conventions as in the package grad-cam.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
  requires AccessibleFrom<Exec, Activations, Gradients, Map>
void grad_cam(Exec const& exec, Activations const& activations, Gradients const& gradients, Map const& map, GradCamOptions const& options,
              WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_cam";
  static_assert(Activations::rank() == Map::rank() + 1, "ocellus::explain::grad_cam: map must have one axis less than activations");
  detail::require_cam_layer("", activations, gradients, options);
  require_equal(function, {"map.extent(0)", extent(map, 0)}, {"activations.extent(0)", extent(activations, 0)});
  for (int axis = 1; axis < static_cast<int>(Map::rank()); ++axis)
    require_equal(function, {detail::axis_name("map", axis), extent(map, axis)}, {detail::axis_name("activations", axis + 1), extent(activations, axis + 1)});
  detail::cam_into(exec, activations, gradients, detail::volumes<element_t<Map>>(map, 1), options, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
  requires AccessibleFrom<Exec, Activations, Gradients, Map>
void grad_cam(Exec const& exec, Activations const& activations, Gradients const& gradients, Map const& map, GradCamOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, grad_cam_workspace_size(exec, activations, gradients, map, options));
  grad_cam(exec, activations, gradients, map, options, workspace);
  exec.fence("ocellus::explain::grad_cam");
}

/// Bytes of workspace that `grad_cam` of several layers takes.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
[[nodiscard]] std::size_t grad_cam_workspace_size(Exec const&, std::span<CamLayer<Activations, Gradients> const> layers, Map const& map,
                                                  GradCamOptions const& options = {}) {
  auto const target = detail::volumes<typename Map::const_value_type>(map, 1);
  std::size_t most  = workspace_bytes<double>(static_cast<std::size_t>(2 * target.extents[0] * (target.rows() + 1)));
  for (auto const& layer : layers) {
    auto const shape         = detail::volumes<typename Activations::const_value_type>(layer.activations, 2);
    std::size_t const pixels = workspace_bytes<double>(static_cast<std::size_t>(shape.extents[0] * shape.pixels()));
    std::size_t const bytes  = pixels + (detail::cam_bytes(layer.activations, options) > pixels ? detail::cam_bytes(layer.activations, options) : pixels);
    most                     = bytes > most ? bytes : most;
  }
  return 2 * workspace_bytes<double>(element_count(map)) + most;
}

/// Class activation maps of one or several layers at the size of the image: each layer's rescaled map through `upsample_map`, clipped at 0, averaged over the
/// layers, and rescaled again.
///
/// layers: activations and gradients (B, K, S...) of the same B, each with its own K and S -> map (B, size...); `rescale` must be min_max.
///
/// Errors: `std::invalid_argument` when there is no layer, when batches differ, when shapes do not fit, or when rescale is none.
/// Error bound: that of one layer and of `upsample_map`, relative to 1.
/// Determinism: an image's bits depend on that image alone.
/// Allocates: nothing; projections on the host. Synchronises: no; projections fence `exec`.
/// Source: as above.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
  requires AccessibleFrom<Exec, Activations, Gradients, Map>
void grad_cam(Exec const& exec, std::span<CamLayer<Activations, Gradients> const> layers, Map const& map, GradCamOptions const& options,
              WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_cam";
  static_assert(Activations::rank() == Map::rank() + 1, "ocellus::explain::grad_cam: map must have one axis less than activations");
  require(!layers.empty(), function, "layers.size() is 0 but must be at least 1");
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::string const name = "layers[" + std::to_string(i) + "].";
    require_equal(function, {name + "activations.extent(0)", extent(layers[i].activations, 0)},
                  {"layers[0].activations.extent(0)", extent(layers[0].activations, 0)});
    detail::require_cam_layer(name, layers[i].activations, layers[i].gradients, options);
  }
  require_equal(function, {"map.extent(0)", extent(map, 0)}, {"layers[0].activations.extent(0)", extent(layers[0].activations, 0)});
  require(options.rescale == CamRescale::min_max, function, "rescale is none, but maps brought to one size must be rescaled (min_max)");
  auto const target = detail::volumes<element_t<Map>>(map, 1);
  if (map.size() == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  using Member       = TeamMember<Exec>;
  auto const total   = detail::packed_volumes(workspace.template take<double*>(function, map.size()).data(), target.extents[0], target.extents + 2);
  auto const resized = detail::packed_volumes(workspace.template take<double*>(function, map.size()).data(), target.extents[0], target.extents + 2);
  auto const count   = static_cast<std::int64_t>(map.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    typename WorkspaceFor<Exec>::Scope const layer_scope(workspace);
    auto const shape = detail::volumes<element_t<Activations> const>(layers[i].activations, 2);
    require(shape.pixels() > 0, function, "layers[", i, "].activations has no pixel but map.size() is ", count);
    auto const small =
        detail::packed_volumes(workspace.template take<double*>(function, shape.extents[0] * shape.pixels()).data(), shape.extents[0], shape.extents + 2);
    detail::cam_into(exec, layers[i].activations, layers[i].gradients, small, options, workspace);
    double* const transform = workspace.template take<double*>(function, shape.extents[0] * shape.pixels()).data();
    detail::upsample(exec, "ocellus::explain::grad_cam::upsample", small, resized, Map::rank() == 4, transform);
    for_each_row(exec, "ocellus::explain::grad_cam::average", (count + 1023) / 1024,
                 detail::AddLayer<Member>{resized.data, total.data, count, i == 0, i + 1 == layers.size() ? static_cast<double>(layers.size()) : 0.0});
  }
  double* const ranges = workspace.template take<double*>(function, 2 * target.extents[0] * (target.rows() + 1)).data();
  detail::image_ranges(exec, function, total, ranges + 2 * target.extents[0], ranges);
  for_each_row(exec, function, target.extents[0] * target.rows(), detail::RescaleLines<Member, element_t<Map>>{total, ranges, target});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, ActivationView Activations, OptionalActivationView Gradients, MapView Map>
  requires AccessibleFrom<Exec, Activations, Gradients, Map>
void grad_cam(Exec const& exec, std::span<CamLayer<Activations, Gradients> const> layers, Map const& map, GradCamOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, grad_cam_workspace_size(exec, layers, map, options));
  grad_cam(exec, layers, map, options, workspace);
  exec.fence("ocellus::explain::grad_cam");
}

/// Work of a map of one layer without projection.
[[nodiscard]] constexpr Cost grad_cam_cost(double batch, double channels, double pixels, double bytes_per_element) {
  return {.flops         = 4 * batch * channels * pixels,
          .special       = batch * channels,
          .bytes_read    = 2 * batch * channels * pixels * bytes_per_element,
          .bytes_written = batch * pixels * bytes_per_element};
}

}  // namespace ocellus::explain
