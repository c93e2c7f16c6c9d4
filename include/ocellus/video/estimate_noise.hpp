// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/video/detail/pixel_view.hpp>

namespace ocellus::video {

namespace detail {

/// Coefficients along an axis of `size` pixels after one level of a wavelet with 4 taps.
KOKKOS_INLINE_FUNCTION std::int64_t wavelet_extent(std::int64_t size) { return (size + 3) / 2; }

/// |diagonal detail| of one line of coefficients a call.
template <class Member, class Frames, class Details>
struct DiagonalDetailRows {
  Frames frames;
  Details details;  ///< (N, coefficients)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    // Daubechies-2, high-pass: -(1 + r), 3 + r, -(3 - r), 1 - r over 4 sqrt(2), r = sqrt(3)
    double const taps[4]      = {-0.48296291314453416, 0.8365163037378079, -0.2241438680420134, -0.12940952255126037};
    std::int64_t const height = extent(frames, 1), width = extent(frames, 2), lines = wavelet_extent(height), columns = wavelet_extent(width);
    std::int64_t const n = row / lines, i = row % lines;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const j) {
      double detail = 0;
      for (int a = 0; a < 4; ++a) {
        std::int64_t const y = mirror(2 * i + 1 - a, height);
        double along         = 0;
        for (int b = 0; b < 4; ++b) along += taps[b] * static_cast<double>(frames(n, y, mirror(2 * j + 1 - b, width)));
        detail += taps[a] * along;
      }
      details(n, i * columns + j) = detail < 0 ? -detail : detail;
    });
  }

  /// -1 is pixel 0 again, size pixel size - 1.
  KOKKOS_INLINE_FUNCTION static std::int64_t mirror(std::int64_t i, std::int64_t size) {
    std::int64_t const period = 2 * size;
    i %= period;
    if (i < 0) i += period;
    return i < size ? i : period - 1 - i;
  }
};

/// The median of a frame's non-zero details a call: bit by bit, from the top, of the numbers as integers, which have the same order.
template <class Member, class Details, class Sigma>
struct MedianDetail {
  Details details;
  Sigma sigma;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t count_below(Member const& member, std::int64_t n, std::uint64_t bound) const {
    std::int64_t below = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(details, 1)),
        [&](std::int64_t const i, std::int64_t& partial) { partial += Kokkos::bit_cast<std::uint64_t>(static_cast<double>(details(n, i))) < bound ? 1 : 0; },
        below);
    return below;
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double of_rank(Member const& member, std::int64_t n, std::int64_t rank) const {
    std::uint64_t found = 0;
    for (int bit = 62; bit >= 0; --bit) {
      std::uint64_t const candidate = found | (std::uint64_t{1} << bit);
      if (count_below(member, n, candidate) <= rank) found = candidate;
    }
    return Kokkos::bit_cast<double>(found);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const count = extent(details, 1), zeros = count_below(member, n, 1), numbers = count_below(member, n, 0x7ff0000000000001u),
                       left = count - zeros;
    double median           = Kokkos::Experimental::quiet_NaN_v<double>;
    if (numbers == count && left > 0) {
      median = of_rank(member, n, zeros + left / 2);
      if (left % 2 == 0) median = 0.5 * (median + of_rank(member, n, zeros + left / 2 - 1));
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { sigma(n) = static_cast<element_t<Sigma>>(median / 0.6744897501960817); });
  }
};

}  // namespace detail

/// Bytes of workspace that `estimate_noise` takes: about a quarter of the pixels as doubles.
template <ExecutionSpace Exec, PixelView<3> Frames, RealView<1> Sigma>
[[nodiscard]] std::size_t estimate_noise_workspace_size(Exec const&, Frames const& frames, Sigma const&) {
  return workspace_bytes<double>(
      static_cast<std::size_t>(extent(frames, 0) * detail::wavelet_extent(extent(frames, 1)) * detail::wavelet_extent(extent(frames, 2))));
}

/// Standard deviation of Gaussian noise in each frame, from its finest diagonal details, where little of the image is.
///
///     sigma[n] = median of the non-zero |d| / 0.6744897501960817
///
/// with d the diagonal detail of one level of the Daubechies-2 wavelet, the frame reflected at its border, edge pixel repeated. frames (N, H, W) of uint8, uint16
/// or any real type -> sigma (N). All arithmetic is in double. A frame that holds a NaN or an infinity, or has no detail at all, gives NaN.
///
/// Errors: `std::invalid_argument` when sigma does not fit or a frame has no pixels.
/// Error bound: 16 machine epsilons of double of the largest pixel of the frame, plus the rounding of the type of sigma.
/// Determinism: bits do not depend on the other frames or on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81, 1994.
template <ExecutionSpace Exec, PixelView<3> Frames, RealView<1> Sigma>
  requires AccessibleFrom<Exec, Frames, Sigma>
void estimate_noise(Exec const& exec, Frames const& frames, Sigma const& sigma, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::video::estimate_noise";
  require_equal(function, {"sigma.extent(0)", extent(sigma, 0)}, {"frames.extent(0)", extent(frames, 0)});
  require(extent(frames, 1) > 0, function, "frames.extent(1) is 0: a frame of nothing has no noise");
  require(extent(frames, 2) > 0, function, "frames.extent(2) is 0: a frame of nothing has no noise");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const count = extent(frames, 0), lines = detail::wavelet_extent(extent(frames, 1)), columns = detail::wavelet_extent(extent(frames, 2));
  auto const details = workspace.template take<double**>(function, count, lines * columns);
  using Details      = std::remove_const_t<decltype(details)>;
  for_each_row(exec, "ocellus::video::estimate_noise::details", count * lines, detail::DiagonalDetailRows<TeamMember<Exec>, Frames, Details>{frames, details});
  for_each_row(exec, "ocellus::video::estimate_noise::median", count, detail::MedianDetail<TeamMember<Exec>, Details, Sigma>{details, sigma});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, PixelView<3> Frames, RealView<1> Sigma>
  requires AccessibleFrom<Exec, Frames, Sigma>
void estimate_noise(Exec const& exec, Frames const& frames, Sigma const& sigma) {
  WorkspaceFor<Exec> workspace(exec, estimate_noise_workspace_size(exec, frames, sigma));
  estimate_noise(exec, frames, sigma, workspace);
  exec.fence("ocellus::video::estimate_noise");
}

/// Work on `pixels` pixels of all frames.
[[nodiscard]] constexpr Cost estimate_noise_cost(double pixels, double bytes_per_pixel) {
  return {.flops = pixels / 4 * (40 + 2 * 63), .special = 0, .bytes_read = pixels * bytes_per_pixel, .bytes_written = 0};
}

}  // namespace ocellus::video
