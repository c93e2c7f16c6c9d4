// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/vector_math.hpp>
#include <ocellus/linalg/activation.hpp>

namespace ocellus::nn {

enum class GeluApproximation {
  none,  ///< x/2 (1 + erf(x / sqrt 2))
  tanh,  ///< x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
};

struct GeluOptions {
  GeluApproximation approximate = GeluApproximation::none;
  bool accumulate               = false;  ///< of the backward pass: adds to the gradient that is there
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// The form with `tanh` of a host vector: a lane has the bits of `gelu_value` on a host.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> gelu_tanh_of_vector(Simd<T, Width> const& x) {
  using V      = Simd<T, Width>;
  V const half = V(T(0.5)) * x;
  V const t    = tanh(V(static_cast<T>(0.79788456080286535588)) * fma(V(static_cast<T>(0.044715)) * x * x, x, x));
  return select(x < V(T(-40)), V(T(-0.0)), fma(half, t, half));
}

/// One value of GELU in arithmetic type Real.
template <class Real>
KOKKOS_INLINE_FUNCTION Real gelu_value(Real x, GeluApproximation approximate) {
  if (approximate == GeluApproximation::none) return linalg::gelu_exact(x);
#if defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__) || defined(__SYCL_DEVICE_ONLY__)
  if (x < Real(-40)) return Real(-0.0);
  return Real(0.5) * x * (Real(1) + Kokkos::tanh(Real(0.79788456080286535588) * (x + Real(0.044715) * x * x * x)));
#else
  return gelu_tanh_of_vector(Simd<Real, 1>(x))[0];
#endif
}

}  // namespace OCELLUS_INSTRUCTION_SET

/// The derivative of GELU at one value: 0 far below, 1 far above, NaN at NaN.
template <class Real>
KOKKOS_INLINE_FUNCTION Real gelu_derivative(Real x, GeluApproximation approximate) {
  if (x < Real(-40)) return Real(0);
  if (x > Real(40)) return Real(1);
  if (approximate == GeluApproximation::none) {
    Real const density = Real(0.39894228040143267794) * Kokkos::exp(Real(-0.5) * x * x);
    return Kokkos::fma(x, density, Real(0.5) * (Real(1) + Kokkos::erf(x * Real(0.70710678118654752440))));
  }
  Real const root = Real(0.79788456080286535588), t = Kokkos::tanh(root * (x + Real(0.044715) * x * x * x));
  return Real(0.5) * (Real(1) + t) + Real(0.5) * x * (Real(1) - t * t) * root * (Real(1) + Real(3 * 0.044715) * x * x);
}

namespace detail {

/// One line along the last axis a call.
template <class Member, class Real, class OutputGradient, class Input, class InputGradient>
struct GeluBackwardRows {
  Strided4<OutputGradient> output_gradient;
  Strided4<Input> input;
  Strided4<InputGradient> input_gradient;
  GeluOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, input.extents[3]), [&](std::int64_t const d) {
      Real const x = static_cast<Real>(input.at_row(row, d, input.extents));
      Real value   = static_cast<Real>(output_gradient.at_row(row, d, input.extents)) * gelu_derivative(x, options.approximate);
      auto& to     = input_gradient.at_row(row, d, input.extents);
      if (options.accumulate) value += static_cast<Real>(to);
      to = static_cast<std::remove_cv_t<InputGradient>>(value);
    });
  }
};

/// One line along the last axis a call.
template <class Member, class Real, class Input, class Output>
struct GeluRows {
  Strided4<Input> input;
  Strided4<Output> output;
  GeluApproximation approximate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, input.extents[3]), [&](std::int64_t const d) {
      Real const x                         = static_cast<Real>(input.at_row(row, d, input.extents));
      output.at_row(row, d, input.extents) = static_cast<std::remove_cv_t<Output>>(gelu_value(x, approximate));
    });
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// One contiguous line a call, on the host: by vectors, the last one padded; each element has the bits of `gelu_value`.
template <class Member, class Real, class Input, class Output, GeluApproximation Approximate>
struct GeluLines {
  using V = Simd<Real>;

  Strided4<Input> input;
  Strided4<Output> output;

  void operator()(Member const&, std::int64_t row) const {
    std::int64_t const width = input.extents[3], whole = width / V::width * V::width;
    Input const* const from               = &input.at_row(row, 0, input.extents);
    std::remove_const_t<Output>* const to = &output.at_row(row, 0, input.extents);
    for (std::int64_t first = 0; first < whole; first += V::width) of(V::load(from + first)).store(to + first);
    if (whole < width) of(V::load(from + whole, width - whole)).store(to + whole, width - whole);
  }

  [[gnu::always_inline]] static V of(V const& x) {
    if constexpr (Approximate == GeluApproximation::none)
      return linalg::gelu_of_vector(x);
    else
      return gelu_tanh_of_vector(x);
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

}  // namespace detail

/// The Gaussian error linear unit, elementwise.
///
///     output = x/2 (1 + erf(x / sqrt 2)),   or with `tanh`   x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
///
/// input of rank 1 to 4 -> output of the same shape. Any storage type; `output` may be `input`. NaN and +infinity pass, -infinity gives -0.
///
/// Errors: `std::invalid_argument` when the shapes differ.
/// Error bound: 4 machine epsilons of the accumulation type times max(|x|, |output|) (absolute for large negative x), plus the rounding of the storage type.
/// Determinism: an element's bits depend on that element alone.
/// Allocates: nothing. Synchronises: no.
/// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv 1606.08415.
template <ExecutionSpace Exec, AnyView Input, AnyView Output>
  requires AccessibleFrom<Exec, Input, Output> && StorageScalar<element_t<Input>> && StorageScalar<element_t<Output>> &&
      (Input::rank() >= 1 && Input::rank() <= 4) void gelu(Exec const& exec, Input const& input, Output const& output, GeluOptions const& options = {}) {
    constexpr auto function = "ocellus::nn::gelu";
    static_assert(Input::rank() == Output::rank(), "ocellus::nn::gelu: output must have the rank of input");
    for (int axis = 0; axis < static_cast<int>(Input::rank()); ++axis) {
      auto const name = [&](char const* array) { return std::string(array) + ".extent(" + std::to_string(axis) + ")"; };
      require_equal(function, {name("output"), extent(output, axis)}, {name("input"), extent(input, axis)});
    }
    auto const in = strided4(input);
    auto const to = strided4(output);
    using Real    = accumulate_of_t<Input>;
    if constexpr (is_host_execution_v<Exec>) {
      if (in.strides[3] == 1 && to.strides[3] == 1) {
        using Member = TeamMember<Exec>;
        using From   = typename Input::value_type;
        using To     = typename Output::value_type;
        if (options.approximate == GeluApproximation::none)
          for_each_row(exec, function, in.rows(), detail::GeluLines<Member, Real, From, To, GeluApproximation::none>{in, to});
        else
          for_each_row(exec, function, in.rows(), detail::GeluLines<Member, Real, From, To, GeluApproximation::tanh>{in, to});
        return;
      }
    }
    for_each_row(exec, function, in.rows(),
                 detail::GeluRows<TeamMember<Exec>, Real, typename Input::value_type, typename Output::value_type>{in, to, options.approximate});
  }

  /// Work of `gelu` on `count` elements.
  [[nodiscard]] constexpr Cost gelu_cost(double count, double bytes_per_element) {
    return {.flops = 4 * count, .special = count, .bytes_read = count * bytes_per_element, .bytes_written = count * bytes_per_element};
  }

  /// The backward pass of `gelu`.
  ///
  ///     input_gradient = output_gradient * gelu'(input)
  ///
  /// output_gradient and input of rank 1 to 4 and of one shape -> input_gradient likewise. Any storage type; `input_gradient` may be either input. gelu' is 0 at
  /// -infinity and 1 at +infinity; NaN passes. With accumulate the gradient is added to.
  ///
  /// Errors: `std::invalid_argument` when the shapes differ.
  /// Error bound: 8 machine epsilons of the accumulation type times (1 + |input|) |output_gradient|, plus the rounding of the storage type.
  /// Determinism: an element's bits depend on that element alone.
  /// Allocates: nothing. Synchronises: no.
  /// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv 1606.08415.
  template <ExecutionSpace Exec, AnyView OutputGradient, AnyView Input, AnyView InputGradient>
    requires AccessibleFrom<Exec, OutputGradient, Input, InputGradient> && StorageScalar<element_t<OutputGradient>> && StorageScalar<element_t<Input>> &&
        StorageScalar<element_t<InputGradient>> &&
        (Input::rank() >= 1 && Input::rank() <= 4) void gelu_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input,
                                                                      InputGradient const& input_gradient, GeluOptions const& options = {}) {
      constexpr auto function = "ocellus::nn::gelu_backward";
      static_assert(Input::rank() == OutputGradient::rank() && Input::rank() == InputGradient::rank(),
                    "ocellus::nn::gelu_backward: output_gradient and input_gradient must have the rank of input");
      for (int axis = 0; axis < static_cast<int>(Input::rank()); ++axis) {
        auto const name = [&](std::string text) {
          text += ".extent(";
          text += std::to_string(axis);
          text += ")";
          return text;
        };
        require_equal(function, {name("output_gradient"), extent(output_gradient, axis)}, {name("input"), extent(input, axis)});
        require_equal(function, {name("input_gradient"), extent(input_gradient, axis)}, {name("input"), extent(input, axis)});
      }
      auto const in = strided4(input);
      for_each_row(exec, function, in.rows(),
                   detail::GeluBackwardRows<TeamMember<Exec>, accumulate_of_t<Input>, typename OutputGradient::value_type, typename Input::value_type,
                                            typename InputGradient::value_type>{strided4(output_gradient), in, strided4(input_gradient), options});
    }

    /// Work of `gelu_backward` on `count` elements.
    [[nodiscard]] constexpr Cost gelu_backward_cost(double count, double bytes_per_element) {
      return {.flops = 8 * count, .special = 2 * count, .bytes_read = 2 * count * bytes_per_element, .bytes_written = count * bytes_per_element};
    }

}  // namespace ocellus::nn
