// SPDX-License-Identifier: Apache-2.0

#include <Eigen/Dense>

template class Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>;
template class Eigen::JacobiSVD<Eigen::MatrixXd>;
template class Eigen::BDCSVD<Eigen::MatrixXd>;
