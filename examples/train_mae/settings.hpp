// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "support/mae_training.hpp"

namespace ocellus::examples {

/// What the user asked for; what is not given comes with the size.
struct Settings {
  std::filesystem::path images, plate, out = "out/train_mae";
  std::string size = "tiny";
  std::optional<std::int64_t> crop, patch, width, depth, heads, decoder_width, decoder_depth, decoder_heads, warmup;
  std::optional<bool> channel_agnostic;
  std::int64_t checkpoint_every = 100;
  double memory                 = 4;  ///< GiB of images
  TrainingSettings training;
};

/// Fills `training.model` for images of `channels` channels.
///
/// Errors: UserError when there is no such size, or when sizes do not fit each other.
void choose_model(Settings& settings, std::int64_t channels);

/// Side of the crops, which reading the images needs before the model is chosen.
std::int64_t crop_side(Settings const& settings);

}  // namespace ocellus::examples
