// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace ocellus::examples {

/// What the user asked for.
struct Settings {
  std::filesystem::path in, out = "out/denoise_video";
  std::string method = "median";   ///< median, mean, profile, exponential
  std::string edge   = "reflect";  ///< reflect, clamp
  std::string note;                ///< shown at the top of the report
  std::int64_t window = 5;
  double alpha        = 0.3;  ///< of exponential
  double level        = 1;    ///< of profile
  std::int64_t frame  = -1;   ///< shown in the figures; -1: the middle one
};

}  // namespace ocellus::examples
