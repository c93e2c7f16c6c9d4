// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "denoise.hpp"
#include "settings.hpp"

namespace ocellus::examples {

/// Writes denoised.tif, figure.png, metrics.json and report.html into the output folder, each whole or not at all, the report last.
void write_outputs(Denoised const& result, Settings const& settings);

/// The mean of the numbers that are finite; NaN of none.
double mean_of(std::vector<double> const& values);

}  // namespace ocellus::examples
