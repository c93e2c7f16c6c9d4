// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ocellus::vit {

/// In place of a scalar in the structs of weights: their Views then hold the gradients of the weights, and are written.
template <class Scalar>
struct Gradient {};

namespace detail {

template <class Scalar>
struct WeightElement {
  using type = Scalar const;
};
template <class Scalar>
struct WeightElement<Gradient<Scalar>> {
  using type = Scalar;
};

}  // namespace detail
}  // namespace ocellus::vit
