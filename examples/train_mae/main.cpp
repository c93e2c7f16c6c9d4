// SPDX-License-Identifier: Apache-2.0

// Trains a masked autoencoder on a folder of microscope images: crops, hidden patches, and a model that learns to fill them in.

#include <cstdio>

#include <CLI/CLI.hpp>

#include <ocellus/io/atomic_file.hpp>

#include "read_images.hpp"
#include "settings.hpp"
#include "support/mae_report.hpp"
#include "support/program.hpp"
#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* introduction =
    "Trains a masked autoencoder on your own microscope images; nothing need be labelled.\n\n"
    "In: a folder of images (TIFF or PNG, 8 or 16 bits), searched with its subfolders. Each file is an image with the channels that it has: a grey file one, "
    "an RGB file three, a file of several pages one a page. All images must have equally many channels. Where each channel is a file of its own, give a table "
    "(--plate) as for profile_plate: a row an image, a column a channel; the columns plate and well are needed, control is not.\n"
    "Out: model.safetensors (names of timm and facebookresearch/mae, or of maes_microscopy when channel-agnostic; examples/run --weights takes it), for "
    "standard "
    "models encoder.safetensors (timm's names alone), log.csv (step, loss, learning_rate, seconds), checkpoint.safetensors, report.html.\n"
    "A run that was interrupted, however rudely, goes on from its last checkpoint when it is called again with the same arguments, and ends at the same bits.";

void run(Settings& settings) {
  CropPool pool;
  auto const channels = read_images(settings, pool);
  choose_model(settings, pool.channels());
  auto const& training = settings.training;
  std::filesystem::create_directories(settings.out);
  MaeTraining model(settings.out, training, pool);
  auto const earlier = static_cast<std::size_t>(model.resumed());
  if (earlier > 0) std::fprintf(stderr, "Going on after step %zu of %lld\n", earlier, static_cast<long long>(training.steps));
  {
    Progress progress("Steps", static_cast<std::size_t>(training.steps));
    model.run(settings.checkpoint_every, [&](TrainingLog const& log) {
      std::size_t const done = log.steps(), from = done > earlier + 50 ? done - 50 : earlier;
      double const spent = log.seconds[done - 1] - (from > 0 ? log.seconds[from - 1] : 0.0);
      std::string remark = "loss " + number(static_cast<double>(log.loss[done - 1]));
      if (spent > 0 && done > from) remark += ", " + number(static_cast<double>((done - from)) * static_cast<double>(training.batch) / spent) + " images/s";
      progress.update(done, earlier, remark);
    });
  }
  auto const r = reconstruct(training, model.table(), model.parameters(), pool, 64);
  HtmlReport report("Masked autoencoder", std::to_string(pool.images()) + " images of " + std::to_string(pool.channels()) + " channels");
  report.section("Does it learn?");
  add_training(report, training, model.log(), r, channels);
  report.section("How to use it");
  report.paragraph("examples/run --images DIR --plate plate.csv --weights " + (settings.out / "model.safetensors").string() +
                   " embeds the cells of a plate with this model.");
  io::write_file_atomically(settings.out / "report.html", report.page());
  std::printf("loss %s (channel's mean %s, hidden patch's own mean %s) after %lld steps; model: %s; report: %s\n", number(r.loss).c_str(),
              number(r.mean).c_str(), number(r.patch_mean).c_str(), static_cast<long long>(training.steps), (settings.out / "model.safetensors").c_str(),
              (settings.out / "report.html").c_str());
}

}  // namespace
}  // namespace ocellus::examples

int main(int argc, char** argv) {
  using namespace ocellus::examples;
  Settings settings;
  auto& training = settings.training;
  CLI::App app{introduction, "train_mae"};
  app.get_formatter()->column_width(34);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  auto const positive = CLI::Range(std::int64_t{1}, std::int64_t{1} << 30);
  app.add_option("--images", settings.images, "Folder of the images; with --plate default: the folder of the table")->type_name("DIR");
  app.add_option("--plate", settings.plate, "A table of the images, where channels are files of their own")->type_name("CSV");
  app.add_option("--out", settings.out, "Output folder")->type_name("DIR")->capture_default_str();
  app.add_option(
         "--size", settings.size,
         "tiny (channel-agnostic, width 96, 4 blocks, patch 8, crop 64, decoder 64 x 1), camae_s16 (channel-agnostic ViT-S/16, crop 224, decoder 256 x 2), "
         "vits16 (ViT-S/16, crop 224, decoder 512 x 8)")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--steps", training.steps, "Steps of training")->check(positive)->capture_default_str()->type_name("N");
  app.add_option("--batch", training.batch, "Crops in a step")->check(CLI::Range(1, 65536))->capture_default_str()->type_name("N");
  app.add_option("--learning-rate", training.learning_rate, "Highest rate; half a cosine falls from it to 0")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("RATE");
  app.add_option("--warmup", settings.warmup, "Steps in which the rate rises; default: a twentieth")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30))
      ->type_name("N");
  app.add_option("--weight-decay", training.weight_decay, "Of matrices and tokens")->check(CLI::Range(0.0, 10.0))->capture_default_str()->type_name("RATE");
  app.add_option("--beta2", training.beta2, "Of AdamW")->check(CLI::Range(0.0, 0.99999))->capture_default_str()->type_name("B");
  app.add_option("--clip", training.clip_norm, "Largest norm of a gradient; 0: no limit")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str()
      ->type_name("NORM");
  app.add_option("--mask", training.ratio, "Share of hidden patches")->check(CLI::Range(0.05, 0.99))->capture_default_str()->type_name("SHARE");
  app.add_option("--fourier", training.fourier_weight, "Weight of the Fourier loss (channel-agnostic only)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("A");
  app.add_option("--layer-scale", training.layer_scale, "Starting value of LayerScale (channel-agnostic only)")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->type_name("G");
  app.add_option("--seed", training.seed, "Seed of weights, crops and masks")->capture_default_str();
  app.add_option("--checkpoint-every", settings.checkpoint_every, "Steps from one checkpoint to the next")
      ->check(positive)
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--memory", settings.memory, "Gibibytes that the images may take")->check(CLI::Range(0.0, 1e6))->capture_default_str()->type_name("GIB");
  for (auto const& [name, value, text] :
       {std::tuple{"--crop", &settings.crop, "Side of a crop in pixels"}, std::tuple{"--patch", &settings.patch, "Side of a patch in pixels"},
        std::tuple{"--width", &settings.width, "Width of the encoder"}, std::tuple{"--depth", &settings.depth, "Blocks of the encoder"},
        std::tuple{"--heads", &settings.heads, "Heads of the encoder"}, std::tuple{"--decoder-width", &settings.decoder_width, "Width of the decoder"},
        std::tuple{"--decoder-depth", &settings.decoder_depth, "Blocks of the decoder (of each channel)"},
        std::tuple{"--decoder-heads", &settings.decoder_heads, "Heads of the decoder"}})
    app.add_option(name, *value, std::string(text) + "; default: of the size")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}))
        ->type_name("N")
        ->group("Dimensions");
  app.add_option("--channel-agnostic", settings.channel_agnostic, "Tokens of each channel by itself (true or false); default: of the size")
      ->type_name("BOOL")
      ->group("Dimensions");
  return run_program(app, argc, argv, [&] {
    if (settings.images.empty() && settings.plate.empty()) throw UserError("--images DIR or --plate CSV is needed (--help explains the options)");
    if (settings.images.empty()) settings.images = settings.plate.parent_path();
    run(settings);
  });
}
