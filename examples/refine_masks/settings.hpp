// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <ocellus/mae/refine_masks.hpp>

namespace ocellus::examples {

/// What the user asked for.
struct Settings {
  std::filesystem::path images, labels, probabilities, weights, out = "out/refine_masks";
  std::string only;                     ///< files whose name begins so; empty: all
  std::string ending;                   ///< images whose name, without extension, ends so; empty: all
  std::string note;                     ///< shown at the top of the report
  std::string uncertainty = "entropy";  ///< entropy, mutual_information, variance
  std::string reduce      = "mean";     ///< mean, max
  std::string blend       = "odds";     ///< odds, replace
  std::string context     = "mask";     ///< mask, mean
  double threshold        = 0.1;        ///< of a patch's score
  double noise            = 0.25;       ///< added for the noisy ensemble, as a share of the contrast of nuclei; 0: no such ensemble
  double diameter         = 20;         ///< of a nucleus, in pixels
  bool planted            = true;       ///< judge an ensemble with planted damage too
  bool fresh              = false;      ///< drop the model that an earlier run has learned
  std::int64_t passes = 4, rounds = 1, train_steps = 3500, crop = 32, patch = 4, width = 96, depth = 4;
  double ratio       = 0.25;  ///< share of patches hidden in training
  std::uint64_t seed = 1;

  [[nodiscard]] mae::Uncertainty uncertainty_kind() const {
    return uncertainty == "entropy" ? mae::Uncertainty::entropy : uncertainty == "variance" ? mae::Uncertainty::variance : mae::Uncertainty::mutual_information;
  }
  [[nodiscard]] mae::PatchReduction reduction() const { return reduce == "max" ? mae::PatchReduction::max : mae::PatchReduction::mean; }
};

}  // namespace ocellus::examples
