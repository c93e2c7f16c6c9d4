// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/tensor.hpp>

#include "fields.hpp"

namespace ocellus::examples {

/// What the ensembles made here are, in a sentence for reports.
extern char const* const ensemble_text;

/// Eight segmentations of one image (H, W): two smoothings times four thresholds, each a soft step round its threshold -> (8, H, W) in 0..1.
HostTensor<float***> make_ensemble(HostTensor<float**> const& image, double diameter);

/// The image with Gaussian noise whose deviation is `share` of the contrast of nuclei (mean inside less mean outside), cut at 0.
HostTensor<float**> with_noise(Field const& field, double share, std::uint64_t seed, std::uint32_t number);

/// Squares of 10 pixels, one for every second nucleus, on its middle or its edge, where each member says nucleus or background for the whole square, by a throw
/// of a coin.
HostTensor<float***> with_damage(Field const& field, HostTensor<float***> const& probability, std::uint64_t seed, std::uint32_t number);

}  // namespace ocellus::examples
