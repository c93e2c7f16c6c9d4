// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::nn::detail {

/// Mean and 1 / sqrt(variance + epsilon) of a row.
template <class Real>
struct RowMoments {
  Real mean         = 0;
  Real inverse_root = 0;
};

/// Moments of row `row` of `input`, in two passes: the mean, then the squared deviations. All lanes get the result.
template <class Member, class Input, class Real = accumulate_of_t<Input>>
KOKKOS_INLINE_FUNCTION RowMoments<Real> row_moments(Member const& member, Input const& input, std::int64_t row, Real epsilon) {
  std::int64_t const width = extent(input, 1);
  Real const mean          = lane_sum<Real>(member, width, [&](std::int64_t const d) { return static_cast<Real>(input(row, d)); }) / static_cast<Real>(width);
  Real const squares       = lane_sum<Real>(member, width, [&](std::int64_t const d) {
    Real const deviation = static_cast<Real>(input(row, d)) - mean;
    return deviation * deviation;
  });
  return {mean, Real(1) / Kokkos::sqrt(squares / static_cast<Real>(width) + epsilon)};
}

/// One row of layer_norm a call.
template <class Member, class Input, class Weight, class Bias, class Output>
struct LayerNormRows {
  using Real = accumulate_of_t<Input>;

  Input input;
  Weight weight;
  Bias bias;
  Output output;
  Real epsilon;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    auto const moments = row_moments(member, input, row, epsilon);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const d) {
      Real const deviation = static_cast<Real>(input(row, d)) - moments.mean;
      // A constant row with epsilon 0 would give 0 * infinity; its deviation is exactly what decides.
      Real value = deviation == Real(0) ? Real(0) : deviation * moments.inverse_root;
      if constexpr (!std::is_same_v<Weight, None>) {
        if (is_present(weight)) value *= static_cast<Real>(weight(d));
      }
      if constexpr (!std::is_same_v<Bias, None>) {
        if (is_present(bias)) value += static_cast<Real>(bias(d));
      }
      output(row, d) = static_cast<element_t<Output>>(value);
    });
  }
};

/// Moments of each row, for the sums over rows.
template <class Member, class Input, class Moments>
struct StoreMomentsRows {
  using Real = accumulate_of_t<Input>;

  Input input;
  Moments moments;  ///< (2, N)
  Real epsilon;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    auto const both = row_moments(member, input, row, epsilon);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      moments(0, row) = both.mean;
      moments(1, row) = both.inverse_root;
    });
  }
};

/// Weight gradient sum g z and bias gradient sum g of a column. The inputs are those of LayerNormBackwardRows.
template <class Real, class OutputGradient, class Input, class Moments, class WeightGradient, class BiasGradient>
struct LayerNormColumns {
  OutputGradient output_gradient;
  Input input;
  Moments moments;
  WeightGradient weight_gradient;
  BiasGradient bias_gradient;
  bool accumulate;

  KOKKOS_INLINE_FUNCTION void begin(std::int64_t d, Real& weight, Real& bias) const {
    weight = bias = 0;
    if constexpr (!std::is_same_v<WeightGradient, None>) {
      if (accumulate && is_present(weight_gradient)) weight = static_cast<Real>(weight_gradient(d));
    }
    if constexpr (!std::is_same_v<BiasGradient, None>) {
      if (accumulate && is_present(bias_gradient)) bias = static_cast<Real>(bias_gradient(d));
    }
  }
  KOKKOS_INLINE_FUNCTION void add(std::int64_t n, std::int64_t d, Real& weight, Real& bias) const {
    Real const g = static_cast<Real>(output_gradient(n, d)), deviation = static_cast<Real>(input(n, d)) - moments(0, n);
    weight += g * (deviation == Real(0) ? Real(0) : deviation * moments(1, n));
    bias += g;
  }
  KOKKOS_INLINE_FUNCTION void end(std::int64_t d, Real weight, Real bias) const {
    if constexpr (!std::is_same_v<WeightGradient, None>) {
      if (is_present(weight_gradient)) weight_gradient(d) = static_cast<element_t<WeightGradient>>(weight);
    }
    if constexpr (!std::is_same_v<BiasGradient, None>) {
      if (is_present(bias_gradient)) bias_gradient(d) = static_cast<element_t<BiasGradient>>(bias);
    }
  }
};

/// Input gradient of one row a call: (h - mean(h) - z mean(h z)) / s with h = g * weight.
template <class Member, class OutputGradient, class Input, class Weight, class InputGradient>
struct LayerNormBackwardRows {
  using Real = accumulate_of_t<Input>;

  OutputGradient output_gradient;
  Input input;
  Weight weight;
  InputGradient input_gradient;
  Real epsilon;
  bool accumulate;

  KOKKOS_INLINE_FUNCTION Real weighted(std::int64_t row, std::int64_t d) const {
    Real h = static_cast<Real>(output_gradient(row, d));
    if constexpr (!std::is_same_v<Weight, None>) {
      if (is_present(weight)) h *= static_cast<Real>(weight(d));
    }
    return h;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = extent(input, 1);
    auto const moments       = row_moments(member, input, row, epsilon);
    auto const standardized  = [&](std::int64_t const d) {
      Real const deviation = static_cast<Real>(input(row, d)) - moments.mean;
      return deviation == Real(0) ? Real(0) : deviation * moments.inverse_root;
    };
    Real const mean  = lane_sum<Real>(member, width, [&](std::int64_t const d) { return weighted(row, d); }) / static_cast<Real>(width);
    Real const slope = lane_sum<Real>(member, width, [&](std::int64_t const d) { return weighted(row, d) * standardized(d); }) / static_cast<Real>(width);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      Real value = (weighted(row, d) - mean - standardized(d) * slope) * moments.inverse_root;
      if (accumulate) value += static_cast<Real>(input_gradient(row, d));
      input_gradient(row, d) = static_cast<element_t<InputGradient>>(value);
    });
  }
};

}  // namespace ocellus::nn::detail
