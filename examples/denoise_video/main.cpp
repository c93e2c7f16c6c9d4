// SPDX-License-Identifier: Apache-2.0

// A noisy clip in, a clean one out: each pixel is filtered along time, frame by frame, and a report shows what was gained and what was taken away.

#include <cstdio>

#include <CLI/CLI.hpp>

#include <ocellus/io/image.hpp>

#include "denoise.hpp"
#include "report.hpp"
#include "settings.hpp"
#include "support/program.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* introduction =
    "Removes noise from a clip by a filter along time, each pixel by itself.\n\n"
    "In: a TIFF whose pages are the frames, 8, 16 or 32 bits or floating point.\n"
    "Out: denoised.tif (16 bits), figure.png (before, after, difference), metrics.json, report.html.";

void run(Settings const& settings) {
  io::ImageLimits limits;
  limits.decoded_bytes = std::size_t{1} << 35;
  auto const clip      = io::read_image(settings.in, limits);
  auto const result    = denoise(clip, settings);
  write_outputs(result, settings);
  std::printf("%lld frames in %.3g s; noise %s before, %s after; report: %s\n", static_cast<long long>(result.clip.pages), result.seconds,
              number(mean_of(result.noise_before)).c_str(), number(mean_of(result.noise_after)).c_str(), (settings.out / "report.html").c_str());
}

}  // namespace
}  // namespace ocellus::examples

int main(int argc, char** argv) {
  using namespace ocellus::examples;
  Settings settings;
  CLI::App app{introduction, "denoise_video"};
  app.get_formatter()->column_width(34);
  app.add_option("--in", settings.in, "The clip")->type_name("TIFF")->required();
  app.add_option("--out", settings.out, "Output folder")->type_name("DIR")->capture_default_str();
  app.add_option("--method", settings.method,
                 "median, mean, profile (weights that grow with the distance in time; the frame itself does not enter) or exponential")
      ->check(CLI::IsMember({"median", "mean", "profile", "exponential"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--window", settings.window, "Frames in the window, odd; not of exponential")->check(CLI::Range(1, 100001))->capture_default_str();
  app.add_option("--edge", settings.edge, "What stands outside the clip: its mirror image (reflect) or its end frame (clamp)")
      ->check(CLI::IsMember({"reflect", "clamp"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--alpha", settings.alpha, "exponential: weight of the new frame")->check(CLI::Range(1e-6, 1.0))->capture_default_str();
  app.add_option("--level", settings.level, "profile: 1 grows linearly, a large one weighs all frames but the centre alike")
      ->check(CLI::Range(1e-3, 1e6))
      ->capture_default_str();
  app.add_option("--frame", settings.frame, "Frame of the figures, counted from 0; default: the middle one")->check(CLI::NonNegativeNumber);
  app.add_option("--note", settings.note, "A sentence shown at the top of the report");
  return run_program(app, argc, argv, [&] { run(settings); });
}
