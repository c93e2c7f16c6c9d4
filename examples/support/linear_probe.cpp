// SPDX-License-Identifier: Apache-2.0

#include "linear_probe.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Cholesky>

#include <ocellus/linalg/gram.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::examples {
namespace {

using Matrix  = HostTensor<double**>;
using Mapping = Eigen::Map<Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

Mapping mapped(Matrix const& matrix) { return {matrix.data(), static_cast<Eigen::Index>(matrix.extent(0)), static_cast<Eigen::Index>(matrix.extent(1))}; }

}  // namespace

std::size_t LinearProbe::predict(HostTensor<float**> const& features, std::size_t row) const {
  std::size_t best = 0;
  double highest   = 0;
  for (std::size_t k = 0; k < bias.size(); ++k) {
    double score = bias[k];
    for (std::size_t f = 0; f < features.extent(1); ++f) score += weights(k, f) * static_cast<double>(features(row, f));
    if (k == 0 || score > highest) {
      highest = score;
      best    = k;
    }
  }
  return best;
}

LinearProbe fit_linear_probe(HostTensor<float**> const& features, std::vector<std::size_t> const& rows, std::vector<std::size_t> const& classes,
                             std::size_t count, double penalty) {
  std::size_t const n = rows.size(), width = features.extent(1);
  std::vector<std::size_t> sizes(count, 0);
  for (std::size_t const k : classes) ++sizes[k];
  auto const present = static_cast<double>(count) - static_cast<double>(std::count(sizes.begin(), sizes.end(), std::size_t{0}));
  // Weights of the rows, which add to 1.
  std::vector<double> weight(n);
  for (std::size_t i = 0; i < n; ++i) weight[i] = 1.0 / (present * static_cast<double>(sizes[classes[i]]));

  std::vector<double> mean(width, 0), scale(width, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < width; ++f) mean[f] += weight[i] * static_cast<double>(features(rows[i], f));
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t f = 0; f < width; ++f) {
      double const d = static_cast<double>(features(rows[i], f)) - mean[f];
      scale[f] += weight[i] * d * d;
    }
  }
  for (double& s : scale) s = s > 1e-20 ? 1.0 / std::sqrt(s) : 0.0;

  // Rows and targets times the root of their weight, so that plain least squares is weighted.
  auto const x = make_host_tensor<double**>("ocellus::examples::probe_rows", n, width), y = make_host_tensor<double**>("ocellus::examples::targets", n, count);
  std::vector<double> target_mean(count);
  for (std::size_t k = 0; k < count; ++k) target_mean[k] = sizes[k] > 0 ? 1.0 / present : 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    double const root = std::sqrt(weight[i]);
    for (std::size_t f = 0; f < width; ++f) x(i, f) = root * (static_cast<double>(features(rows[i], f)) - mean[f]) * scale[f];
    for (std::size_t k = 0; k < count; ++k) y(i, k) = root * ((classes[i] == k ? 1.0 : 0.0) - target_mean[k]);
  }

  // (X^T X + penalty) W = X^T Y, or W = X^T (X X^T + penalty)^-1 Y, whichever system is smaller.
  bool const primal       = width <= n;
  std::size_t const order = primal ? width : n;
  Kokkos::DefaultHostExecutionSpace const host;
  auto const system = make_host_tensor<double**>("ocellus::examples::system", order, order);
  linalg::gram(host, x, system, {.of = primal ? linalg::GramOf::columns : linalg::GramOf::rows});
  host.fence();
  for (std::size_t i = 0; i < order; ++i) system(i, i) += penalty;
  auto const product = [&](Matrix const& right) {  // X^T right
    auto const result = make_host_tensor<double**>("ocellus::examples::product", width, count);
    linalg::matmul(host, x, right, result, {.transpose_a = true});
    host.fence();
    return result;
  };
  Matrix solution  = primal ? product(y) : y;
  mapped(solution) = mapped(system).llt().solve(mapped(solution)).eval();
  if (!primal) solution = product(solution);

  LinearProbe probe{make_host_tensor<double**>("ocellus::examples::probe", count, width), target_mean};
  for (std::size_t k = 0; k < count; ++k) {
    for (std::size_t f = 0; f < width; ++f) {
      probe.weights(k, f) = solution(f, k) * scale[f];
      probe.bias[k] -= probe.weights(k, f) * mean[f];
    }
  }
  return probe;
}

double cross_validated_accuracy(HostTensor<float**> const& features, std::vector<std::size_t> const& rows, std::vector<std::size_t> const& classes,
                                std::size_t count, std::vector<std::size_t> const& folds, double penalty) {
  std::vector<double> right(count, 0), seen(count, 0);
  std::size_t const last = *std::max_element(folds.begin(), folds.end());
  for (std::size_t fold = 0; fold <= last; ++fold) {
    std::vector<std::size_t> learned_rows, learned_classes;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] == fold) continue;
      learned_rows.push_back(rows[i]);
      learned_classes.push_back(classes[i]);
    }
    auto const probe = fit_linear_probe(features, learned_rows, learned_classes, count, penalty);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (folds[i] != fold) continue;
      seen[classes[i]] += 1;
      right[classes[i]] += probe.predict(features, rows[i]) == classes[i] ? 1 : 0;
    }
  }
  double sum = 0;
  for (std::size_t k = 0; k < count; ++k) sum += right[k] / seen[k];
  return sum / static_cast<double>(count);
}

}  // namespace ocellus::examples
