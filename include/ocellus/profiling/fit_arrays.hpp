// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <ocellus/profiling/coral.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/pca.hpp>
#include <ocellus/profiling/pca_center_scale.hpp>
#include <ocellus/profiling/sphering.hpp>
#include <ocellus/profiling/tvn.hpp>

namespace ocellus::profiling {

/// Names every member of a fit, so that it can be saved and loaded: `io::save_fit` and `io::load_fit` call this.
///
///     for_each_array(fit, visitor) calls visitor(name, member) for each View, list of keys, flag and enumerator, always in the same order
///
/// fit: any of this module's fits, const or not. `prefix` stands before the names of a fit within a fit.
///
/// Errors: none. Error bound: exact. Determinism: exact.
/// Allocates: names. Synchronises: no.
template <class Fit, class Visitor>
  requires requires(Fit& fit) { fit.landmarks; }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  visitor(prefix + "method", fit.method);
  visitor(prefix + "keys", fit.keys);
  visitor(prefix + "centre", fit.centre);
  visitor(prefix + "scale", fit.scale);
  visitor(prefix + "landmarks", fit.landmarks);
  visitor(prefix + "counts", fit.counts);
}

/// The same for principal components.
template <class Fit, class Visitor>
  requires requires(Fit& fit) { fit.explained_variance; }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  visitor(prefix + "mean", fit.mean);
  visitor(prefix + "components", fit.components);
  visitor(prefix + "explained_variance", fit.explained_variance);
  visitor(prefix + "explained_variance_ratio", fit.explained_variance_ratio);
  visitor(prefix + "whiten", fit.whiten);
  visitor(prefix + "converged", fit.converged);
}

/// The same for sphering.
template <class Fit, class Visitor>
  requires requires(Fit& fit) { fit.zero_variance; }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  visitor(prefix + "mean", fit.mean);
  visitor(prefix + "scale", fit.scale);
  visitor(prefix + "weights", fit.weights);
  visitor(prefix + "full_rank", fit.full_rank);
  visitor(prefix + "zero_variance", fit.zero_variance);
  visitor(prefix + "converged", fit.converged);
}

/// The same for CORAL.
template <class Fit, class Visitor>
  requires requires(Fit& fit) { fit.transform; }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  visitor(prefix + "keys", fit.keys);
  visitor(prefix + "transform", fit.transform);
  visitor(prefix + "converged", fit.converged);
}

/// The same for typical variation normalisation.
template <class Fit, class Visitor>
  requires requires(Fit& fit) { fit.coral; }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  for_each_array(fit.first, visitor, prefix + "first.");
  for_each_array(fit.pca, visitor, prefix + "pca.");
  for_each_array(fit.second, visitor, prefix + "second.");
  for_each_array(fit.coral, visitor, prefix + "coral.");
}

/// The same for PCA with centre and scale.
template <class Fit, class Visitor>
  requires requires(Fit& fit) {
    fit.pca;
    fit.scale.landmarks;
  }
void for_each_array(Fit& fit, Visitor const& visitor, std::string const& prefix = "") {
  for_each_array(fit.pca, visitor, prefix + "pca.");
  for_each_array(fit.scale, visitor, prefix + "scale.");
}

}  // namespace ocellus::profiling
