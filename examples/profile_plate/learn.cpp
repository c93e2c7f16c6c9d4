// SPDX-License-Identifier: Apache-2.0

#include "learn.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <ocellus/core/random.hpp>

#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

/// Pixels by which a cell may lie off the middle of a crop.
constexpr std::int64_t jitter = 4;
/// Bytes of crops held: of more cells a part is drawn.
constexpr std::size_t memory = std::size_t{1} << 28;

TrainingSettings small_model(Settings const& settings, std::int64_t channels) {
  TrainingSettings training;
  training.model            = named_model("tiny");
  training.model.image_size = settings.crop;
  training.model.channels   = channels;
  training.steps            = settings.train_steps;
  training.warmup           = std::max<std::int64_t>(1, training.steps / 20);
  training.batch            = 32;
  training.learning_rate    = 2e-3;
  training.layer_scale      = 0.1;
  training.seed             = settings.seed;
  return training;
}

/// Which cells are shown in training: all, or as many as memory holds, drawn evenly.
std::vector<char> drawn_cells(std::size_t cells, std::size_t most, std::uint64_t seed) {
  std::vector<std::size_t> order(cells);
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomSequence const random{.seed = seed, .stream = RandomStream::permutation, .step = 0, .sample = 0};
  std::vector<std::uint32_t> key(cells);
  for (std::size_t i = 0; i < cells; ++i) key[i] = random.bits(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
  std::vector<char> drawn(cells, 0);
  for (std::size_t i = 0; i < std::min(cells, most); ++i) drawn[order[i]] = 1;
  return drawn;
}

CropPool cell_pool(Settings const& settings, PlateTable const& table, std::vector<SiteProfile> const& sites) {
  std::int64_t const side = settings.crop + 2 * jitter;
  std::size_t cells       = 0;
  for (auto const& site : sites) cells += static_cast<std::size_t>(site.cells());
  std::size_t const one = table.channels.size() * static_cast<std::size_t>(side * side) * sizeof(float);
  auto const drawn      = drawn_cells(cells, std::max<std::size_t>(1, memory / one), settings.seed);
  CropPool pool;
  std::size_t cell = 0;
  for (std::size_t s = 0; s < sites.size(); ++s) {
    if (sites[s].cells() == 0) continue;
    auto const crops = cell_crops(read_site(table.sites[s], table.channels), sites[s].centres, side);
    for (std::int64_t i = 0; i < sites[s].cells(); ++i, ++cell) {
      if (drawn[cell] == 0) continue;
      io::Image image{io::PixelType::float32, 1, extent(crops, 1), side, side, std::vector<std::byte>(one)};
      std::memcpy(image.bytes.data(), crops.data() + static_cast<std::size_t>(i) * one / sizeof(float), one);
      pool.add("a cell", std::move(image), settings.crop);
    }
  }
  return pool;
}

}  // namespace

Learned learn(Settings const& settings, PlateTable const& table, std::vector<SiteProfile> const& sites) {
  Learned learned;
  auto const pool   = cell_pool(settings, table, sites);
  learned.settings  = small_model(settings, pool.channels());
  auto const folder = settings.out / "training";
  std::filesystem::create_directories(folder);
  if (settings.fresh) std::filesystem::remove(folder / "checkpoint.safetensors");
  MaeTraining training(folder, learned.settings, pool, MaeTraining::OtherSettings::begin_anew);
  {
    auto const earlier = static_cast<std::size_t>(training.resumed());
    Progress progress("Learning", static_cast<std::size_t>(learned.settings.steps));
    training.run(200, [&](TrainingLog const& log) {
      std::size_t const first = log.steps() > 50 ? log.steps() - 50 : 0;
      double const mean =
          std::accumulate(log.loss.begin() + static_cast<std::ptrdiff_t>(first), log.loss.end(), 0.0) / static_cast<double>(log.steps() - first);
      progress.update(log.steps(), earlier, "loss " + number(mean));
    });
  }
  learned.log            = training.log();
  learned.reconstruction = reconstruct(learned.settings, training.table(), training.parameters(), pool, 64);
  learned.model          = folder / "model.safetensors";
  return learned;
}

}  // namespace ocellus::examples
