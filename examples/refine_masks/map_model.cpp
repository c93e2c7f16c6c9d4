// SPDX-License-Identifier: Apache-2.0

#include "map_model.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

#include <ocellus/io/load_parameters.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/mae/weights.hpp>

#include "support/mae_report.hpp"
#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

namespace fs = std::filesystem;

TrainingSettings training_settings(Settings const& settings) {
  TrainingSettings training;
  training.model         = {.image_size       = settings.crop,
                            .patch_size       = settings.patch,
                            .channels         = 1,
                            .width            = settings.width,
                            .depth            = settings.depth,
                            .heads            = settings.width / 32,
                            .decoder_width    = 64,
                            .decoder_depth    = 2,
                            .decoder_heads    = 4,
                            .channel_agnostic = false};
  training.steps         = settings.train_steps;
  training.warmup        = std::max<std::int64_t>(1, training.steps / 20);
  training.batch         = 16;
  training.learning_rate = 2e-3;
  training.ratio         = settings.ratio;
  training.seed          = settings.seed;
  training.standardize   = false;
  training.lattice       = settings.passes == 4;
  return training;
}

/// Windows of one and a half crops round the nuclei, so that no crop is far from all of them. Beyond the edge there is background.
CropPool windows(Fields const& fields, std::int64_t crop, bool held_out) {
  CropPool pool;
  std::int64_t const side = crop + crop / 2;
  for (auto const& field : fields.fields) {
    if (field.truth.size() == 0 || field.held_out != held_out) continue;
    for (auto const& nucleus : field.nuclei) {
      io::Image window{io::PixelType::uint8, 1, 1, side, side, std::vector<std::byte>(static_cast<std::size_t>(side * side))};
      auto const top  = std::clamp<std::int64_t>(nucleus.first - side / 2, 0, std::max<std::int64_t>(0, field.height() - side)),
                 left = std::clamp<std::int64_t>(nucleus.second - side / 2, 0, std::max<std::int64_t>(0, field.width() - side));
      for (std::int64_t y = 0; y < std::min(side, field.height() - top); ++y) {
        for (std::int64_t x = 0; x < std::min(side, field.width() - left); ++x)
          window.bytes[static_cast<std::size_t>(y * side + x)] = std::byte(field.truth(top + y, left + x) != 0 ? 255 : 0);
      }
      pool.add(field.name, std::move(window), crop);
    }
  }
  return pool;
}

std::int64_t number_of(io::Safetensors const& file, fs::path const& path, char const* name) {
  auto const found         = file.metadata.find(name);
  std::string const text   = found == file.metadata.end() ? std::string() : found->second;
  std::int64_t value       = 0;
  auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < 1)
    throw UserError(path.string() + ": the metadata does not say " + name + " (\"" + text + "\")");
  return value;
}

}  // namespace

MapModel learn_maps(Settings const& settings, Fields const& fields) {
  MapModel model;
  model.learned   = true;
  model.settings  = training_settings(settings);
  auto const pool = windows(fields, settings.crop, false), others = windows(fields, settings.crop, true);
  if (pool.images() == 0) throw UserError("the label maps to learn from hold no nucleus");
  auto const folder = settings.out / "training";
  fs::create_directories(folder);
  if (settings.fresh) fs::remove(folder / "checkpoint.safetensors");
  MaeTraining training(folder, model.settings, pool, MaeTraining::OtherSettings::begin_anew);
  {
    auto const earlier = static_cast<std::size_t>(training.resumed());
    Progress progress("Learning", static_cast<std::size_t>(model.settings.steps));
    training.run(200, [&](TrainingLog const& log) {
      std::size_t const first = log.steps() > 50 ? log.steps() - 50 : 0;
      double const mean =
          std::accumulate(log.loss.begin() + static_cast<std::ptrdiff_t>(first), log.loss.end(), 0.0) / static_cast<double>(log.steps() - first);
      progress.update(log.steps(), earlier, "loss " + number(mean));
    });
  }
  model.log  = training.log();
  model.seen = reconstruct(model.settings, training.table(), training.parameters(), pool, 64);
  if (others.images() > 0) model.held_out = reconstruct(model.settings, training.table(), training.parameters(), others, 64);
  model.table         = training.table();
  model.parameters    = training.parameters();
  model.heads         = model.settings.model.heads;
  model.decoder_heads = model.settings.model.decoder_heads;
  model.side          = settings.crop;
  model.patch         = settings.patch;
  model.file          = folder / "model.safetensors";
  model.description   = describe(model.settings);
  return model;
}

MapModel read_map_model(fs::path const& path) {
  auto const file = io::read_safetensors(path);
  MapModel model;
  for (auto const& tensor : file.tensors) model.table.add(tensor.name, tensor.extents);
  auto const* const kernel = model.table.find("patch_embed.proj.weight");
  if (kernel == nullptr || kernel->extents.size() != 4 || model.table.find("decoder_pred.weight") == nullptr)
    throw UserError(path.string() + " holds no standard masked autoencoder with its decoder (model.safetensors of train_mae --channel-agnostic false does)");
  if (kernel->extents[1] != 1) throw UserError(path.string() + " is a model of " + std::to_string(kernel->extents[1]) + " channels; label maps have one");
  model.parameters = HostTensor<float*>("ocellus::examples::parameters", model.table.size());
  static_cast<void>(io::load_parameters(file, model.table, model.parameters));
  model.heads         = number_of(file, path, "heads");
  model.decoder_heads = number_of(file, path, "decoder_heads");
  model.side          = number_of(file, path, "image_size");
  model.patch         = kernel->extents[2];
  if (model.side % model.patch != 0)
    throw UserError(path.string() + ": image_size is " + std::to_string(model.side) + ", no multiple of the patch, " + std::to_string(model.patch));
  try {
    static_cast<void>(mae::masked_autoencoder_weights(model.table, model.parameters, false));
  } catch (std::invalid_argument const& error) {
    throw UserError(path.string() + ": " + error.what());
  }
  model.description = "the model of " + path.filename().string() + ", which was learned elsewhere";
  model.file        = path;
  return model;
}

}  // namespace ocellus::examples
