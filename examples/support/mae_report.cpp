// SPDX-License-Identifier: Apache-2.0

#include "mae_report.hpp"

#include <algorithm>

#include "picture.hpp"
#include "svg.hpp"

namespace ocellus::examples {
namespace {

/// Means of the losses over parts of equal length, at most `most` parts.
LinePlot loss_curve(TrainingLog const& log, Reconstruction const& r, std::size_t most) {
  std::size_t const width = std::max<std::size_t>(1, (log.steps() + most - 1) / most);
  LinePlot plot{"step", "loss", {{"loss", {}}, {"channel's mean", {}}, {"hidden patch's own mean", {}}}, static_cast<double>(width)};
  for (std::size_t first = 0; first < log.steps(); first += width) {
    std::size_t const last = std::min(log.steps(), first + width);
    double sum             = 0;
    for (std::size_t s = first; s < last; ++s) sum += static_cast<double>(log.loss[s]);
    plot.series[0].values.push_back(sum / static_cast<double>(last - first));
    plot.series[1].values.push_back(r.mean);
    plot.series[2].values.push_back(r.patch_mean);
  }
  return plot;
}

/// Rows: crops, crops with the hidden patches painted over, crops with the hidden patches predicted.
Picture sheet(Reconstruction const& r, std::int64_t channel, std::int64_t shown) {
  constexpr std::array<std::uint8_t, 3> curtain = {70, 84, 110};
  std::int64_t const side = extent(r.crops, 2), count = side * side, channels = extent(r.crops, 1);
  auto const at = [&](std::int64_t n) { return (n * channels + channel) * count; };
  std::vector<float> all;
  for (std::int64_t n = 0; n < shown; ++n) all.insert(all.end(), r.crops.data() + at(n), r.crops.data() + at(n) + count);
  std::vector<DisplayRange> const range = {display_range(all.data(), all.size())};
  std::vector<Picture> tiles(static_cast<std::size_t>(3 * shown));
  for (std::int64_t n = 0; n < shown; ++n) {
    float const* const crop          = r.crops.data() + at(n);
    std::uint8_t const* const hidden = r.hidden.data() + at(n);
    std::vector<float> predicted(crop, crop + count);
    Picture original = composite(crop, 1, side, side, range), masked = original;
    for (std::int64_t i = 0; i < count; ++i) {
      if (hidden[i] == 0) continue;
      predicted[static_cast<std::size_t>(i)] = r.prediction.data()[at(n) + i];
      std::copy(curtain.begin(), curtain.end(), masked.rgb.data() + 3 * i);
    }
    tiles[static_cast<std::size_t>(n)]             = std::move(original);
    tiles[static_cast<std::size_t>(shown + n)]     = std::move(masked);
    tiles[static_cast<std::size_t>(2 * shown + n)] = composite(predicted.data(), 1, side, side, range);
  }
  return montage(tiles, shown, 3);
}

}  // namespace

std::string describe(TrainingSettings const& settings) {
  auto const& m = settings.model;
  return std::string(m.channel_agnostic ? "a channel-agnostic" : "a") + " masked autoencoder: encoder width " + std::to_string(m.width) + ", " +
         std::to_string(m.depth) + " blocks, " + std::to_string(m.heads) + " heads, patches of " + std::to_string(m.patch_size) + " pixels, crops of " +
         std::to_string(m.image_size) + "; decoder width " + std::to_string(m.decoder_width) + ", " + std::to_string(m.decoder_depth) +
         (m.decoder_depth == 1 ? " block; " : " blocks; ") + std::to_string(settings.steps) + " steps of " + std::to_string(settings.batch) + " crops, " +
         number(100 * settings.ratio) + " % of the patches hidden";
}

void add_training(HtmlReport& report, TrainingSettings const& settings, TrainingLog const& log, Reconstruction const& r,
                  std::vector<std::string> const& channels) {
  report.paragraph("Trained: " + describe(settings) + (settings.standardize ? ". Nothing was labelled: the" : ". The") +
                   " model sees a part of the patches of each crop and learns to fill in the rest.");
  report.figure(svg(loss_curve(log, r, 200)),
                std::string("Mean squared error on hidden patches") + (settings.standardize ? ", in units of the variance of the crop's channel." : "."));
  report.table({"prediction of hidden patches", "mean squared error"}, {{"the model", number(r.loss)},
                                                                        {"the mean of the crop's channel, everywhere", number(r.mean)},
                                                                        {"each hidden patch's own true mean", number(r.patch_mean)}});
  report.paragraph(
      "The second prediction of the table needs no model; the third knows what no model is told, so a model that comes near it has learned how "
      "bright each hidden patch is, and one that falls below it draws structure inside of patches too. Measured on " +
      std::to_string(extent(r.crops, 0)) + " crops that no step has drawn.");
  std::int64_t const side = extent(r.crops, 2), shown = std::min<std::int64_t>(extent(r.crops, 0), std::max<std::int64_t>(3, 640 / side));
  for (std::int64_t c = 0; c < extent(r.crops, 1); ++c) {
    auto const picture = sheet(r, c, shown);
    report.figure(HtmlReport::picture(png_bytes(picture), "",
                                      static_cast<int>(std::min<std::int64_t>(940, picture.width * std::max<std::int64_t>(1, 900 / picture.width)))),
                  channels[static_cast<std::size_t>(c)] + ": crops; what the model is shown of them; what it makes of the hidden patches.");
  }
}

}  // namespace ocellus::examples
