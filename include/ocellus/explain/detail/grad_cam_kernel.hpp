// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/upsample_kernel.hpp>
#include <ocellus/explain/detail/volumes.hpp>
#include <ocellus/linalg/svd.hpp>

namespace ocellus::explain {

/// How activations A and gradients G become a map; docs/explain.md compares them.
enum class CamMethod { grad_cam, hires_cam, layer_cam, element_wise, xgrad_cam, grad_cam_plus_plus, eigen_cam };

enum class CamRescale {
  none,     ///< max(L, 0)
  min_max,  ///< then minus its minimum, divided by 1e-7 + its maximum, each image by itself
};

namespace detail {

KOKKOS_INLINE_FUNCTION constexpr bool cam_has_weights(CamMethod method) {
  return method == CamMethod::grad_cam || method == CamMethod::xgrad_cam || method == CamMethod::grad_cam_plus_plus;
}

/// The weight of one channel of one image.
template <class Member, class A, class G>
struct CamWeights {
  Volumes<A> activations;
  Volumes<G> gradients;
  double* weights;  ///< (batch, channels)
  CamMethod method;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / activations.extents[1], channel = item % activations.extents[1];
    double const pixels = static_cast<double>(activations.pixels());
    TwoSums sums        = over_lines(member, batch, channel, 0.0);
    double weight       = 0;
    if (method == CamMethod::grad_cam) {
      weight = sums.first / pixels;
    } else if (method == CamMethod::xgrad_cam) {
      weight = sums.first / (sums.second + 1e-7);
    } else {
      weight = over_lines(member, batch, channel, sums.second).first;
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { weights[item] = weight; });
  }

  /// `total`: the sum of the channel's activations, for the second pass of Grad-CAM++.
  KOKKOS_INLINE_FUNCTION TwoSums over_lines(Member const& member, std::int64_t batch, std::int64_t channel, double total) const {
    TreeSum<double> first, second;
    for (std::int64_t row = 0; row < activations.rows(); ++row) {
      A* const a      = activations.row(batch, channel, row);
      G* const g      = gradients.row(batch, channel, row);
      auto const term = [&](std::int64_t x) {
        double const value = static_cast<double>(a[x * activations.strides[4]]), slope = static_cast<double>(g[x * gradients.strides[4]]);
        if (method == CamMethod::grad_cam) return TwoSums{slope, 0.0};
        if (method == CamMethod::xgrad_cam) return TwoSums{slope * value, value};
        double const square = slope * slope;
        double const share  = slope == 0 ? 0.0 : square / (2 * square + total * square * slope + 1e-6);
        return TwoSums{positive_part(slope) * share, value};
      };
      TwoSums const line = two_sums(member, activations.width(), term);
      first.push(line.first);
      second.push(line.second);
    }
    return {first.result(), second.result()};
  }
};

/// What one channel adds to a pixel.
KOKKOS_INLINE_FUNCTION double cam_term(CamMethod method, double weight, double a, double g) {
  if (cam_has_weights(method)) return weight * a;
  if (method == CamMethod::hires_cam) return g * a;
  if (method == CamMethod::layer_cam) return positive_part(g) * a;
  if (method == CamMethod::element_wise) return positive_part(g * a);
  return a;
}

/// One line of max(sum of the terms over the channels, 0).
template <class Member, class A, class G>
struct CamLines {
  Volumes<A> activations;
  Volumes<G> gradients;
  double const* weights;
  Volumes<double> map;
  CamMethod method;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / map.rows(), row = item % map.rows(), channels = activations.extents[1];
    bool const weighted = cam_has_weights(method);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, map.width()), [&](std::int64_t const x) {
      double sum = 0;
      for (std::int64_t k = 0; k < channels; ++k) {
        double const a = static_cast<double>(activations(batch, k, row, x));
        double const g = weighted ? 0.0 : static_cast<double>(gradients(batch, k, row, x));
        sum += cam_term(method, weighted ? weights[batch * channels + k] : 0.0, a, g);
      }
      map(batch, 0, row, x) = positive_part(sum);
    });
  }
};

/// An image whose pixels follow each other as one line of them, for hosts: a length to cut does not depend on the image's shape then.
template <class T>
[[nodiscard]] bool is_one_line(Volumes<T> const& v) {
  return v.data == nullptr || ((v.strides[4] == 1 || v.extents[4] == 1) && (v.strides[3] == v.extents[4] || v.extents[3] == 1) &&
                               (v.strides[2] == v.extents[3] * v.extents[4] || v.extents[2] == 1));
}

/// The weight of one channel of an image that is one line: sums of 256 pixels in a tree.
template <class Member, class G>
struct CamMeans {
  Volumes<G> gradients;
  double* weights;

  void operator()(Member const& member, std::int64_t item) const {
    G* const g                = gradients.row(item / gradients.extents[1], item % gradients.extents[1], 0);
    std::int64_t const pixels = gradients.pixels();
    TreeSum<double> sum;
    for (std::int64_t first = 0; first < pixels; first += reduction_block) {
      std::int64_t const count = pixels - first < reduction_block ? pixels - first : reduction_block;
      sum.push(lane_sum<double>(member, count, [&](std::int64_t x) { return static_cast<double>(g[first + x]); }));
    }
    weights[item] = sum.result() / static_cast<double>(pixels);
  }
};

/// CamLines for images that are one line: 128 pixels a call, channel by channel, as memory lies.
template <class Member, class A, class G>
struct CamBlocks {
  static constexpr std::int64_t size = 128;

  Volumes<A> activations;
  Volumes<G> gradients;
  double const* weights;
  Volumes<double> map;
  CamMethod method;

  [[nodiscard]] std::int64_t blocks() const { return (map.pixels() + size - 1) / size; }

  void operator()(Member const&, std::int64_t item) const {
    std::int64_t const batch = item / blocks(), first = item % blocks() * size, channels = activations.extents[1];
    std::int64_t const count = map.pixels() - first < size ? map.pixels() - first : size;
    bool const weighted      = cam_has_weights(method);
    double sums[size]        = {};
    for (std::int64_t k = 0; k < channels; ++k) {
      A* const a = activations.row(batch, k, 0) + first;
      if (weighted) {
        double const weight = weights[batch * channels + k];
        for (std::int64_t x = 0; x < count; ++x) sums[x] += weight * static_cast<double>(a[x]);
      } else {
        G* const g = gradients.row(batch, k, 0) + first;
        for (std::int64_t x = 0; x < count; ++x) sums[x] += cam_term(method, 0.0, static_cast<double>(a[x]), static_cast<double>(g[x]));
      }
    }
    double* const to = map.row(batch, 0, 0) + first;
    for (std::int64_t x = 0; x < count; ++x) to[x] = positive_part(sums[x]);
  }
};

/// The terms of one image as a matrix (pixels, channels).
template <class Member, class A, class G>
struct CamTerms {
  Volumes<A> activations;
  Volumes<G> gradients;
  double const* weights;
  double* terms;
  CamMethod method;
  std::int64_t batch;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t pixel) const {
    std::int64_t const row = pixel / activations.width(), x = pixel % activations.width(), channels = activations.extents[1];
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, channels), [&](std::int64_t const k) {
      double const a              = static_cast<double>(activations(batch, k, row, x));
      bool const gradient         = !cam_has_weights(method) && method != CamMethod::eigen_cam;
      double const g              = gradient ? static_cast<double>(gradients(batch, k, row, x)) : 0.0;
      terms[pixel * channels + k] = cam_term(method, cam_has_weights(method) ? weights[batch * channels + k] : 0.0, a, g);
    });
  }
};

/// Takes the mean from 16 columns.
template <class Member>
struct CenterColumns {
  double* terms;
  std::int64_t rows, columns;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 16, count = columns - first < 16 ? columns - first : 16;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      double* const column = terms + first + i;
      double const mean    = ordered_sum<double>(rows, [&](std::int64_t row) { return column[row * columns]; }) / static_cast<double>(rows);
      for (std::int64_t row = 0; row < rows; ++row) column[row * columns] -= mean;
    });
  }
};

/// A pixel's projection on the leading direction, the first column of `v` (channels, rank).
template <class Member>
struct ProjectPixels {
  double const *terms, *v;
  std::int64_t columns, rank;
  double* map;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t pixel) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double sum = 0;
      for (std::int64_t k = 0; k < columns; ++k) sum += terms[pixel * columns + k] * v[k * rank];
      map[pixel] = positive_part(sum);
    });
  }
};

/// Writes a map, rescaled by its range when there is one; `target` may be the map.
template <class Member, class Out>
struct RescaleLines {
  Volumes<double> map;
  double const* ranges;  ///< (batch, 2) or null
  Volumes<Out> target;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / map.rows(), row = item % map.rows();
    double const low   = ranges != nullptr ? ranges[2 * batch] : 0.0;
    double const scale = ranges != nullptr ? 1e-7 + (ranges[2 * batch + 1] - low) : 1.0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, map.width()), [&](std::int64_t const x) {
      target(batch, 0, row, x) = static_cast<Out>(static_cast<accumulate_t<Out>>((map(batch, 0, row, x) - low) / scale));
    });
  }
};

/// total = max(resized, 0) for the first layer, then added to; divided by the number of layers at the last.
template <class Member>
struct AddLayer {
  double const* resized;
  double* total;
  std::int64_t count;
  bool first;
  double layers;  ///< 0 before the last layer

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t chunk) const {
    std::int64_t const begin = chunk * 1024, size = count - begin < 1024 ? count - begin : 1024;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const offset) {
      std::int64_t const i = begin + offset;
      double const sum     = (first ? 0.0 : total[i]) + positive_part(resized[i]);
      total[i]             = layers > 0 ? sum / layers : sum;
    });
  }
};

/// Numbers of scratch that `cam_layer` takes beside its map.
inline std::size_t cam_layer_bytes(std::int64_t const (&extents)[5], CamMethod method, bool projects) {
  std::int64_t const channels = extents[1], pixels = extents[2] * extents[3] * extents[4], rank = pixels < channels ? pixels : channels;
  std::size_t bytes = 0;
  if (cam_has_weights(method)) bytes += workspace_bytes<double>(static_cast<std::size_t>(extents[0] * channels));
  if (projects)
    bytes += workspace_bytes<double>(static_cast<std::size_t>(pixels * channels)) + workspace_bytes<double>(static_cast<std::size_t>(pixels * rank)) +
             workspace_bytes<double>(static_cast<std::size_t>(rank)) + workspace_bytes<double>(static_cast<std::size_t>(channels * rank));
  return bytes;
}

/// map = max(L, 0) of one layer.
template <ExecutionSpace Exec, class A, class G>
void cam_layer(Exec const& exec, Volumes<A> const& activations, Volumes<G> const& gradients, Volumes<double> const& map, CamMethod method, bool projects,
               WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_cam";
  using Member            = TeamMember<Exec>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const batch = activations.extents[0], channels = activations.extents[1], pixels = activations.pixels();
  double* weights = nullptr;
  if (cam_has_weights(method)) {
    weights   = workspace.template take<double*>(function, batch * channels).data();
    bool done = false;
    if constexpr (is_host_execution_v<Exec>) {
      done = method == CamMethod::grad_cam && is_one_line(gradients);
      if (done) for_each_row(exec, "ocellus::explain::grad_cam::weights", batch * channels, CamMeans<Member, G>{gradients, weights});
    }
    if (!done) for_each_row(exec, "ocellus::explain::grad_cam::weights", batch * channels, CamWeights<Member, A, G>{activations, gradients, weights, method});
  }
  if (!projects || channels == 0) {
    if constexpr (is_host_execution_v<Exec>) {
      if (is_one_line(activations) && is_one_line(map) && (cam_has_weights(method) || (gradients.data != nullptr && is_one_line(gradients)))) {
        CamBlocks<Member, A, G> const sums{activations, gradients, weights, map, method};
        for_each_row(exec, "ocellus::explain::grad_cam::sum", batch * sums.blocks(), sums);
        return;
      }
    }
    for_each_row(exec, "ocellus::explain::grad_cam::sum", batch * map.rows(), CamLines<Member, A, G>{activations, gradients, weights, map, method});
    return;
  }
  std::int64_t const rank = pixels < channels ? pixels : channels;
  if (rank == 0) return;
  auto const terms = workspace.template take<double**>(function, pixels, channels);
  auto const u     = workspace.template take<double**>(function, pixels, rank);
  auto const s     = workspace.template take<double*>(function, rank);
  auto const v     = workspace.template take<double**>(function, channels, rank);
  for (std::int64_t image = 0; image < batch; ++image) {
    for_each_row(exec, "ocellus::explain::grad_cam::terms", pixels, CamTerms<Member, A, G>{activations, gradients, weights, terms.data(), method, image});
    for_each_row(exec, "ocellus::explain::grad_cam::center", (channels + 15) / 16, CenterColumns<Member>{terms.data(), pixels, channels});
    linalg::svd(exec, terms, u, s, v);
    for_each_row(exec, "ocellus::explain::grad_cam::project", pixels, ProjectPixels<Member>{terms.data(), v.data(), channels, rank, map.data + image * pixels});
  }
}

}  // namespace detail
}  // namespace ocellus::explain
