// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::nn {

/// One value of SiLU. exp(-|x|) cannot overflow, so large negative values give zero and never NaN.
template <class Real>
KOKKOS_INLINE_FUNCTION Real silu_value(Real x) {
  Real const e = Kokkos::exp(x < Real(0) ? x : -x);
  if (x < -Real(1e6)) return Real(-0.0);  // -infinity too
  return x < Real(0) ? x * e / (Real(1) + e) : x / (Real(1) + e);
}

/// Its derivative: sigmoid(x) (1 + x (1 - sigmoid(x))); 0 at -infinity, 1 at +infinity.
template <class Real>
KOKKOS_INLINE_FUNCTION Real silu_derivative(Real x) {
  if (x < -Real(1e6)) return Real(0);
  if (x > Real(1e6)) return Real(1);
  Real const e = Kokkos::exp(x < Real(0) ? x : -x), larger = Real(1) / (Real(1) + e), smaller = e * larger;
  return x < Real(0) ? smaller * (Real(1) + x * larger) : larger * (Real(1) + x * smaller);
}

namespace detail {

/// One line along the last axis a call. A gradient whose data are null is not wanted.
template <class Member, class Real, class OutputGradient, class Input, class Multiplier, class InputGradient, class MultiplierGradient>
struct SiluBackwardRows {
  Strided4<OutputGradient> output_gradient;
  Strided4<Input> input;
  Strided4<Multiplier> multiplier;  ///< null: 1
  Strided4<InputGradient> input_gradient;
  Strided4<MultiplierGradient> multiplier_gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, input.extents[3]), [&](std::int64_t const d) {
      Real const g = static_cast<Real>(output_gradient.at_row(row, d, input.extents)), x = static_cast<Real>(input.at_row(row, d, input.extents));
      Real slope = silu_derivative(x);
      if (multiplier.data != nullptr) slope *= static_cast<Real>(multiplier.at_row(row, d, input.extents));
      if (input_gradient.data != nullptr) input_gradient.at_row(row, d, input.extents) = static_cast<std::remove_cv_t<InputGradient>>(g * slope);
      if (multiplier_gradient.data != nullptr)
        multiplier_gradient.at_row(row, d, input.extents) = static_cast<std::remove_cv_t<MultiplierGradient>>(g * silu_value(x));
    });
  }
};

/// An array of the shape of `input`, or one without data for `none`.
template <class Stored, class Input, class Array>
[[nodiscard]] Strided4<Stored> strided_like(char const* function, char const* name, Input const& input, Array const& array) {
  Strided4<Stored> result;
  if constexpr (!std::is_same_v<Array, None>) {
    static_assert(Input::rank() == Array::rank(), "ocellus::nn::silu: all arrays must have the rank of input");
    if (is_present(array)) {
      for (int axis = 0; axis < static_cast<int>(Input::rank()); ++axis) {
        std::string const place = ".extent(" + std::to_string(axis) + ")";
        require_equal(function, {name + place, extent(array, axis)}, {"input" + place, extent(input, axis)});
      }
      auto const all = strided4(array);
      result.data    = all.data;
      for (int axis = 0; axis < 4; ++axis) result.extents[axis] = all.extents[axis], result.strides[axis] = all.strides[axis];
    }
  }
  return result;
}

template <class Array>
struct ElementOrFloat {
  using type = element_t<Array>;
};
template <>
struct ElementOrFloat<None> {
  using type = float;
};

/// One line along the last axis a call.
template <class Member, class Real, class Input, class Multiplier, class Output>
struct SiluRows {
  Strided4<Input> input;
  Strided4<Multiplier> multiplier;  ///< null: 1
  Strided4<Output> output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, input.extents[3]), [&](std::int64_t const d) {
      Real y = silu_value(static_cast<Real>(input.at_row(row, d, input.extents)));
      if (multiplier.data != nullptr) y *= static_cast<Real>(multiplier.at_row(row, d, input.extents));
      output.at_row(row, d, input.extents) = static_cast<std::remove_cv_t<Output>>(y);
    });
  }
};

}  // namespace detail

/// The sigmoid linear unit, elementwise; with a multiplier, the gate of SwiGLU.
///
///     output = input / (1 + exp(-input)) * multiplier
///
/// input of rank 1 to 4, multiplier of the same shape or none -> output of the same shape. Any storage type; `output` may be `input` or `multiplier`. Halves of
/// one projection may be passed as slices. NaN passes; -infinity gives -0, +infinity itself.
///
/// Errors: `std::invalid_argument` when the shapes differ.
/// Error bound: 6 machine epsilons of the accumulation type, relative, plus the rounding of the storage type.
/// Determinism: an element's bits depend on that element alone.
/// Allocates: nothing. Synchronises: no.
/// Source: D. Hendrycks, K. Gimpel, arXiv 1606.08415; SwiGLU: N. Shazeer, "GLU variants improve transformer", arXiv 2002.05202.
template <ExecutionSpace Exec, AnyView Input, OptionalView Multiplier, AnyView Output>
  requires AccessibleFrom<Exec, Input, Multiplier, Output> && StorageScalar<element_t<Input>> && StorageScalar<element_t<Output>> &&
      (Input::rank() >= 1 && Input::rank() <= 4) void silu(Exec const& exec, Input const& input, Multiplier const& multiplier, Output const& output) {
    constexpr auto function = "ocellus::nn::silu";
    using Factor            = typename detail::ElementOrFloat<Multiplier>::type const;
    auto const factor       = detail::strided_like<Factor>(function, "multiplier", input, multiplier);
    auto const out          = detail::strided_like<typename Output::value_type>(function, "output", input, output);
    auto const in           = strided4(input);
    using Kernel            = detail::SiluRows<TeamMember<Exec>, accumulate_of_t<Input>, typename Input::value_type, Factor, typename Output::value_type>;
    for_each_row(exec, function, in.rows(), Kernel{in, factor, out});
  }

  /// Without a multiplier.
  template <ExecutionSpace Exec, AnyView Input, AnyView Output>
    requires AccessibleFrom<Exec, Input, Output> && StorageScalar<element_t<Input>> && StorageScalar<element_t<Output>> &&
        (Input::rank() >= 1 && Input::rank() <= 4) void silu(Exec const& exec, Input const& input, Output const& output) {
      silu(exec, input, none, output);
    }

    /// Work of `silu` on `count` elements, with a multiplier.
    [[nodiscard]] constexpr Cost silu_cost(double count, double bytes_per_element) {
      return {.flops = 3 * count, .special = 2 * count, .bytes_read = 2 * count * bytes_per_element, .bytes_written = count * bytes_per_element};
    }

    /// The backward pass of `silu` and of the gate of SwiGLU.
    ///
    ///     input_gradient      = output_gradient * silu'(input) * multiplier
    ///     multiplier_gradient = output_gradient * silu(input)
    ///
    /// output_gradient and input of rank 1 to 4 and of one shape, multiplier likewise or none -> gradients likewise, either of them none when not wanted. Any storage
    /// type; a gradient may be any of the inputs, but not both the same. silu' is 0 at -infinity and 1 at +infinity; NaN passes.
    ///
    /// Errors: `std::invalid_argument` when the shapes differ.
    /// Error bound: 12 machine epsilons of the accumulation type times (1 + |input|) |output_gradient| (times |multiplier|), plus the rounding of the storage type.
    /// Determinism: an element's bits depend on that element alone.
    /// Allocates: nothing. Synchronises: no.
    /// Source: as `silu`.
    template <ExecutionSpace Exec, AnyView OutputGradient, AnyView Input, OptionalView Multiplier, OptionalView InputGradient, OptionalView MultiplierGradient>
      requires AccessibleFrom<Exec, OutputGradient, Input, Multiplier, InputGradient, MultiplierGradient> && StorageScalar<element_t<OutputGradient>> &&
          StorageScalar<element_t<Input>> &&
          (Input::rank() >= 1 && Input::rank() <= 4) void silu_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input,
                                                                        Multiplier const& multiplier, InputGradient const& input_gradient,
                                                                        MultiplierGradient const& multiplier_gradient) {
        constexpr auto function = "ocellus::nn::silu_backward";
        using Factor            = typename detail::ElementOrFloat<Multiplier>::type const;
        using Given             = typename OutputGradient::value_type;
        using OfInput           = typename detail::ElementOrFloat<InputGradient>::type;
        using OfMultiplier      = typename detail::ElementOrFloat<MultiplierGradient>::type;
        auto const in           = strided4(input);
        using Kernel = detail::SiluBackwardRows<TeamMember<Exec>, accumulate_of_t<Input>, Given, typename Input::value_type, Factor, OfInput, OfMultiplier>;
        Kernel const kernel{detail::strided_like<Given>(function, "output_gradient", input, output_gradient), in,
                            detail::strided_like<Factor>(function, "multiplier", input, multiplier),
                            detail::strided_like<OfInput>(function, "input_gradient", input, input_gradient),
                            detail::strided_like<OfMultiplier>(function, "multiplier_gradient", input, multiplier_gradient)};
        for_each_row(exec, function, in.rows(), kernel);
      }

      /// Work of `silu_backward` on `count` elements, with a multiplier.
      [[nodiscard]] constexpr Cost silu_backward_cost(double count, double bytes_per_element) {
        return {.flops = 10 * count, .special = 3 * count, .bytes_read = 3 * count * bytes_per_element, .bytes_written = 2 * count * bytes_per_element};
      }

}  // namespace ocellus::nn
