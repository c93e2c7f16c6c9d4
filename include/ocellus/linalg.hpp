// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/linalg/activation.hpp>
#include <ocellus/linalg/batched_matmul.hpp>
#include <ocellus/linalg/covariance.hpp>
#include <ocellus/linalg/gram.hpp>
#include <ocellus/linalg/log_sum_exp.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/pack_matrix.hpp>
#include <ocellus/linalg/pairwise_distances.hpp>
#include <ocellus/linalg/pairwise_squared_distances.hpp>
#include <ocellus/linalg/softmax.hpp>
#include <ocellus/linalg/spd_inverse_sqrt.hpp>
#include <ocellus/linalg/spd_sqrt.hpp>
#include <ocellus/linalg/svd.hpp>
#include <ocellus/linalg/symmetric_eigen.hpp>
