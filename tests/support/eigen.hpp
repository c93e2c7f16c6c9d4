// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Eigen's decompositions are compiled once for all test programs (eigen.cpp) and not again in each file: that halves the time of the files that use them.

#include <Eigen/Dense>

extern template class Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;
extern template class Eigen::JacobiSVD<Eigen::MatrixXd>;
extern template class Eigen::BDCSVD<Eigen::MatrixXd>;
