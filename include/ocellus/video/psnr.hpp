// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/video/detail/pixel_view.hpp>

namespace ocellus::video {

struct PsnrOptions {
  double data_range = 1.0;  ///< from the least to the largest possible value: 1, 255, 65535, ...
};

namespace detail {

template <class Member, class Truth, class Test, class Partials>
struct SquaredErrorRows {
  Truth truth;
  Test test;
  Partials partials;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const c = row / extent(truth, 1), y = row % extent(truth, 1);
    double const sum = lane_sum<double>(member, extent(truth, 2), [&](std::int64_t const x) {
      double const difference = static_cast<double>(truth(c, y, x)) - static_cast<double>(test(c, y, x));
      return difference * difference;
    });
    Kokkos::single(Kokkos::PerThread(member), [&]() { partials(row) = sum; });
  }
};

template <class Member, class Partials, class Result>
struct PsnrResult {
  Partials partials;
  Result result;
  double pixels, data_range;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const error = ordered_sum<double>(extent(partials, 0), [&](std::int64_t i) { return partials(i); }) / pixels;
      result()           = static_cast<element_t<Result>>(10.0 * Kokkos::log10(data_range * data_range / error));
    });
  }
};

/// Two images of one shape with pixels.
template <class Truth, class Test>
void check_image_pair(std::string_view function, Truth const& truth, Test const& test, double data_range) {
  for (int axis = 0; axis < 3; ++axis) {
    require(extent(test, axis) == extent(truth, axis), function, "test.extent(", axis, ") is ", extent(test, axis), " but truth.extent(", axis, ") is ",
            extent(truth, axis));
    require(extent(truth, axis) > 0, function, "truth.extent(", axis, ") is 0: an image of nothing has no mean");
  }
  require(data_range > 0, function, "data_range is ", data_range, " but must be above 0");
}

}  // namespace detail

/// Bytes of workspace that `psnr` takes: a number a row of pixels.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, RealView<0> Result>
[[nodiscard]] std::size_t psnr_workspace_size(Exec const&, Truth const& truth, Test const&, Result const&, PsnrOptions const& = {}) {
  return workspace_bytes<double>(truth.extent(0) * truth.extent(1));
}

/// Peak signal-to-noise ratio in decibels.
///
///     result = 10 log10(data_range^2 / mean((truth - test)^2))
///
/// truth, test (C, H, W) of uint8, uint16 or any real type -> result (). Equal images give infinity, a NaN pixel gives NaN. All arithmetic is in double.
///
/// Errors: `std::invalid_argument` when the shapes differ, when there are no pixels, or when data_range is not above 0.
/// Error bound: (number of pixels / 256 + 300) machine epsilons of double of the mean squared error, that is 4.4 of these in decibels, plus the rounding of
/// the result's type.
/// Determinism: rows are summed in order and combine as in `ocellus/core/reduce.hpp`, whatever the number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, RealView<0> Result>
  requires AccessibleFrom<Exec, Truth, Test, Result>
void psnr(Exec const& exec, Truth const& truth, Test const& test, Result const& result, PsnrOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::video::psnr";
  detail::check_image_pair(function, truth, test, options.data_range);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const rows = extent(truth, 0) * extent(truth, 1);
  auto const partials     = workspace.template take<double*>(function, rows);
  using Partials          = std::remove_const_t<decltype(partials)>;
  for_each_row(exec, "ocellus::video::psnr::rows", rows, detail::SquaredErrorRows<TeamMember<Exec>, Truth, Test, Partials>{truth, test, partials});
  for_each_row(exec, "ocellus::video::psnr::result", 1,
               detail::PsnrResult<TeamMember<Exec>, Partials, Result>{partials, result, static_cast<double>(truth.size()), options.data_range});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, PixelView<3> Truth, PixelView<3> Test, RealView<0> Result>
  requires AccessibleFrom<Exec, Truth, Test, Result>
void psnr(Exec const& exec, Truth const& truth, Test const& test, Result const& result, PsnrOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, psnr_workspace_size(exec, truth, test, result, options));
  psnr(exec, truth, test, result, options, workspace);
  exec.fence("ocellus::video::psnr");
}

/// Work on two images of `pixels` pixels.
[[nodiscard]] constexpr Cost psnr_cost(double pixels, double bytes_per_pixel) {
  return {.flops = 3 * pixels, .special = 1, .bytes_read = 2 * pixels * bytes_per_pixel, .bytes_written = 8};
}

}  // namespace ocellus::video
