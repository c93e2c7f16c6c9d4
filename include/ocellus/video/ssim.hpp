// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/video/detail/pixel_view.hpp>
#include <ocellus/video/psnr.hpp>

namespace ocellus::video {

struct SsimOptions {
  double data_range      = 1.0;    ///< from the least to the largest possible value: 1, 255, 65535, ...
  std::int64_t window    = 7;      ///< side of the square window, odd; the Gaussian has its own
  bool gaussian          = false;  ///< Gaussian weights on a window of 2 floor(3.5 sigma + 0.5) + 1
  double sigma           = 1.5;    ///< of the Gaussian, in pixels
  bool sample_covariance = true;   ///< variances times n / (n - 1), n the pixels of the window
  double k1              = 0.01;
  double k2              = 0.03;
};

namespace detail {

/// Columns of a row that one thread computes.
inline constexpr std::int64_t ssim_tile = 64;

/// -1 is pixel 0 again, size pixel size - 1.
KOKKOS_INLINE_FUNCTION std::int64_t half_sample_mirror(std::int64_t i, std::int64_t size) {
  std::int64_t const period = 2 * size;
  i %= period;
  if (i < 0) i += period;
  return i < size ? i : period - 1 - i;
}

/// A tile of a row a call: first the weighted sums of its columns, then along the row.
template <class Member, class Truth, class Test, class Map, class Partials>
struct SsimTiles {
  Truth truth;
  Test test;
  Map map;
  Partials partials;
  std::int64_t radius, tiles;
  double steepness;  ///< of the Gaussian; 0: all pixels weigh the same
  double weight_sum, covariance_factor, c1, c2;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double weight(std::int64_t k) const {
    return steepness == 0 ? 1.0 : Kokkos::exp(-steepness * static_cast<double>(k) * static_cast<double>(k));
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const height = extent(truth, 1), width = extent(truth, 2), first = item % tiles * ssim_tile, y = item / tiles % height,
                       c     = item / tiles / height;
    std::int64_t const count = width - first < ssim_tile ? width - first : ssim_tile, columns = count + 2 * radius;
    std::int64_t const window = 2 * radius + 1;
    // The same size for every tile: the threads of a team find their parts by it.
    auto* const weights =
        static_cast<double*>(member.thread_scratch(1).get_shmem_aligned(static_cast<std::size_t>(window + 5 * (ssim_tile + 2 * radius)) * sizeof(double), 8));
    auto* const sums = weights + window;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, window), [&](std::int64_t const k) { weights[k] = weight(k - radius); });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const i) {
      for (int m = 0; m < 5; ++m) sums[m * columns + i] = 0;
    });
    for (std::int64_t k = -radius; k <= radius; ++k) {
      double const w          = weights[k + radius];
      std::int64_t const from = half_sample_mirror(y + k, height);
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const i) {
        std::int64_t const x = half_sample_mirror(first + i - radius, width);
        double const a = static_cast<double>(truth(c, from, x)), b = static_cast<double>(test(c, from, x));
        sums[i] += w * a;
        sums[columns + i] += w * b;
        sums[2 * columns + i] += w * a * a;
        sums[3 * columns + i] += w * b * b;
        sums[4 * columns + i] += w * a * b;
      });
    }
    bool const inner_row = y >= radius && y < height - radius;
    double inner         = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count),
        [&](std::int64_t const i, double& partial) {
          double moment[5] = {0, 0, 0, 0, 0};
          for (std::int64_t k = -radius; k <= radius; ++k) {
            double const w = weights[k + radius];
            for (int m = 0; m < 5; ++m) moment[m] += w * sums[m * columns + i + radius + k];
          }
          for (int m = 0; m < 5; ++m) moment[m] /= weight_sum;
          double const a = moment[0], b = moment[1], aa = covariance_factor * (moment[2] - a * a), bb = covariance_factor * (moment[3] - b * b),
                       ab      = covariance_factor * (moment[4] - a * b);
          double const value   = (2 * a * b + c1) * (2 * ab + c2) / ((a * a + b * b + c1) * (aa + bb + c2));
          std::int64_t const x = first + i;
          if constexpr (!std::is_same_v<Map, None>) {
            if (is_present(map)) map(c, y, x) = static_cast<element_t<Map>>(value);
          }
          if (inner_row && x >= radius && x < width - radius) partial += value;
        },
        inner);
    Kokkos::single(Kokkos::PerThread(member), [&]() { partials(item) = inner; });
  }
};

template <class Member, class Partials, class Result>
struct SsimResult {
  Partials partials;
  Result result;
  double pixels;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const sum = ordered_sum<double>(extent(partials, 0), [&](std::int64_t i) { return partials(i); });
      result()         = static_cast<element_t<Result>>(sum / pixels);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `ssim` takes: a number for each 64 pixels of a row.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, OptionalRealView<3> Map, RealView<0> Result>
[[nodiscard]] std::size_t ssim_workspace_size(Exec const&, Truth const& truth, Test const&, Map const&, Result const&, SsimOptions const& = {}) {
  return workspace_bytes<double>(truth.extent(0) * truth.extent(1) * ((truth.extent(2) + detail::ssim_tile - 1) / detail::ssim_tile));
}

/// Structural similarity of two images, channel by channel.
///
///     map = (2 m_a m_b + c1) (2 v_ab + c2) / ((m_a^2 + m_b^2 + c1) (v_a + v_b + c2)),   c1 = (k1 data_range)^2, c2 = (k2 data_range)^2
///     result = mean of the map without a border of window/2 pixels
///
/// with m the means, v the variances and the covariance in a square window round the pixel, pixels weighed alike or by a Gaussian; at the border the image is
/// reflected, edge pixel repeated. truth, test (C, H, W) of uint8, uint16 or any real type -> map (C, H, W) or none, result (). The defaults are those of
/// scikit-image; {.gaussian = true, .sample_covariance = false} is the paper's. All arithmetic is in double. A NaN spoils the windows that hold it, and the result.
///
/// Errors: `std::invalid_argument` when shapes differ, when there are no pixels, when the window is even or larger than the image, when data_range or sigma is
/// not above 0.
/// Error bound: 32 machine epsilons of double times window (mean of squares + c2) / (v_a + v_b + c2), plus the rounding of the outputs' type.
/// Determinism: a pixel of the map depends on its window alone; tiles of 64 pixels are summed in order and combine as in `ocellus/core/reduce.hpp`.
/// Allocates: nothing. Synchronises: no.
/// Source: Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to structural similarity", IEEE Trans. Image
/// Process. 13, 2004.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, OptionalRealView<3> Map, RealView<0> Result>
  requires AccessibleFrom<Exec, Truth, Test, Map, Result>
void ssim(Exec const& exec, Truth const& truth, Test const& test, Map const& map, Result const& result, SsimOptions const& options,
          WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::video::ssim";
  detail::check_image_pair(function, truth, test, options.data_range);
  if (options.gaussian) require(options.sigma > 0 && options.sigma <= 1000, function, "sigma is ", options.sigma, " but must be above 0 and at most 1000");
  std::int64_t const window = options.gaussian ? 2 * static_cast<std::int64_t>(std::floor(3.5 * options.sigma + 0.5)) + 1 : options.window;
  require(window >= 1 && window % 2 == 1, function, "window is ", window, " but must be odd and at least 1");
  require(window > 1 || !options.sample_covariance, function, "window is 1 but a sample covariance needs more than one pixel");
  require(window <= extent(truth, 1) && window <= extent(truth, 2), function, "window is ", window, ", larger than the image, which is ", extent(truth, 1),
          " x ", extent(truth, 2));
  if constexpr (!std::is_same_v<Map, None>) {
    for (int axis = 0; is_present(map) && axis < 3; ++axis) {
      require(extent(map, axis) == extent(truth, axis), function, "map.extent(", axis, ") is ", extent(map, axis), " but truth.extent(", axis, ") is ",
              extent(truth, axis));
    }
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const height = extent(truth, 1), width = extent(truth, 2), radius = window / 2, tiles = (width + detail::ssim_tile - 1) / detail::ssim_tile;
  std::int64_t const items = extent(truth, 0) * height * tiles;
  auto const partials      = workspace.template take<double*>(function, items);
  using Partials           = std::remove_const_t<decltype(partials)>;
  double const steepness   = options.gaussian ? 0.5 / (options.sigma * options.sigma) : 0.0;
  double line              = 0;
  for (std::int64_t k = -radius; k <= radius; ++k) line += options.gaussian ? std::exp(-steepness * static_cast<double>(k * k)) : 1.0;
  double const n = static_cast<double>(window * window);
  detail::SsimTiles<TeamMember<Exec>, Truth, Test, Map, Partials> kernel{truth, test, map, partials, radius, tiles, steepness, line * line, 1, 0, 0};
  if (options.sample_covariance) kernel.covariance_factor = n / (n - 1);
  kernel.c1 = options.k1 * options.data_range * options.k1 * options.data_range;
  kernel.c2 = options.k2 * options.data_range * options.k2 * options.data_range;
  for_each_row(exec, "ocellus::video::ssim::map", items, kernel, static_cast<std::size_t>(window + 5 * (detail::ssim_tile + 2 * radius)) * sizeof(double) + 64);
  double const inner = static_cast<double>(extent(truth, 0) * (height - 2 * radius) * (width - 2 * radius));
  for_each_row(exec, "ocellus::video::ssim::result", 1, detail::SsimResult<TeamMember<Exec>, Partials, Result>{partials, result, inner});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, OptionalRealView<3> Map, RealView<0> Result>
  requires AccessibleFrom<Exec, Truth, Test, Map, Result>
void ssim(Exec const& exec, Truth const& truth, Test const& test, Map const& map, Result const& result, SsimOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, ssim_workspace_size(exec, truth, test, map, result, options));
  ssim(exec, truth, test, map, result, options, workspace);
  exec.fence("ocellus::video::ssim");
}

/// Work on two images of `pixels` pixels.
[[nodiscard]] constexpr Cost ssim_cost(double pixels, double window, double bytes_per_pixel, double map_bytes) {
  return {.flops = pixels * (18 * window + 30), .special = pixels, .bytes_read = 2 * pixels * bytes_per_pixel, .bytes_written = pixels * map_bytes};
}

}  // namespace ocellus::video
