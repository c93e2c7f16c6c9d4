// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "settings.hpp"
#include "support/site_images.hpp"

namespace ocellus::examples {

class Embedder;

/// Width in pixels of the ring round a nucleus that stands for its cytoplasm.
constexpr std::int64_t ring_width = 5;

/// What is known of the cells of one site; rows of all arrays are cells, in the order of their labels.
struct SiteProfile {
  HostTensor<std::int32_t**> labels;  ///< (H, W), 0 is background
  HostTensor<float**> centres;        ///< (cells, 2): y, x in pixels
  HostTensor<float**> simple;         ///< (cells, features)
  HostTensor<float**> embedding;      ///< (cells, width)
  HostTensor<float**> untrained;      ///< (cells, width): of the untrained encoder, where `embedding` comes from one that was trained on these cells

  [[nodiscard]] std::int64_t cells() const { return extent(centres, 0); }
};

/// Seconds that the parts of the work took, over all sites.
struct StageSeconds {
  double read = 0, segment = 0, measure = 0, embed = 0;
};

/// Names of the columns of `SiteProfile::simple`.
std::vector<std::string> simple_feature_names(std::vector<std::string> const& channels);

/// Finds the nuclei (or reads them), measures and embeds them.
SiteProfile profile_site(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder& embedder,
                         StageSeconds& seconds);

/// Squares of `side` pixels round the centres: (cells, C, side, side). The image is mirrored at its edges.
HostTensor<float****> cell_crops(SiteImages const& images, HostTensor<float**> const& centres, std::int64_t side);

/// Moves the embeddings to `untrained` and embeds the cells anew; what an earlier run kept in `kept` is taken from there.
void embed_again(std::vector<Site> const& sites, std::vector<std::string> const& channels, std::filesystem::path const& kept, bool fresh,
                 Embedder const& embedder, std::vector<SiteProfile>& profiles, StageSeconds& seconds);

/// The name under which a site's profile is kept: a hash of its pixels, its labels, the settings that matter and the encoder.
std::string site_key(Site const& site, SiteImages const& images, std::size_t nucleus_channel, Settings const& settings, Embedder const& embedder);

/// Reads a kept profile; false where there is none or it cannot be read.
bool load_site(std::filesystem::path const& file, SiteProfile& profile);
void save_site(std::filesystem::path const& file, SiteProfile const& profile);

}  // namespace ocellus::examples
