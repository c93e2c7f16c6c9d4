// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include <ocellus/core/tensor.hpp>

namespace ocellus::examples {

/// A linear classifier: the score of class k is weights[k] . row + bias[k], and the largest score wins.
struct LinearProbe {
  HostTensor<double**> weights;  ///< (classes, features), for features as they are
  std::vector<double> bias;

  [[nodiscard]] std::size_t predict(HostTensor<float**> const& features, std::size_t row) const;
};

/// Ridge regression of the classes, one-hot, on standardised features; each class has the same weight in all, however many rows it has.
///
/// `rows` are the rows of `features` to learn from, `classes` their classes 0 .. count - 1. `penalty` is relative to the variance of a feature.
LinearProbe fit_linear_probe(HostTensor<float**> const& features, std::vector<std::size_t> const& rows, std::vector<std::size_t> const& classes,
                             std::size_t count, double penalty);

/// Mean over the classes of the share of their rows that probes recognise which have not seen the row's fold.
double cross_validated_accuracy(HostTensor<float**> const& features, std::vector<std::size_t> const& rows, std::vector<std::size_t> const& classes,
                                std::size_t count, std::vector<std::size_t> const& folds, double penalty);

}  // namespace ocellus::examples
