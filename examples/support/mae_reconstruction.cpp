// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <limits>
#include <numeric>

#include <ocellus/core/random.hpp>
#include <ocellus/mae/masked_autoencoder.hpp>
#include <ocellus/mae/unpatchify.hpp>
#include <ocellus/vit/instance_standardize.hpp>

#include "mae_training.hpp"

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

/// The mean squared errors of the two simple predictions, over hidden patches of one channel.
void add_baselines(Reconstruction& r, std::int64_t patch) {
  double around = 0, whole = 0;
  std::int64_t pixels     = 0;
  std::int64_t const side = extent(r.crops, 2);
  for (std::int64_t n = 0; n < extent(r.crops, 0); ++n) {
    for (std::int64_t c = 0; c < extent(r.crops, 1); ++c) {
      float const* const first = r.crops.data() + (n * extent(r.crops, 1) + c) * side * side;
      double const level       = std::accumulate(first, first + side * side, 0.0) / static_cast<double>(side * side);
      for (std::int64_t top = 0; top < side; top += patch) {
        for (std::int64_t left = 0; left < side; left += patch) {
          if (r.hidden(n, c, top, left) == 0) continue;
          double sum = 0, squares = 0;
          for (std::int64_t y = top; y < top + patch; ++y) {
            for (std::int64_t x = left; x < left + patch; ++x) {
              double const value = static_cast<double>(r.crops(n, c, y, x)) - level;
              sum += value;
              squares += value * value;
            }
          }
          auto const count = static_cast<double>(patch * patch);
          around += squares - sum * sum / count;
          whole += squares;
          pixels += patch * patch;
        }
      }
    }
  }
  r.patch_mean = pixels > 0 ? around / static_cast<double>(pixels) : 0;
  r.mean       = pixels > 0 ? whole / static_cast<double>(pixels) : 0;
}

}  // namespace

Reconstruction reconstruct(TrainingSettings const& settings, ParameterTable const& table, HostTensor<float*> const& parameters, CropPool const& pool,
                           std::int64_t count) {
  Exec const exec;
  auto const& model = settings.model;
  auto const side = static_cast<std::size_t>(model.image_size), channels = static_cast<std::size_t>(model.channels), n = static_cast<std::size_t>(count);
  auto const tokens = static_cast<std::size_t>(model.tokens()),
             pixels = static_cast<std::size_t>(model.patch_size * model.patch_size * (model.channel_agnostic ? 1 : model.channels));
  Reconstruction r;
  r.crops      = HostTensor<float****>("ocellus::examples::crops", n, channels, side, side);
  r.prediction = HostTensor<float****>("ocellus::examples::prediction", n, channels, side, side);
  r.hidden     = HostTensor<std::uint8_t****>("ocellus::examples::hidden", n, channels, side, side);
  HostTensor<float**> const noise("ocellus::examples::noise", n, tokens);
  // Steps count from 0 and never come here.
  constexpr std::uint32_t step = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t i = 0; i < n; ++i) {
    auto const number = static_cast<std::uint32_t>(i);
    pool.crop(settings.seed, step, number, UnmanagedTensor<float***, Kokkos::HostSpace>(r.crops.data() + i * channels * side * side, channels, side, side));
    draw_noise(settings, step, number, noise.data() + i * tokens);
  }
  auto const device_parameters = Kokkos::create_mirror_view_and_copy(typename Exec::memory_space(), parameters);
  auto const weights           = mae::masked_autoencoder_weights(table, device_parameters, model.channel_agnostic);
  auto const host_mask         = HostTensor<std::uint8_t**>("ocellus::examples::mask", n, tokens);
  // A few at a time, as in training: a bound on memory.
  constexpr std::size_t batch = 16;
  for (std::size_t first = 0; first < n; first += batch) {
    auto const part      = Kokkos::make_pair(first, std::min(n, first + batch));
    std::size_t const m  = part.second - part.first;
    auto const own_crops = Kokkos::subview(r.crops, part, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL);
    Tensor<float****, Exec> const crops("ocellus::examples::crops", m, channels, side, side), images("ocellus::examples::images", m, channels, side, side);
    Tensor<float**, Exec> const own_noise("ocellus::examples::noise", m, tokens);
    Tensor<float***, Exec> const prediction("ocellus::examples::prediction", m, tokens, pixels);
    Tensor<std::uint8_t**, Exec> const mask("ocellus::examples::mask", m, tokens);
    Tensor<float, Exec> const loss("ocellus::examples::loss");
    Kokkos::deep_copy(exec, crops, own_crops);
    Kokkos::deep_copy(exec, own_noise, Kokkos::subview(noise, part, Kokkos::ALL));
    if (settings.standardize) vit::instance_standardize(exec, crops, crops, {.divisor = 1.0});
    mae::masked_autoencoder(exec, crops, own_noise, weights, loss, prediction, mask,
                            {.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = settings.ratio});
    mae::unpatchify(exec, prediction, images, {.patch = model.patch_size, .channel_agnostic = model.channel_agnostic});
    float part_loss = 0;
    Kokkos::deep_copy(exec, own_crops, crops);
    Kokkos::deep_copy(exec, Kokkos::subview(r.prediction, part, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL), images);
    Kokkos::deep_copy(exec, Kokkos::subview(host_mask, part, Kokkos::ALL), mask);
    Kokkos::deep_copy(exec, part_loss, loss);
    exec.fence();
    r.loss += static_cast<double>(part_loss) * static_cast<double>(m) / static_cast<double>(n);
  }
  std::size_t const patch = static_cast<std::size_t>(model.patch_size), across = side / patch;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t y = 0; y < side; ++y) {
        for (std::size_t x = 0; x < side; ++x)
          r.hidden(i, c, y, x) = host_mask(i, (model.channel_agnostic ? c * across * across : 0) + y / patch * across + x / patch);
      }
    }
  }
  add_baselines(r, model.patch_size);
  return r;
}

}  // namespace ocellus::examples
