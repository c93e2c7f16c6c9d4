// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "plate_table.hpp"
#include "settings.hpp"

namespace ocellus::examples {

class Embedder;

/// Width in pixels of the ring round a nucleus that stands for its cytoplasm.
constexpr std::int64_t ring_width = 5;

/// A site's images as floats in units of their full scale (0 to 1 for 8- and 16-bit files).
struct SiteImages {
  HostTensor<float***> channels;  ///< (C, H, W)
};

/// What is known of the cells of one site; rows of all arrays are cells, in the order of their labels.
struct SiteProfile {
  HostTensor<std::int32_t**> labels;  ///< (H, W), 0 is background
  HostTensor<float**> centres;        ///< (cells, 2): y, x in pixels
  HostTensor<float**> simple;         ///< (cells, features)
  HostTensor<float**> embedding;      ///< (cells, width)

  [[nodiscard]] std::int64_t cells() const { return extent(centres, 0); }
};

/// Seconds that the parts of the work took, over all sites.
struct StageSeconds {
  double read = 0, segment = 0, measure = 0, embed = 0;
};

/// Errors: UserError when the images of a site differ in size or its region does not lie in them; io::FileError when a file is bad.
SiteImages read_site(Site const& site, std::vector<std::string> const& channels);

/// Names of the columns of `SiteProfile::simple`.
std::vector<std::string> simple_feature_names(std::vector<std::string> const& channels);

/// Finds the nuclei (or reads them), measures and embeds them.
SiteProfile profile_site(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder& embedder,
                         StageSeconds& seconds);

/// The name under which a site's profile is kept: a hash of its pixels, its labels, the settings that matter and the encoder.
std::string site_key(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder const& embedder);

/// Reads a kept profile; false where there is none or it cannot be read.
bool load_site(std::filesystem::path const& file, SiteProfile& profile);
void save_site(std::filesystem::path const& file, SiteProfile const& profile);

}  // namespace ocellus::examples
