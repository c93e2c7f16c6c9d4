// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::nn {

struct LinearOptions {
  linalg::Activation activation = linalg::Activation::none;  ///< applied to the output
  bool accumulate               = false;                     ///< of the backward pass: adds to the gradients that are there
};

/// A fully connected layer.
///
///     output = activation(input weight^T + bias)
///
/// input (N, I), weight (O, I) as a View or packed with transpose (K = I, N = O), bias (O) or none -> output (N, O). Use `as_rows` for tensors of higher rank.
///
/// Errors: `std::invalid_argument` when the features of input and weight differ, or bias or output does not fit.
/// Error bound: as `linalg::matmul` with K = I.
/// Determinism: a row's bits do not depend on the other rows, on N or on the number of threads.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> Input, linalg::MatmulWeights Weight, OptionalRealView<1> Bias, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Weight, Bias, Output>
void linear(Exec const& exec, Input const& input, Weight const& weight, Bias const& bias, Output const& output, LinearOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::linear";
  std::int64_t inputs = 0, outputs = 0;
  bool transposed = true;
  if constexpr (linalg::is_packed_matrix_v<Weight>) {
    inputs     = weight.rows();
    outputs    = weight.columns();
    transposed = false;
  } else {
    inputs  = extent(weight, 1);
    outputs = extent(weight, 0);
  }
  require_equal(function, {"input.extent(1)", extent(input, 1)}, {"weight.extent(1)", inputs});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"weight.extent(0)", outputs});
  if constexpr (!std::is_same_v<Bias, None>) {
    if (is_present(bias)) require_equal(function, {"bias.extent(0)", extent(bias, 0)}, {"weight.extent(0)", outputs});
  }
  linalg::matmul<Tuning>(exec, input, weight, bias, none, none, output, {.transpose_b = transposed, .activation = options.activation});
}

/// Work of a layer from `inputs` to `outputs` features on `rows` rows.
[[nodiscard]] constexpr Cost linear_cost(double rows, double inputs, double outputs, double bytes_per_element) {
  return linalg::matmul_cost(rows, outputs, inputs, bytes_per_element);
}

/// The backward pass of `linear` without an activation.
///
///     input_gradient = output_gradient weight;   weight_gradient = output_gradient^T input;   bias_gradient = sum of output_gradient over rows
///
/// output_gradient (N, O), input (N, I), weight (O, I) as a View or packed without transpose (K = O, N = I) -> input_gradient (N, I), weight_gradient (O, I),
/// bias_gradient (O), each a View or none. No rows: zero weight and bias gradients. With accumulate each gradient is added to. Behind an activation, pass the
/// gradient of its input (`gelu_backward`).
///
/// Errors: `std::invalid_argument` when rows or features do not fit, or when an activation is asked for.
/// Error bound: as `linalg::matmul` with K = O for input_gradient, and K = N for the others.
/// Determinism: weight and bias gradients are one chain each over ascending rows, from what is there when accumulating: a batch cut in two, the second part
/// accumulated, equals the whole bit for bit. A row's input_gradient does not depend on the other rows.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> OutputGradient, RealView<2> Input, linalg::MatmulWeights Weight,
          OptionalRealView<2> InputGradient, OptionalRealView<2> WeightGradient, OptionalRealView<1> BiasGradient>
  requires AccessibleFrom<Exec, OutputGradient, Input, Weight, InputGradient, WeightGradient, BiasGradient>
void linear_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input, Weight const& weight, InputGradient const& input_gradient,
                     WeightGradient const& weight_gradient, BiasGradient const& bias_gradient, LinearOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::linear_backward";
  std::int64_t inputs = 0, outputs = 0;
  if constexpr (linalg::is_packed_matrix_v<Weight>) {
    inputs  = weight.columns();
    outputs = weight.rows();
  } else {
    inputs  = extent(weight, 1);
    outputs = extent(weight, 0);
  }
  require(options.activation == linalg::Activation::none, function, "activation is set: pass the gradient of what enters the activation");
  require_equal(function, {"output_gradient.extent(0)", extent(output_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"input.extent(1)", extent(input, 1)}, {"weight.extent(1)", inputs});
  require_equal(function, {"output_gradient.extent(1)", extent(output_gradient, 1)}, {"weight.extent(0)", outputs});
  if constexpr (!std::is_same_v<InputGradient, None>) {
    if (is_present(input_gradient)) {
      require_equal(function, {"input_gradient.extent(0)", extent(input_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
      require_equal(function, {"input_gradient.extent(1)", extent(input_gradient, 1)}, {"input.extent(1)", extent(input, 1)});
    }
  }
  if constexpr (!std::is_same_v<WeightGradient, None>) {
    if (is_present(weight_gradient)) {
      require_equal(function, {"weight_gradient.extent(0)", extent(weight_gradient, 0)}, {"weight.extent(0)", outputs});
      require_equal(function, {"weight_gradient.extent(1)", extent(weight_gradient, 1)}, {"weight.extent(1)", inputs});
    }
  }
  if constexpr (!std::is_same_v<BiasGradient, None>) {
    if (is_present(bias_gradient)) require_equal(function, {"bias_gradient.extent(0)", extent(bias_gradient, 0)}, {"weight.extent(0)", outputs});
  }
  if constexpr (!std::is_same_v<WeightGradient, None>) {
    if (is_present(weight_gradient))
      linalg::matmul<Tuning>(exec, output_gradient, input, weight_gradient, {.transpose_a = true, .accumulate = options.accumulate});
  }
  if constexpr (!std::is_same_v<BiasGradient, None>) {
    using Real = accumulate_of_t<OutputGradient>;
    if (is_present(bias_gradient))
      for_each_column<Real>(exec, "ocellus::nn::linear_backward::bias", extent(output_gradient, 0), outputs,
                            ColumnSum<Real, OutputGradient, None, BiasGradient>{output_gradient, none, bias_gradient, options.accumulate});
  }
  if constexpr (!std::is_same_v<InputGradient, None>) {
    if (is_present(input_gradient)) linalg::matmul<Tuning>(exec, output_gradient, weight, input_gradient, {.accumulate = options.accumulate});
  }
}

/// Work of the backward pass: all three gradients.
[[nodiscard]] constexpr Cost linear_backward_cost(double rows, double inputs, double outputs, double bytes_per_element) {
  return linalg::matmul_cost(rows, inputs, outputs, bytes_per_element) + linalg::matmul_cost(outputs, inputs, rows, bytes_per_element) +
         Cost{.flops = rows * outputs, .special = 0, .bytes_read = 0, .bytes_written = outputs * bytes_per_element};
}

}  // namespace ocellus::nn
