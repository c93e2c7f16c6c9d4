// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/io/image_data.hpp>

#include "settings.hpp"

namespace ocellus::examples {

/// A clip before and after, as far as the report needs it.
struct Denoised {
  io::Image clip;                                 ///< 16 bits, pixel values times `scale`
  double scale        = 1;                        ///< stored number for a value of 1 of the input
  std::size_t clipped = 0;                        ///< pixels that were not finite or beyond 16 bits
  std::vector<double> noise_before, noise_after;  ///< a number a frame: the mean over its channels
  std::int64_t shown = 0, row = 0, column = 0;    ///< the frame of the figures, and where its lines are drawn
  std::vector<float> before, after;               ///< that frame, (channels, height, width), in the unit of the input
  std::vector<double> trace_before, trace_after;  ///< first channel at (row, column) over time
  double seconds = 0;                             ///< of filtering, without reading and writing
};

/// Runs the clip through the filter frame by frame.
///
/// Errors: `UserError` when the clip has too few frames or a setting does not fit it.
Denoised denoise(io::Image const& clip, Settings const& settings);

}  // namespace ocellus::examples
