// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace ocellus::examples {

/// What the user asked for.
struct Settings {
  std::filesystem::path images, plate, labels, weights, out = "out/profile_plate";
  std::string nucleus_channel;       ///< empty: found by name
  std::string note;                  ///< shown at the top of the report
  double nucleus_diameter  = 0;      ///< pixels; 0: the segmentation's default
  std::int64_t crop        = 64;     ///< side of a cell's crop in image pixels
  std::int64_t components  = 64;     ///< principal components kept before whitening
  std::uint64_t seed       = 1;      ///< of the untrained encoder
  bool untrained           = false;  ///< without weights: take an untrained encoder
  std::int64_t train_steps = 800;    ///< without weights: steps of training on the cells found
  bool fresh               = false;  ///< forget what an earlier run kept
};

}  // namespace ocellus::examples
