// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::image {

struct GaussianSmoothOptions {
  double sigma = 1.0;  ///< standard deviation in pixels; the kernel is cut at 4 sigma
};

namespace detail {

/// i reflected into [0, size) without repeating the edge pixel twice in a row: -1 gives 0, size gives size - 1.
KOKKOS_INLINE_FUNCTION std::int64_t mirrored(std::int64_t i, std::int64_t size) {
  std::int64_t const period = 2 * size;
  i %= period;
  if (i < 0) i += period;
  return i < size ? i : period - 1 - i;
}

/// One row of a pass a call; along x or along y.
template <class Member, class Input, class Output>
struct SmoothRows {
  Input input;
  Output output;
  double sigma;
  std::int64_t radius;
  bool vertical;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    using Real                = accumulate_of_t<Input>;
    std::int64_t const height = extent(input, 0), width = extent(input, 1);
    Real total = 0;
    for (std::int64_t k = -radius; k <= radius; ++k) total += weight<Real>(k);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) { output(y, x) = 0; });
    for (std::int64_t k = -radius; k <= radius; ++k) {
      Real const w = weight<Real>(k) / total;
      if (vertical) {
        std::int64_t const source = mirrored(y + k, height);
        add(member, 0, width, w, y, [&](std::int64_t const x) { return input(source, x); });
      } else {
        // Only pixels whose source is beyond the border ask where it is mirrored to.
        std::int64_t const first = k < -width ? width : k < 0 ? -k : 0, last = k > width ? 0 : k > 0 ? width - k : width;
        auto const beyond = [&](std::int64_t const x) { return input(y, mirrored(x + k, width)); };
        add(member, 0, first < last ? first : width, w, y, beyond);
        add(member, first, last, w, y, [&](std::int64_t const x) { return input(y, x + k); });
        if (first < last) add(member, last, width, w, y, beyond);
      }
    }
  }

  /// output(y, x) += w source(x) for x from first to last.
  template <class Real, class Source>
  KOKKOS_INLINE_FUNCTION void add(Member const& member, std::int64_t first, std::int64_t last, Real w, std::int64_t y, Source const& source) const {
    std::int64_t const count = last > first ? last - first : 0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count),
                         [&](std::int64_t const i) { output(y, first + i) += static_cast<element_t<Output>>(w * static_cast<Real>(source(first + i))); });
  }

  template <class Real>
  KOKKOS_INLINE_FUNCTION Real weight(std::int64_t k) const {
    double const z = static_cast<double>(k) / sigma;
    return static_cast<Real>(Kokkos::exp(-0.5 * z * z));
  }
};

}  // namespace detail

/// Bytes of workspace that `gaussian_smooth` takes: one image.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> Output>
[[nodiscard]] std::size_t gaussian_smooth_workspace_size(Exec const&, Input const& input, Output const&, GaussianSmoothOptions const& = {}) {
  return workspace_bytes<accumulate_of_t<Input>>(element_count(input));
}

/// Convolves an image with a Gaussian.
///
///     output = g_y * (g_x * input),   g(k) = exp(-k^2 / (2 sigma^2)) / sum, |k| <= ceil(4 sigma)
///
/// input (H, W) -> output (H, W) of float or double, not the input. The border is mirrored, edge pixel included. sigma 0 copies.
///
/// Errors: `std::invalid_argument` when the output does not fit or sigma is negative or above 1000.
/// Error bound: 16 sigma + 4 machine epsilons, relative to the smoothed absolute values.
/// Determinism: a pixel's terms are added in one order; bits do not depend on the number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Output> && RealScalar<element_t<Output>>
void gaussian_smooth(Exec const& exec, Input const& input, Output const& output, GaussianSmoothOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::image::gaussian_smooth";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"input.extent(1)", extent(input, 1)});
  require(options.sigma >= 0 && options.sigma <= 1000, function, "sigma is ", options.sigma, " but must be between 0 and 1000");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const middle         = workspace.template take<accumulate_of_t<Input>**>(function, extent(input, 0), extent(input, 1));
  std::int64_t const radius = static_cast<std::int64_t>(std::ceil(4 * options.sigma));
  double const sigma        = options.sigma > 0 ? options.sigma : 1.0;
  using Middle              = std::remove_const_t<decltype(middle)>;
  for_each_row(exec, "ocellus::image::gaussian_smooth::horizontal", extent(input, 0),
               detail::SmoothRows<TeamMember<Exec>, Input, Middle>{input, middle, sigma, radius, false});
  for_each_row(exec, "ocellus::image::gaussian_smooth::vertical", extent(input, 0),
               detail::SmoothRows<TeamMember<Exec>, Middle, Output>{middle, output, sigma, radius, true});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Output> && RealScalar<element_t<Output>>
void gaussian_smooth(Exec const& exec, Input const& input, Output const& output, GaussianSmoothOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, gaussian_smooth_workspace_size(exec, input, output, options));
  gaussian_smooth(exec, input, output, options, workspace);
  exec.fence("ocellus::image::gaussian_smooth");
}

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost gaussian_smooth_cost(double pixels, double sigma, double bytes_per_element) {
  return {.flops = 4 * pixels * (8 * sigma + 1), .special = 0, .bytes_read = pixels * bytes_per_element, .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::image
