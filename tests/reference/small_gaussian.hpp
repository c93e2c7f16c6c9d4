// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <Eigen/Dense>

namespace ocellus::reference {

/// A of a pixel: by rows into the upper left triangle.
inline Eigen::MatrixXd upper_left_factor(std::vector<double> const& entries, int size) {
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(size, size);
  std::size_t next  = 0;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size - i; ++j) a(i, j) = entries[next++];
  }
  return a;
}

/// (Sx^-1 + I/s)^-1 (Sx^-1 mean + noisy/s), with inverses as written.
inline Eigen::VectorXd gaussian_posterior(Eigen::VectorXd const& mean, Eigen::MatrixXd const& a, Eigen::VectorXd const& noisy, double sigma) {
  Eigen::MatrixXd const one = Eigen::MatrixXd::Identity(a.rows(), a.rows()), inverse = (a.transpose() * a + 1e-5 * one).inverse();
  double const s = sigma * sigma + 1e-5;
  return (inverse + one / s).inverse() * (inverse * mean + noisy / s);
}

/// r^T S^-1 r / 2 + log det S / 2
inline double gaussian_term(Eigen::VectorXd const& mean, Eigen::MatrixXd const& a, Eigen::VectorXd const& truth, double sigma) {
  Eigen::MatrixXd const s = a.transpose() * a + (sigma * sigma + 1e-5) * Eigen::MatrixXd::Identity(a.rows(), a.rows());
  Eigen::VectorXd const r = truth - mean;
  return 0.5 * r.dot(s.inverse() * r) + 0.5 * std::log(s.determinant());
}

}  // namespace ocellus::reference
