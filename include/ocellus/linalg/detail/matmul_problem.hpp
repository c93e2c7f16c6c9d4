// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/activation.hpp>
#include <ocellus/linalg/detail/matmul_operations.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>
#include <ocellus/linalg/detail/strided.hpp>

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// What happens to a finished sum: activation(alpha * sum + bias) * scale + residual, in that order. Absent arrays are null.
template <class RealType, class Bias, class Scale, class Residual>
struct Epilogue {
  using Real = RealType;

  Real alpha = 1;
  StridedVector<Bias> bias;
  Activation activation = Activation::none;
  StridedVector<Scale> scale;
  StridedMatrix<Residual> residual;

  /// A product that a sum may follow is an explicit fma: left to the compiler, the contraction of the two would follow how each kernel's loop was split, and
  /// the bits with it. Where there is nothing to add, -0 keeps the product as it is.
  KOKKOS_INLINE_FUNCTION Real operator()(Real sum, std::int64_t row, std::int64_t column) const {
    Real value = sum;
    if (alpha != Real(1))
      value = multiply_add(alpha, sum, bias.data != nullptr ? static_cast<Real>(bias(column)) : Real(-0.0));
    else if (bias.data != nullptr)
      value = sum + static_cast<Real>(bias(column));
    value = activate(activation, value);
    if (scale.data != nullptr)
      value = multiply_add(value, static_cast<Real>(scale(column)), residual.data != nullptr ? static_cast<Real>(residual(row, column)) : Real(-0.0));
    else if (residual.data != nullptr)
      value += static_cast<Real>(residual(row, column));
    return value;
  }

  /// The same for a vector of columns: `biases` and `scales` are theirs, or -0 and unused where absent; `rest` gives the residuals and is called where there are any.
  template <class V, class Rest>
  [[gnu::always_inline]] V on_vector(V value, Real const* biases, Real const* scales, Rest const& rest) const {
    if (alpha != Real(1))
      value = fma(V(alpha), value, V::load(biases));
    else if (bias.data != nullptr)
      value = value + V::load(biases);
    if (activation == Activation::gelu)
      value = gelu_of_vector(value);
    else if (activation == Activation::relu)
      value = select(value < V(Real(0)), V(Real(0)), value);
    if (scale.data != nullptr)
      value = fma(value, V::load(scales), residual.data != nullptr ? rest() : V(Real(-0.0)));
    else if (residual.data != nullptr)
      value = value + rest();
    return value;
  }

  /// Whether a sum is left as it is.
  [[nodiscard]] bool is_identity() const {
    return alpha == Real(1) && bias.data == nullptr && activation == Activation::none && scale.data == nullptr && residual.data == nullptr;
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Epilogue at_batch(std::int64_t batch) const {
    Epilogue one = *this;
    if (residual.data != nullptr) one.residual = residual.at_batch(batch);
    return one;
  }
};

/// The problem: `batches` products (rows x inner) (inner x columns). With `symmetric` the result is known to be so: the part above the diagonal is copied
/// from below.
template <class A, class B, class Output, class EpilogueType, class RightMatrix = StridedMatrix<B const>>
struct MatmulProblem {
  using Left   = A;
  using Stored = B;
  using Target = Output;
  using Right  = RightMatrix;

  StridedMatrix<A const> a;
  Right b;
  StridedMatrix<Output> output;
  EpilogueType epilogue;
  std::int64_t batches = 1, rows = 0, columns = 0, inner = 0;
  bool symmetric  = false;
  bool accumulate = false;  ///< sums start from what the output holds
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
