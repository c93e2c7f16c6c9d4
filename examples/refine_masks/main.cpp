// SPDX-License-Identifier: Apache-2.0

// An ensemble's probability maps in, refined masks out: patches of which the ensemble is unsure are rebuilt by a masked autoencoder that has learnt label maps.

#include <chrono>
#include <cstdio>

#include <CLI/CLI.hpp>

#include <ocellus/io/png.hpp>
#include <ocellus/io/tiff.hpp>

#include "ensemble.hpp"
#include "report.hpp"
#include "support/program.hpp"
#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* introduction =
    "Refines masks: patches of which an ensemble of segmentations is unsure are hidden and rebuilt by a masked autoencoder that has learnt what label maps "
    "look like.\n\n"
    "In: for each field of view an ensemble's probability maps (--probabilities: TIFF, a page a member, or npy of (members, height, width)), a grey image "
    "(--images: PNG or TIFF), a label map (--labels: 0 background), all of one name (label maps may end in _labels). Without probability maps an ensemble is "
    "made from each image: eight segmentations with other smoothings and thresholds. Without label maps the images are segmented as the main example does, and the "
    "model learns from that.\n"
    "Two thirds of the label maps teach the model, the others judge it: IoU, Dice and connected parts before and after, with that ensemble, with one made on "
    "the image under added noise, and with planted damage.\n"
    "Out: masks/NAME.png (255 nucleus), maps/NAME.tif (pages: mean, refined probability, entropy, mutual information, variance), metrics.json, report.html, "
    "training/. The model is kept in training/ and taken again, or gone on with, when maps and settings are the same.";

void write_field(std::filesystem::path const& out, std::string const& name, Refined const& r) {
  std::int64_t const height = extent(r.mean, 0), width = extent(r.mean, 1);
  io::Image mask{io::PixelType::uint8, 1, 1, height, width, std::vector<std::byte>(r.after.size())};
  for (std::size_t i = 0; i < r.after.size(); ++i) mask.bytes[i] = std::byte(r.after.data()[i] != 0 ? 255 : 0);
  io::Image maps{io::PixelType::float32, 5, 1, height, width, {}};
  for (auto const* const map : {&r.mean, &r.refined, &r.entropy, &r.information, &r.variance}) {
    auto const* const first = reinterpret_cast<std::byte const*>(map->data());
    maps.bytes.insert(maps.bytes.end(), first, first + map->size() * sizeof(float));
  }
  io::write_png(out / "masks" / (name + ".png"), mask);
  io::write_tiff(out / "maps" / (name + ".tif"), maps);
}

/// The place of a window in which most pixels change; where none does, the one with most uncertain pixels.
std::pair<std::int64_t, std::int64_t> most_changed(Refined const& r) {
  std::int64_t const height = extent(r.mean, 0), width = extent(r.mean, 1), side = std::min({shown_side, height, width});
  std::pair<std::int64_t, std::int64_t> best{0, 0};
  std::int64_t most = -1;
  for (std::int64_t top = 0; top + side <= height; top += 16) {
    for (std::int64_t left = 0; left + side <= width; left += 16) {
      std::int64_t weight = 0;
      for (std::int64_t y = top; y < top + side; ++y) {
        for (std::int64_t x = left; x < left + side; ++x) weight += 1000 * (r.before(y, x) != r.after(y, x)) + r.uncertain(y, x);
      }
      if (weight > most) most = weight, best = {top, left};
    }
  }
  return best;
}

void add_example(Trial& trial, Field const& field, HostTensor<float**> const& image, Refined const& refined) {
  constexpr std::size_t most = 3;
  if (trial.examples.size() >= most) return;
  auto const place = most_changed(refined);
  trial.examples.push_back({field.name, image, field.truth, refined, place.first, place.second});
}

void run(Settings const& settings) {
  auto const fields = read_fields(settings);
  std::filesystem::create_directories(settings.out);
  auto const model = settings.weights.empty() ? learn_maps(settings, fields) : read_map_model(settings.weights);
  std::filesystem::create_directories(settings.out / "masks");
  std::filesystem::create_directories(settings.out / "maps");
  bool const given = !settings.probabilities.empty();
  Results results{fields, model, {}, {}};
  auto const add_trial = [&](std::string const& name, std::string const& text) {
    auto& verdict = results.trials.emplace_back().verdict;
    verdict.name = name, verdict.text = text;
  };
  add_trial(given ? "as given" : "as it is", given ? "the probability maps given" : ensemble_text);
  if (settings.noise > 0 && !settings.images.empty())
    add_trial("noisy", "made the same way from the image under Gaussian noise of " + number(settings.noise) + " times the contrast of nuclei");
  if (settings.planted) {
    add_trial("planted damage",
              "the first one, with a square of 10 x 10 pixels on every second nucleus, where each member says nucleus or background by a throw of a coin");
  }
  Progress progress("Refining", fields.fields.size());
  auto const start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < fields.fields.size(); ++i) {
    auto const& field      = fields.fields[i];
    auto const number      = static_cast<std::uint32_t>(i);
    auto const probability = field.probability.size() > 0 ? field.probability : make_ensemble(field.image, settings.diameter);
    auto const refined     = refine(settings, model, probability);
    FieldSummary summary{field.name, field.held_out, static_cast<std::int64_t>(refined.before.size()), 0, 0, parts_of(refined.before), parts_of(refined.after)};
    for (std::size_t k = 0; k < refined.before.size(); ++k) {
      summary.uncertain += refined.uncertain.data()[k];
      summary.changed += refined.before.data()[k] != refined.after.data()[k];
    }
    results.summaries.push_back(summary);
    write_field(settings.out, field.name, refined);
    auto const enter = [&](Trial& trial, HostTensor<float**> const& image, Refined const& own) {
      judge(trial.verdict, field, own);
      add_example(trial, field, image, own);
    };
    if (field.held_out) {
      enter(results.trials[0], field.image, refined);
      for (auto& trial : results.trials) {
        if (trial.verdict.name == "noisy" && field.image.size() > 0) {
          auto const image = with_noise(field, settings.noise, settings.seed, number);
          enter(trial, image, refine(settings, model, make_ensemble(image, settings.diameter)));
        } else if (trial.verdict.name == "planted damage") {
          enter(trial, field.image, refine(settings, model, with_damage(field, probability, settings.seed, number)));
        }
      }
    } else if (field.truth.size() == 0) {
      add_example(results.trials[0], field, field.image, refined);
    }
    progress.update(i + 1, 0);
  }
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  write_report(settings, results);
  for (auto const& trial : results.trials) {
    auto const& v = trial.verdict;
    if (v.fields == 0) continue;
    std::printf("%s: IoU %s before, %s after; in uncertain patches %s and %s; parts %lld and %lld of %lld\n", v.name.c_str(),
                number(v.before.all.iou()).c_str(), number(v.after.all.iou()).c_str(), number(v.before.uncertain.iou()).c_str(),
                number(v.after.uncertain.iou()).c_str(), static_cast<long long>(v.before.components), static_cast<long long>(v.after.components),
                static_cast<long long>(v.nuclei));
  }
  std::printf("%zu fields; report: %s\n", fields.fields.size(), (settings.out / "report.html").c_str());
}

}  // namespace
}  // namespace ocellus::examples

int main(int argc, char** argv) {
  using namespace ocellus::examples;
  Settings settings;
  CLI::App app{introduction, "refine_masks"};
  app.get_formatter()->column_width(34);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  auto const side = CLI::Range(std::int64_t{1}, std::int64_t{65536});
  app.add_option("--images", settings.images, "Folder of grey images")->type_name("DIR");
  app.add_option("--labels", settings.labels, "Folder of label maps, true ones")->type_name("DIR");
  app.add_option("--probabilities", settings.probabilities, "Folder of the ensembles' probability maps")->type_name("DIR");
  app.add_option("--only", settings.only, "Take only files whose name begins so")->type_name("TEXT");
  app.add_option("--ending", settings.ending, "Take only files whose name ends so, extension and _labels aside")->type_name("TEXT");
  app.add_option("--weights", settings.weights, "A model of label maps (model.safetensors); default: learn one")->type_name("FILE");
  app.add_option("--out", settings.out, "Output folder")->type_name("DIR")->capture_default_str();
  app.add_option("--uncertainty", settings.uncertainty, "entropy, mutual_information or variance")
      ->check(CLI::IsMember({"entropy", "mutual_information", "variance"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--reduce", settings.reduce, "A patch's score: the mean or the max of its pixels' uncertainty")
      ->check(CLI::IsMember({"mean", "max"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--threshold", settings.threshold, "Patches with a score above this are rebuilt")->check(CLI::Range(0.0, 1e9))->capture_default_str();
  app.add_option("--blend", settings.blend, "odds: the ensemble's mean and the model are two opinions whose odds multiply; replace: the model alone")
      ->check(CLI::IsMember({"odds", "replace"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--context", settings.context, "What the model sees of other patches: mask (the mean cut at one half, as in label maps) or mean")
      ->check(CLI::IsMember({"mask", "mean"}))
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--passes", settings.passes,
                 "4: a quarter of the patches is rebuilt at a time, in sight of all neighbours; 1: all at once (at most --mask of them)")
      ->check(CLI::IsMember({1, 4}))
      ->capture_default_str();
  app.add_option("--rounds", settings.rounds, "How often all passes are run, each in sight of what those before have rebuilt")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100}))
      ->capture_default_str();
  app.add_option("--diameter", settings.diameter, "Of a nucleus in pixels, for segmentations made here")->check(CLI::Range(1.0, 999.0))->capture_default_str();
  app.add_option("--noise", settings.noise, "Noise of the noisy ensemble, as a share of the contrast of nuclei; 0: no such ensemble")
      ->check(CLI::Range(0.0, 1e3))
      ->capture_default_str();
  app.add_option("--planted", settings.planted, "Judge an ensemble with planted damage too (true or false)")->type_name("BOOL")->capture_default_str();
  app.add_option("--train-steps", settings.train_steps, "Steps of training, each of 16 crops")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--mask", settings.ratio, "Share of patches hidden in training, and with --passes 1 in refining")
      ->check(CLI::Range(0.05, 0.99))
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--crop", settings.crop, "Side of the maps that the model sees, in pixels")->check(side)->capture_default_str();
  app.add_option("--patch", settings.patch, "Side of a patch in pixels")->check(side)->capture_default_str();
  app.add_option("--width", settings.width, "Width of the encoder")->check(side)->capture_default_str();
  app.add_option("--depth", settings.depth, "Blocks of the encoder")->check(side)->capture_default_str();
  app.add_option("--seed", settings.seed, "Seed of weights, crops, masks, noise and damage")->capture_default_str();
  app.add_flag("--fresh", settings.fresh, "Learn anew, whatever an earlier run has left");
  app.add_option("--note", settings.note, "A sentence shown at the top of the report");
  return run_program(app, argc, argv, [&] {
    if (settings.images.empty() && settings.probabilities.empty())
      throw UserError("--images DIR or --probabilities DIR is needed (--help explains the options)");
    if (settings.crop % settings.patch != 0) {
      throw UserError("--crop is " + std::to_string(settings.crop) + ", which is not a multiple of --patch, " + std::to_string(settings.patch));
    }
    if (settings.width % 32 != 0) throw UserError("--width is " + std::to_string(settings.width) + ", which is not a multiple of 32");
    run(settings);
  });
}
