// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/tensor.hpp>

#include "map_model.hpp"
#include "settings.hpp"

namespace ocellus::examples {

/// What became of one ensemble; all (H, W).
struct Refined {
  HostTensor<float**> mean, refined;                   ///< probability of nucleus before and after
  HostTensor<float**> entropy, information, variance;  ///< the ensemble's uncertainty
  HostTensor<std::uint8_t**> before, after;            ///< masks: above one half
  HostTensor<std::uint8_t**> uncertain;                ///< 1 in patches whose score is above the threshold
};

/// Refines a field of any size by windows of the model's size that overlap by half: each pixel comes from the window whose middle is nearest. Beyond the edges
/// the maps go on as they are there.
Refined refine(Settings const& settings, MapModel const& model, HostTensor<float***> const& probability);

}  // namespace ocellus::examples
