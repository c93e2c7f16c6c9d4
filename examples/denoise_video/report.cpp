// SPDX-License-Identifier: Apache-2.0

#include "report.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/tiff.hpp>

#include "support/html_report.hpp"
#include "support/picture.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

std::string method_text(Settings const& s) {
  if (s.method == "exponential") return "exponential mean, alpha " + number(s.alpha);
  std::string const window = " of " + std::to_string(s.window) + " frames, ends: " + s.edge;
  if (s.method == "profile") return "weighted mean" + window + ", level " + number(s.level) + ": the frame itself has weight 0";
  return s.method + window;
}

/// The first channel less what the filter made of it: grey is 0. Four noise deviations reach black and white.
Picture residual(Denoised const& r, double sigma) {
  std::int64_t const height = r.clip.height, width = r.clip.width;
  Picture picture{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
  double const reach = std::isfinite(sigma) && sigma > 0 ? 4 * sigma : 1.0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(width * height); ++i) {
    double const difference = static_cast<double>(r.before[i]) - static_cast<double>(r.after[i]);
    double const level      = std::isfinite(difference) ? std::clamp(0.5 + 0.5 * difference / reach, 0.0, 1.0) : 0.5;
    for (std::size_t k = 0; k < 3; ++k) picture.rgb[i * 3 + k] = static_cast<std::uint8_t>(std::lround(255 * level));
  }
  return picture;
}

/// The part of a picture round a place, magnified so that single pixels are seen.
Picture magnified(Picture const& picture, std::int64_t row, std::int64_t column, std::int64_t side, std::int64_t factor) {
  side                    = std::min({side, picture.width, picture.height});
  std::int64_t const top  = std::clamp<std::int64_t>(row - side / 2, 0, picture.height - side),
                     left = std::clamp<std::int64_t>(column - side / 2, 0, picture.width - side);
  Picture part{side * factor, side * factor, std::vector<std::uint8_t>(static_cast<std::size_t>(side * factor * side * factor * 3))};
  for (std::int64_t y = 0; y < part.height; ++y) {
    for (std::int64_t x = 0; x < part.width; ++x) {
      auto const from = static_cast<std::size_t>(((top + y / factor) * picture.width + left + x / factor) * 3);
      std::copy_n(picture.rgb.begin() + static_cast<std::ptrdiff_t>(from), 3, part.at(y, x));
    }
  }
  return part;
}

void outline_row(Picture& picture, std::int64_t row) {
  for (std::int64_t const x : {std::int64_t{0}, picture.width - 1}) {
    for (std::int64_t d = 0; d < std::min<std::int64_t>(8, picture.width); ++d) {
      std::uint8_t* const at = picture.at(row, x == 0 ? d : x - d);
      at[0] = 255, at[1] = 120, at[2] = 0;
    }
  }
}

}  // namespace

double mean_of(std::vector<double> const& values) {
  double sum = 0, count = 0;
  for (double const v : values) {
    if (std::isfinite(v)) sum += v, ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

void write_outputs(Denoised const& r, Settings const& s) {
  double const before = mean_of(r.noise_before), after = mean_of(r.noise_after);
  std::int64_t const channels = r.clip.channels, height = r.clip.height, width = r.clip.width;
  std::vector<DisplayRange> ranges;
  for (std::int64_t c = 0; c < channels; ++c) ranges.push_back(display_range(r.before.data() + c * height * width, static_cast<std::size_t>(height * width)));
  auto const first = composite(r.before.data(), channels, height, width, ranges), second = composite(r.after.data(), channels, height, width, ranges);
  auto const third = residual(r, before);
  auto const png   = png_bytes(montage({first, second, third}, 3, 4));

  nlohmann::ordered_json metrics;
  auto const real           = [](double v) { return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr); };
  metrics["input"]          = s.in.string();
  metrics["frames"]         = r.clip.pages;
  metrics["channels"]       = channels;
  metrics["height"]         = height;
  metrics["width"]          = width;
  metrics["method"]         = s.method;
  metrics["noise_before"]   = real(before);
  metrics["noise_after"]    = real(after);
  metrics["scale"]          = r.scale;
  metrics["clipped_pixels"] = r.clipped;
  metrics["seconds"]        = r.seconds;

  HtmlReport page("Denoised clip", s.in.filename().string() + ": " + std::to_string(r.clip.pages) + " frames of " + std::to_string(width) + " x " +
                                       std::to_string(height) + " pixels; " + method_text(s));
  if (!s.note.empty()) page.warning(s.note);
  if (r.clipped > 0)
    page.warning(std::to_string(r.clipped) + " pixels of the output were not finite or did not fit into 16 bits; they are stored as 0 or 65535.");
  page.section("How much noise is gone?");
  page.table({"", "before", "after"},
             {{"noise deviation, mean over frames", number(before), number(after)},
              {"in shown frame", number(r.noise_before[static_cast<std::size_t>(r.shown)]), number(r.noise_after[static_cast<std::size_t>(r.shown)])}});
  page.paragraph(
      "The deviation of Gaussian noise is estimated from each frame alone: the median of the finest diagonal wavelet details. It takes fine texture for noise, "
      "and a filter that "
      "blurs what moves lowers it too: look at the residual, which should show no structure.");
  page.section("Frame " + std::to_string(r.shown) + " before, after, and what was taken away");
  auto marked = first, marked_second = second;
  outline_row(marked, r.row);
  outline_row(marked_second, r.row);
  page.gallery({HtmlReport::picture(png_bytes(shrink(marked, 640)), "before"),
                HtmlReport::picture(png_bytes(shrink(marked_second, 640)), "after, in the same range"),
                HtmlReport::picture(png_bytes(shrink(third, 640)), "before less after (grey is 0, black and white are 4 noise deviations)")});
  page.gallery({HtmlReport::picture(png_bytes(magnified(first, r.row, r.column, 64, 5)), "before, magnified"),
                HtmlReport::picture(png_bytes(magnified(second, r.row, r.column, 64, 5)), "after, magnified"),
                HtmlReport::picture(png_bytes(magnified(third, r.row, r.column, 64, 5)), "before less after, magnified")});
  page.section("Along a line and over time");
  auto const line = [&](std::vector<float> const& image) {
    auto const start = image.begin() + static_cast<std::ptrdiff_t>(r.row * width);
    return std::vector<double>(start, start + static_cast<std::ptrdiff_t>(width));
  };
  page.figure(svg(LinePlot{"column", "value", {{"before", line(r.before)}, {"after", line(r.after)}}}),
              "Row " + std::to_string(r.row) + " of frame " + std::to_string(r.shown) + " (its ends are marked in the pictures): the row that changes most.");
  page.figure(svg(LinePlot{"frame", "value", {{"before", r.trace_before}, {"after", r.trace_after}}}),
              "The pixel at row " + std::to_string(r.row) + ", column " + std::to_string(r.column) + " in every frame.");
  page.figure(svg(LinePlot{"frame", "noise deviation", {{"before", r.noise_before}, {"after", r.noise_after}}}), "Estimated noise, frame by frame.");
  page.section("Files");
  page.paragraph("denoised.tif holds the clip in 16 bits" +
                 (r.scale == 1 ? std::string(", pixel values as they are.") : ": pixel values times " + number(r.scale) + ", rounded.") +
                 " figure.png shows the three pictures side by side in full size, metrics.json holds the numbers of this page.");

  io::write_tiff(s.out / "denoised.tif", r.clip);
  io::write_file_atomically(s.out / "figure.png", png.data(), png.size());
  io::write_file_atomically(s.out / "metrics.json", metrics.dump(2) + "\n");
  io::write_file_atomically(s.out / "report.html", page.page());
}

}  // namespace ocellus::examples
