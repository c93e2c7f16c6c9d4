// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/mae/configuration.hpp>

#include "crop_pool.hpp"

namespace ocellus::examples {

/// A model of a standard size, for one channel: tiny, camae_s16 or vits16.
///
/// Errors: UserError when there is no such size.
mae::MaskedAutoencoderConfiguration named_model(std::string const& size);

/// Everything that decides the bits of a trained model, but for the images.
struct TrainingSettings {
  mae::MaskedAutoencoderConfiguration model;
  std::int64_t steps = 1000, batch = 32, warmup = 50;
  double learning_rate = 1e-3, weight_decay = 0.05, beta2 = 0.95, clip_norm = 1, ratio = 0.75, fourier_weight = 0;
  double layer_scale = 1e-4;   ///< starting value of the blocks' LayerScale, where there is one
  bool standardize   = true;   ///< each channel of each crop gets mean 0 and deviation 1; maps of 0 and 1 do without
  bool lattice       = false;  ///< hide the patches of one place, drawn anew, in blocks of 2 x 2 first; else any
  std::uint64_t seed = 1;

  /// All of it as text, which a checkpoint remembers.
  [[nodiscard]] std::string text() const;
};

/// The noise that decides which of a sample's tokens are hidden, those with most of it: a function of (seed, step, sample, token).
void draw_noise(TrainingSettings const& settings, std::uint32_t step, std::uint32_t sample, float* noise);

/// The losses of the steps so far, one entry a step.
struct TrainingLog {
  std::vector<float> loss, learning_rate;
  std::vector<double> seconds;  ///< of work since the first step, without interruptions

  [[nodiscard]] std::size_t steps() const { return loss.size(); }
};

/// Trains a masked autoencoder in a folder: checkpoint.safetensors, log.csv and, at the end, model.safetensors.
///
/// A training that was interrupted at any moment goes on from its last checkpoint to the same bits (the column `seconds` of log.csv aside).
class MaeTraining {
 public:
  /// What to do with a checkpoint of other settings or images: refuse it, or begin anew.
  enum class OtherSettings { refuse, begin_anew };

  /// Takes up the checkpoint of the folder, if there is one; writes nothing.
  ///
  /// Errors: UserError when the checkpoint was made with other settings or images, when sizes do not fit each other, or when another process trains in this
  /// folder; io::FileError when the checkpoint is damaged.
  MaeTraining(std::filesystem::path const& out, TrainingSettings const& settings, CropPool const& pool, OtherSettings other = OtherSettings::refuse);
  ~MaeTraining();

  /// Runs the steps that are left, a checkpoint every `checkpoint_every`, then writes the model. `watch` is told after every few steps.
  ///
  /// Errors: UserError naming step and last checkpoint when a loss is not finite; io::FileError when a file cannot be written.
  void run(std::int64_t checkpoint_every, std::function<void(TrainingLog const&)> const& watch);

  [[nodiscard]] TrainingLog const& log() const;
  /// Steps that were done before this run.
  [[nodiscard]] std::int64_t resumed() const;
  [[nodiscard]] ParameterTable const& table() const;
  /// Flat parameters under the table.
  [[nodiscard]] HostTensor<float*> parameters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Masked crops and what a model makes of them; standardised units.
struct Reconstruction {
  HostTensor<float****> crops, prediction;  ///< (N, C, S, S)
  HostTensor<std::uint8_t****> hidden;      ///< (N, C, S, S): 1 where the model does not see the pixel
  double loss       = 0;                    ///< mean squared error on hidden pixels
  double patch_mean = 0;                    ///< that of the true mean of each hidden patch
  double mean       = 0;                    ///< that of the mean of the crop's channel
};

/// Runs a model on `count` crops that no step of training has drawn.
Reconstruction reconstruct(TrainingSettings const& settings, ParameterTable const& table, HostTensor<float*> const& parameters, CropPool const& pool,
                           std::int64_t count);

}  // namespace ocellus::examples
