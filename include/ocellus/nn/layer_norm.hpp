// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/detail/layer_norm_kernel.hpp>

namespace ocellus::nn {

struct LayerNormOptions {
  double epsilon  = 1e-6;   ///< added to the variance, inside the root
  bool accumulate = false;  ///< of the backward pass: adds to the gradients that are there
};

/// Standardises each row and applies an affine map.
///
///     output[n, d] = (input[n, d] - mean_n) / sqrt(variance_n + epsilon) * weight[d] + bias[d],   variance biased (divided by D)
///
/// input (N, D), weight (D) or none, bias (D) or none -> output (N, D). Any storage type; `output` may be `input`. A constant row gives the bias. NaN and
/// infinity spoil their own row only. Use `as_rows` for tensors of higher rank.
///
/// Errors: `std::invalid_argument` when the output, the weight or the bias does not fit the input, when D is 0, or when epsilon is negative or NaN.
/// Error bound: |error| <= (D + 4) eps ((1 + r) (1 + |z|) |weight| + |bias|), with z the standardised element, r = mean |input| / deviation, eps the machine
/// epsilon of the accumulation type, plus the rounding of the storage type. The mean is taken first, then the squared deviations, so a large mean costs no
/// more than its own rounding.
/// Determinism: a row's bits do not depend on the other rows, on N or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv 1607.06450.
template <ExecutionSpace Exec, RealView<2> Input, OptionalRealView<1> Weight, OptionalRealView<1> Bias, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Weight, Bias, Output>
void layer_norm(Exec const& exec, Input const& input, Weight const& weight, Bias const& bias, Output const& output, LayerNormOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::layer_norm";
  require(extent(input, 1) > 0, function, "input.extent(1) is 0: a row of nothing has no mean");
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"input.extent(1)", extent(input, 1)});
  if constexpr (!std::is_same_v<Weight, None>) {
    if (is_present(weight)) require_equal(function, {"weight.extent(0)", extent(weight, 0)}, {"input.extent(1)", extent(input, 1)});
  }
  if constexpr (!std::is_same_v<Bias, None>) {
    if (is_present(bias)) require_equal(function, {"bias.extent(0)", extent(bias, 0)}, {"input.extent(1)", extent(input, 1)});
  }
  require(options.epsilon >= 0.0, function, "epsilon is ", options.epsilon, " but must not be negative");
  using Real = accumulate_of_t<Input>;
  for_each_row(exec, "ocellus::nn::layer_norm", extent(input, 0),
               detail::LayerNormRows<TeamMember<Exec>, Input, Weight, Bias, Output>{input, weight, bias, output, static_cast<Real>(options.epsilon)});
}

/// Work of `layer_norm` on `rows` rows of `width` elements of `bytes_per_element` bytes.
[[nodiscard]] constexpr Cost layer_norm_cost(double rows, double width, double bytes_per_element) {
  return {.flops = 7 * rows * width, .special = 2 * rows, .bytes_read = rows * width * bytes_per_element, .bytes_written = rows * width * bytes_per_element};
}

/// Bytes of workspace that `layer_norm_backward` takes: the moments of each row, for the sums over rows.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<2> Input, OptionalRealView<1> Weight, OptionalRealView<2> InputGradient,
          OptionalRealView<1> WeightGradient, OptionalRealView<1> BiasGradient>
[[nodiscard]] std::size_t layer_norm_backward_workspace_size(Exec const&, OutputGradient const&, Input const& input, Weight const&, InputGradient const&,
                                                             WeightGradient const&, BiasGradient const&, LayerNormOptions const& = {}) {
  return workspace_bytes<accumulate_of_t<Input>>(2 * input.extent(0));
}

/// The backward pass of `layer_norm`.
///
///     z = (input - mean) / s,  s = sqrt(variance + epsilon),  h = output_gradient * weight
///     input_gradient = (h - mean(h) - z mean(h z)) / s;   weight_gradient = sum over rows of output_gradient z;   bias_gradient = sum of output_gradient
///
/// output_gradient (N, D), input (N, D), weight (D) or none -> input_gradient (N, D), weight_gradient (D), bias_gradient (D), each a View or none. Any storage
/// type; `input_gradient` may be `output_gradient`. NaN and infinity spoil their own row of input_gradient, and the sums over rows. A constant row with epsilon
/// 0 has no gradient: its row is NaN or infinite. No rows: zero weight and bias gradients. With accumulate each gradient is added to.
///
/// Errors: `std::invalid_argument` when an array does not fit the input, when D is 0, or when epsilon is negative or NaN.
/// Error bound: (2 D + 8) eps (1 + r) (1 + |z|) (1 + |z|) max |h| / s for input_gradient, (N + D + 4) eps (1 + r) sum |g| (1 + |z|) for the sums over rows, r =
/// mean |input| / deviation, eps the machine epsilon of the accumulation type, plus the rounding of the storage type.
/// Determinism: a row of input_gradient does not depend on the other rows. Weight and bias gradients are one chain each over ascending rows, from what is there
/// when accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
/// Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv 1607.06450.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<2> Input, OptionalRealView<1> Weight, OptionalRealView<2> InputGradient,
          OptionalRealView<1> WeightGradient, OptionalRealView<1> BiasGradient>
  requires AccessibleFrom<Exec, OutputGradient, Input, Weight, InputGradient, WeightGradient, BiasGradient>
void layer_norm_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input, Weight const& weight, InputGradient const& input_gradient,
                         WeightGradient const& weight_gradient, BiasGradient const& bias_gradient, LayerNormOptions const& options,
                         WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::nn::layer_norm_backward";
  require(extent(input, 1) > 0, function, "input.extent(1) is 0: a row of nothing has no mean");
  require_equal(function, {"output_gradient.extent(0)", extent(output_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"output_gradient.extent(1)", extent(output_gradient, 1)}, {"input.extent(1)", extent(input, 1)});
  auto const fits = [&](char const* name, auto const& vector) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(vector)>, None>) {
      if (is_present(vector)) require_equal(function, {name, extent(vector, 0)}, {"input.extent(1)", extent(input, 1)});
    }
  };
  fits("weight.extent(0)", weight);
  fits("weight_gradient.extent(0)", weight_gradient);
  fits("bias_gradient.extent(0)", bias_gradient);
  if constexpr (!std::is_same_v<InputGradient, None>) {
    if (is_present(input_gradient)) {
      require_equal(function, {"input_gradient.extent(0)", extent(input_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
      require_equal(function, {"input_gradient.extent(1)", extent(input_gradient, 1)}, {"input.extent(1)", extent(input, 1)});
    }
  }
  require(options.epsilon >= 0.0, function, "epsilon is ", options.epsilon, " but must not be negative");
  using Real              = accumulate_of_t<Input>;
  Real const epsilon      = static_cast<Real>(options.epsilon);
  std::int64_t const rows = extent(input, 0);
  if constexpr (!std::is_same_v<WeightGradient, None> || !std::is_same_v<BiasGradient, None>) {
    if (is_present(weight_gradient) || is_present(bias_gradient)) {
      typename WorkspaceFor<Exec>::Scope const scope(workspace);
      auto const moments = workspace.template take<Real**>(function, 2, rows);
      using Moments      = std::remove_const_t<decltype(moments)>;
      for_each_row(exec, "ocellus::nn::layer_norm_backward::moments", rows,
                   detail::StoreMomentsRows<TeamMember<Exec>, Input, Moments>{input, moments, epsilon});
      for_each_column<Real>(exec, "ocellus::nn::layer_norm_backward::parameters", rows, extent(input, 1),
                            detail::LayerNormColumns<Real, OutputGradient, Input, Moments, WeightGradient, BiasGradient>{
                                output_gradient, input, moments, weight_gradient, bias_gradient, options.accumulate});
    }
  }
  if constexpr (!std::is_same_v<InputGradient, None>) {
    if (is_present(input_gradient))
      for_each_row(exec, "ocellus::nn::layer_norm_backward::input", rows,
                   detail::LayerNormBackwardRows<TeamMember<Exec>, OutputGradient, Input, Weight, InputGradient>{output_gradient, input, weight, input_gradient,
                                                                                                                 epsilon, options.accumulate});
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<2> Input, OptionalRealView<1> Weight, OptionalRealView<2> InputGradient,
          OptionalRealView<1> WeightGradient, OptionalRealView<1> BiasGradient>
  requires AccessibleFrom<Exec, OutputGradient, Input, Weight, InputGradient, WeightGradient, BiasGradient>
void layer_norm_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input, Weight const& weight, InputGradient const& input_gradient,
                         WeightGradient const& weight_gradient, BiasGradient const& bias_gradient, LayerNormOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(
      exec, layer_norm_backward_workspace_size(exec, output_gradient, input, weight, input_gradient, weight_gradient, bias_gradient, options));
  layer_norm_backward(exec, output_gradient, input, weight, input_gradient, weight_gradient, bias_gradient, options, workspace);
  exec.fence("ocellus::nn::layer_norm_backward");
}

/// Work of `layer_norm_backward` on `rows` rows of `width` elements: all three gradients.
[[nodiscard]] constexpr Cost layer_norm_backward_cost(double rows, double width, double bytes_per_element) {
  return {.flops         = 17 * rows * width,
          .special       = 2 * rows,
          .bytes_read    = (2 * rows + 1) * width * bytes_per_element,
          .bytes_written = (rows + 2) * width * bytes_per_element};
}

}  // namespace ocellus::nn
