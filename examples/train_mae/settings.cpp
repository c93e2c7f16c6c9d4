// SPDX-License-Identifier: Apache-2.0

#include "settings.hpp"

#include <algorithm>

#include "support/user_error.hpp"

namespace ocellus::examples {
std::int64_t crop_side(Settings const& settings) { return settings.crop.value_or(named_model(settings.size).image_size); }

void choose_model(Settings& settings, std::int64_t channels) {
  auto model             = named_model(settings.size);
  model.image_size       = settings.crop.value_or(model.image_size);
  model.patch_size       = settings.patch.value_or(model.patch_size);
  model.width            = settings.width.value_or(model.width);
  model.depth            = settings.depth.value_or(model.depth);
  model.heads            = settings.heads.value_or(model.heads);
  model.decoder_width    = settings.decoder_width.value_or(model.decoder_width);
  model.decoder_depth    = settings.decoder_depth.value_or(model.decoder_depth);
  model.decoder_heads    = settings.decoder_heads.value_or(model.decoder_heads);
  model.channel_agnostic = settings.channel_agnostic.value_or(model.channel_agnostic);
  model.channels         = channels;
  auto const fits        = [](std::string const& whole, std::int64_t size, std::string const& part, std::int64_t of) {
    if (size % of != 0) throw UserError(whole + " is " + std::to_string(size) + ", which is not a multiple of " + part + ", " + std::to_string(of));
  };
  fits("--crop", model.image_size, "--patch", model.patch_size);
  fits("--width", model.width, "--heads", model.heads);
  fits("--width", model.width, "what the position table needs", 4);
  fits("--decoder-width", model.decoder_width, "--decoder-heads", model.decoder_heads);
  fits("--decoder-width", model.decoder_width, "what the decoder needs", model.channel_agnostic ? 8 : 4);
  auto& training  = settings.training;
  training.model  = model;
  training.warmup = std::min(settings.warmup.value_or(std::max<std::int64_t>(1, training.steps / 20)), training.steps);
}

}  // namespace ocellus::examples
