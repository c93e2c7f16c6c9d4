// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "settings.hpp"
#include "site_profile.hpp"
#include "support/mae_training.hpp"
#include "support/plate_table.hpp"

namespace ocellus::examples {

/// An encoder that was trained on the cells of the plate themselves.
struct Learned {
  TrainingSettings settings;
  TrainingLog log;
  Reconstruction reconstruction;
  std::filesystem::path model;  ///< the file that the embedder reads
};

/// Trains a small channel-agnostic masked autoencoder on crops of the cells found, in OUT/training. A model that an earlier run left there is taken as it is
/// when crops and settings are the same.
///
/// Errors: UserError when the crop is no multiple of the patch or training fails; io::FileError when a file cannot be read or written.
Learned learn(Settings const& settings, PlateTable const& table, std::vector<SiteProfile> const& sites);

}  // namespace ocellus::examples
