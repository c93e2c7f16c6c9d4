// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/tuning.hpp>
#include <ocellus/video/detail/pixel_view.hpp>
#include <ocellus/video/detail/temporal_filter_kernel.hpp>
#include <ocellus/video/tuning/temporal_filter_tuning.hpp>

namespace ocellus::video {

enum class TemporalMethod {
  median,          ///< the middle element of the window
  mean,            ///< sum(x) / window
  exponential,     ///< y_0 = x_0, y_t = alpha x_t + (1 - alpha) y_{t-1}
  weighted,        ///< sum(g x) / sum(g), g of `temporal_weight`: with the defaults the centre frame has weight 0
  savitzky_golay,  ///< a polynomial fitted to the window by least squares, or its derivative, at the centre
  percentile,      ///< the sorted window's element min(window - 1, floor(window percentile / 100))
  bilateral,       ///< weights exp(-k^2 / (2 sigma_time^2)) exp(-(x_{t+k} - x_t)^2 / (2 sigma_value^2)), over their sum
};

struct TemporalFilterOptions {
  TemporalMethod method         = TemporalMethod::median;
  std::int64_t window           = 5;  ///< frames, odd, centred; the exponential has none
  TemporalEdge edge             = TemporalEdge::reflect;
  double alpha                  = 0.5;   ///< exponential: in (0, 1]
  double level                  = 1.0;   ///< weighted: above 0
  double min_weight             = 0.0;   ///< weighted: of the centre
  double max_weight             = 1.0;   ///< weighted: of the window's ends
  std::int64_t polynomial_order = 2;     ///< savitzky_golay: below window, at most 31
  std::int64_t derivative       = 0;     ///< savitzky_golay: per frame to this power
  double percentile             = 10.0;  ///< percentile: in [0, 100]
  double sigma_time             = 1.5;   ///< bilateral: frames
  double sigma_value            = 0.1;   ///< bilateral: in the unit of the pixels
};

namespace detail {

/// Whether the method picks one of the window's elements, so that the output has the frames' type.
[[nodiscard]] constexpr bool picks_an_element(TemporalMethod method) { return method == TemporalMethod::median || method == TemporalMethod::percentile; }

/// The polynomials of `WindowWeights` orthogonal on the window, and the coefficients whose sum is the derivative at the centre of the fitted one.
inline WindowWeights polynomial_weights(std::int64_t window, std::int64_t order, std::int64_t derivative) {
  WindowWeights weights;
  weights.rule   = WeightRule::polynomial;
  weights.window = window;
  if (derivative > order) return weights;
  std::int64_t const radius                                              = window / 2;
  double at_centre[most_polynomial_terms + 1][most_polynomial_terms + 1] = {};  // derivative j of polynomial n
  double last_square                                                     = 1;
  at_centre[0][0]                                                        = 1;
  weights.terms                                                          = static_cast<int>(order) + 1;
  for (int n = 0; n < weights.terms; ++n) {
    double square = 0;
    for (std::int64_t k = -radius; k <= radius; ++k) {
      double const u  = radius == 0 ? 0.0 : static_cast<double>(k) / static_cast<double>(radius);
      double previous = 0, current = 1;
      for (int m = 0; m < n; ++m) {
        double const next = u * current - weights.norm[m] * previous;
        previous          = current;
        current           = next;
      }
      square += current * current;
    }
    weights.norm[n]        = n == 0 ? 0.0 : square / last_square;
    last_square            = square;
    weights.coefficient[n] = at_centre[n][derivative] / square * std::pow(static_cast<double>(radius), -static_cast<double>(derivative));
    for (int j = 0; j <= derivative; ++j) {
      at_centre[n + 1][j] = (j == 0 ? 0.0 : j * at_centre[n][j - 1]) - (n == 0 ? 0.0 : weights.norm[n] * at_centre[n - 1][j]);
    }
  }
  return weights;
}

/// Refuses options that the method cannot take.
inline void check_temporal_options(std::string_view function, TemporalFilterOptions const& o) {
  using enum TemporalMethod;
  if (o.method == exponential) {
    require(o.alpha > 0 && o.alpha <= 1, function, "alpha is ", o.alpha, " but must be above 0 and at most 1");
    return;
  }
  require(o.window >= 1 && o.window % 2 == 1, function, "window is ", o.window, " but must be odd and at least 1");
  if (o.method == weighted) {
    require(o.window >= 3, function, "window is ", o.window, " but the method weighted needs at least 3 frames");
    require(o.level > 0, function, "level is ", o.level, " but must be above 0");
  } else if (o.method == savitzky_golay) {
    require(o.polynomial_order >= 0 && o.polynomial_order < o.window, function, "polynomial_order is ", o.polynomial_order,
            " but must not be negative and must be below window, which is ", o.window);
    require(o.polynomial_order < most_polynomial_terms, function, "polynomial_order is ", o.polynomial_order, " but must be below ", most_polynomial_terms);
    require(o.derivative >= 0, function, "derivative is ", o.derivative, " but must not be negative");
  } else if (o.method == percentile) {
    require(o.percentile >= 0 && o.percentile <= 100, function, "percentile is ", o.percentile, " but must be between 0 and 100");
  } else if (o.method == bilateral) {
    require(o.sigma_time > 0, function, "sigma_time is ", o.sigma_time, " but must be above 0");
    require(o.sigma_value > 0, function, "sigma_value is ", o.sigma_value, " but must be above 0");
  }
}

/// What the options ask of the kernel, apart from the arrays.
template <class Problem>
void set_temporal_options(Problem& problem, TemporalFilterOptions const& o) {
  using enum TemporalMethod;
  problem.edge           = o.edge;
  problem.window         = o.method == exponential ? 1 : o.window;
  problem.rank           = problem.window / 2;
  problem.weights.window = problem.window;
  problem.rule           = picks_an_element(o.method) ? WindowRule::order_statistic : WindowRule::weighted_sum;
  if (o.method == percentile) {
    auto const rank = static_cast<std::int64_t>(std::floor(static_cast<double>(o.window) * o.percentile / 100.0));
    problem.rank    = rank < o.window ? rank : o.window - 1;
  } else if (o.method == mean) {
    problem.scale = 1.0 / static_cast<double>(o.window);
  } else if (o.method == exponential) {
    problem.rule  = WindowRule::exponential;
    problem.alpha = o.alpha;
  } else if (o.method == weighted) {
    auto& weights = problem.weights;
    weights.rule  = WeightRule::profile;
    weights.level = o.level;
    weights.least = o.min_weight;
    weights.most  = o.max_weight;
    double sum    = 0;
    for (std::int64_t i = 0; i < o.window; ++i) sum += profile_weight(i, o.window, o.level, o.min_weight, o.max_weight);
    problem.scale = 1.0 / sum;
  } else if (o.method == savitzky_golay) {
    problem.weights = polynomial_weights(o.window, o.polynomial_order, o.derivative);
  } else if (o.method == bilateral) {
    problem.rule              = WindowRule::bilateral;
    problem.weights.rule      = WeightRule::gaussian;
    problem.weights.steepness = 0.5 / (o.sigma_time * o.sigma_time);
    problem.value_steepness   = 0.5 / (o.sigma_value * o.sigma_value);
  }
}

/// In what a method's arithmetic is done.
template <class In, class Out>
using temporal_real_t = std::conditional_t<std::is_same_v<In, double> || std::is_same_v<Out, double>, double, float>;

/// The frame's axes behind `skip` leading ones of each View, as the kernel's lines.
template <class Problem, class Frames, class Output>
void set_temporal_lines(Problem& problem, Frames const& frames, int skip_frames, Output const& output, int skip_output) {
  FrameAxes axes;
  int const rank = static_cast<int>(Frames::rank()) - skip_frames;
  for (int axis = 0; axis < rank; ++axis) {
    axes.extents[3 - rank + axis] = extent(frames, skip_frames + axis);
    axes.a[3 - rank + axis]       = static_cast<std::int64_t>(frames.stride(static_cast<std::size_t>(skip_frames + axis)));
    axes.b[3 - rank + axis]       = static_cast<std::int64_t>(output.stride(static_cast<std::size_t>(skip_output + axis)));
  }
  axes.join();
  problem.outer  = axes.extents[0];
  problem.middle = axes.extents[1];
  problem.length = axes.extents[2];
  problem.frames = {
      frames.data(), skip_frames == 0 ? 1 : extent(frames, 0), skip_frames == 0 ? 0 : static_cast<std::int64_t>(frames.stride(0)), axes.a[0], axes.a[1],
      axes.a[2]};
  problem.output = {
      output.data(), skip_output == 0 ? 1 : extent(output, 0), skip_output == 0 ? 0 : static_cast<std::int64_t>(output.stride(0)), axes.b[0], axes.b[1],
      axes.b[2]};
}

/// The output's type must be what the method gives.
template <class In, class Out>
void check_temporal_types(std::string_view function, TemporalMethod method) {
  if (picks_an_element(method))
    require(std::is_same_v<In, Out>, function, "output must have the element type of frames, since the method picks an element of the window");
  else
    require(!std::is_integral_v<Out>, function, "output must hold real numbers, since the method computes new values");
}

}  // namespace detail

/// Filters a clip along time, each pixel by itself.
///
///     output[t, p] = method(frames[t - window/2, p], ..., frames[t + window/2, p]),   frames outside the clip as `edge` says
///
/// frames (T, H, W) or (T, C, H, W) of uint8, uint16 or any real type -> output of the same shape: of the frames' type for `median` and `percentile`, which are
/// exact; of any real type for the others, which neither round nor scale. The output is not the input. Row-major frames are tuned; other layouts give the same bits.
/// Integers are read as they are, once; no widened copy is made. See `TemporalMethod` for the formulas. The window may be wider than the clip.
///
/// NaN: an output is NaN when its window holds one (`exponential`: from the first one on); no other output is touched. Infinities follow IEEE arithmetic. Zeros
/// of `median` and `percentile` are positive. Weights of `weighted` that sum to 0 give NaN.
///
/// Errors: `std::invalid_argument` when the output does not fit the frames or its type not the method, and for options out of the ranges that
/// `TemporalFilterOptions` states.
/// Error bound: `median`, `percentile` 0. `mean`, `weighted`: (window + 3) eps sum |weight x|. `savitzky_golay`: (window + 8) eps max |weight| sum |x|.
/// `exponential`: 4 / alpha eps max |x|. `bilateral`: (4 window + 16) eps max |x| of the window. eps is the machine epsilon of float, or of double where frames or
/// output are double; the rounding of the output's type comes on top.
/// Determinism: a pixel's bits depend on its window alone, not on its place, on the number of threads or on the tuning.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Savitzky, M. J. E. Golay, "Smoothing and differentiation of data by simplified least squares procedures", Anal. Chem. 36, 1964; C. Tomasi,
/// R. Manduchi, "Bilateral filtering for gray and color images", ICCV 1998; K. E. Batcher, "Sorting networks and their applications", AFIPS 1968.
template <class Tuning = void, ExecutionSpace Exec, class Frames, class Output>
  requires((PixelView<Frames, 3> && PixelView<Output, 3>) || (PixelView<Frames, 4> && PixelView<Output, 4>))
&&AccessibleFrom<Exec, Frames, Output> void temporal_filter(Exec const& exec, Frames const& frames, Output const& output,
                                                            TemporalFilterOptions const& options = {}) {
  constexpr auto function = "ocellus::video::temporal_filter";
  using In                = element_t<Frames>;
  using Out               = element_t<Output>;
  using Real              = detail::temporal_real_t<In, Out>;
  detail::check_temporal_options(function, options);
  detail::check_temporal_types<In, Out>(function, options.method);
  for (int axis = 0; axis < static_cast<int>(Frames::rank()); ++axis) {
    require(extent(output, axis) == extent(frames, axis), function, "output.extent(", axis, ") is ", extent(output, axis), " but frames.extent(", axis, ") is ",
            extent(frames, axis));
  }
  if (frames.size() == 0) return;
  detail::TemporalProblem<In, Out, Real> problem;
  detail::set_temporal_options(problem, options);
  detail::set_temporal_lines(problem, frames, 1, output, 1);
  problem.clip_frames = extent(frames, 0);
  problem.first       = 0;
  problem.last        = problem.clip_frames;
  detail::launch_temporal_filter<tuning_row_t<Tuning, TemporalFilterTuning<Exec>>>(exec, function, problem);
}

/// Work on `pixels` pixels over all frames; comparisons of a sorting network count as operations.
[[nodiscard]] inline Cost temporal_filter_cost(double pixels, TemporalFilterOptions const& options, double input_bytes, double output_bytes) {
  double const window = static_cast<double>(options.window);
  Cost cost{.bytes_read = pixels * input_bytes, .bytes_written = pixels * output_bytes};
  if (detail::picks_an_element(options.method)) {
    double const levels = std::ceil(std::log2(window < 2 ? 2 : window));
    cost.flops          = pixels * (window * levels * (levels + 1) / 4 + 2);
  } else if (options.method == TemporalMethod::exponential) {
    cost.flops = pixels * 3;
  } else if (options.method == TemporalMethod::bilateral) {
    cost.flops   = pixels * window * 6;
    cost.special = pixels * (window + 1);
  } else {
    cost.flops = pixels * (options.method == TemporalMethod::mean ? window + 1 : 2 * window + 1);
  }
  return cost;
}

}  // namespace ocellus::video
