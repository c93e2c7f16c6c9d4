// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::vit {

struct InstanceStandardizeOptions {
  double divisor = 255.0;  ///< real images are divided too
  double epsilon = 1e-5;   ///< added to the variance, inside the root
};

namespace detail {

/// One channel of one image a call. Sums of the deviations from the first pixel are formed in double: a constant channel gives exact zeros.
template <class Member, class Image, class Output>
struct InstanceStandardizeChannels {
  Image image;
  Output output;
  double divisor, epsilon;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t channel) const {
    std::int64_t const channels = extent(image, 1), height = extent(image, 2), width = extent(image, 3), n = channel / channels, c = channel % channels,
                       count = height * width;
    if (count == 0) return;
    double const origin = static_cast<double>(image(n, c, 0, 0)) / divisor;
    double sum          = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count),
        [&](std::int64_t const i, double& partial) { partial += static_cast<double>(image(n, c, i / width, i % width)) / divisor - origin; }, sum);
    double const mean = sum / static_cast<double>(count);
    double squares    = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count),
        [&](std::int64_t const i, double& partial) {
          double const deviation = static_cast<double>(image(n, c, i / width, i % width)) / divisor - origin - mean;
          partial += deviation * deviation;
        },
        squares);
    double const factor = 1.0 / Kokkos::sqrt(squares / static_cast<double>(count) + epsilon);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      double const deviation             = static_cast<double>(image(n, c, i / width, i % width)) / divisor - origin - mean;
      output(n, c, i / width, i % width) = static_cast<element_t<Output>>(deviation == 0.0 ? 0.0 : deviation * factor);
    });
  }
};

}  // namespace detail

/// Standardises each channel of each image by itself.
///
///     x = image / divisor;   output = (x - mean) / sqrt(variance + epsilon), mean and biased variance over the pixels of one (n, c)
///
/// image (N, C, H, W) of any integer or real type -> output (N, C, H, W). A constant channel gives zeros; a NaN spoils its own (n, c) only.
///
/// Errors: `std::invalid_argument` when the output does not fit, when divisor is 0 or NaN, or when epsilon is negative or NaN.
/// Error bound: 4 machine epsilons of the output type, relative to 1 + |output|: moments are formed in double.
/// Determinism: a channel's bits depend on that channel alone.
/// Allocates: nothing. Synchronises: no.
/// Source: torch.nn.InstanceNorm2d without affine, as used by maes_microscopy.
template <ExecutionSpace Exec, ViewOfRank<4> Image, RealView<4> Output>
  requires AccessibleFrom<Exec, Image, Output> &&
      (std::is_arithmetic_v<element_t<Image>> || StorageScalar<element_t<Image>>)void instance_standardize(Exec const& exec, Image const& image,
                                                                                                           Output const& output,
                                                                                                           InstanceStandardizeOptions const& options = {}) {
    constexpr auto function       = "ocellus::vit::instance_standardize";
    char const* const names[4][2] = {{"output.extent(0)", "image.extent(0)"},
                                     {"output.extent(1)", "image.extent(1)"},
                                     {"output.extent(2)", "image.extent(2)"},
                                     {"output.extent(3)", "image.extent(3)"}};
    for (int axis = 0; axis < 4; ++axis) require_equal(function, {names[axis][0], extent(output, axis)}, {names[axis][1], extent(image, axis)});
    require(options.divisor < 0 || options.divisor > 0, function, "divisor is ", options.divisor);
    require(options.epsilon >= 0, function, "epsilon is ", options.epsilon, " but must not be negative");
    for_each_row(exec, function, extent(image, 0) * extent(image, 1),
                 detail::InstanceStandardizeChannels<TeamMember<Exec>, Image, Output>{image, output, options.divisor, options.epsilon});
  }

  /// Work on `count` pixels in all.
  [[nodiscard]] constexpr Cost instance_standardize_cost(double count, double bytes_in, double bytes_out) {
    return {.flops = 6 * count, .special = 0, .bytes_read = count * bytes_in, .bytes_written = count * bytes_out};
  }

}  // namespace ocellus::vit
