// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/profiling/aggregate.hpp>
#include <ocellus/profiling/average_precision.hpp>
#include <ocellus/profiling/coral.hpp>
#include <ocellus/profiling/fit_arrays.hpp>
#include <ocellus/profiling/group_rows.hpp>
#include <ocellus/profiling/knn.hpp>
#include <ocellus/profiling/knn_classify.hpp>
#include <ocellus/profiling/mean_average_precision.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/nsc.hpp>
#include <ocellus/profiling/pca.hpp>
#include <ocellus/profiling/pca_center_scale.hpp>
#include <ocellus/profiling/similarity.hpp>
#include <ocellus/profiling/sphering.hpp>
#include <ocellus/profiling/tvn.hpp>
