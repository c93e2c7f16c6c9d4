// SPDX-License-Identifier: Apache-2.0

#include "ensemble.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <ocellus/core/random.hpp>
#include <ocellus/image.hpp>

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

constexpr std::array<double, 2> sigmas                = {1.0, 2.0};
constexpr std::array<double, 2> factors               = {0.8, 1.2};
constexpr std::array<image::ThresholdScale, 2> scales = {image::ThresholdScale::linear, image::ThresholdScale::square_root};

}  // namespace

char const* const ensemble_text =
    "eight segmentations of the image by its own brightness: what a Gaussian of three diameters leaves of it, not below 0, is smoothed with sigma 1 and 2 "
    "pixels and compared with 0.8 and 1.2 times Otsu's threshold, found on the values and on their square roots; each comparison is a soft step that is 0 below half of "
    "the threshold and 1 above one and a half of it";

HostTensor<float***> make_ensemble(HostTensor<float**> const& image, double diameter) {
  Exec const exec;
  std::int64_t const height = extent(image, 0), width = extent(image, 1);
  auto const device = Kokkos::create_mirror_view_and_copy(typename Exec::memory_space(), image);
  Tensor<float**, Exec> const smooth("ocellus::examples::smooth", image.extent(0), image.extent(1));
  Tensor<float, Exec> const threshold("ocellus::examples::threshold");
  auto const background = make_host_tensor<float**>("ocellus::examples::background", height, width),
             lit        = make_host_tensor<float**>("ocellus::examples::lit", height, width);
  image::gaussian_smooth(exec, device, smooth, {.sigma = 3 * diameter});
  Kokkos::deep_copy(background, smooth);
  auto probability =
      make_host_tensor<float***>("ocellus::examples::probability", static_cast<std::int64_t>(sigmas.size() * scales.size() * factors.size()), height, width);
  std::size_t member = 0;
  for (double const sigma : sigmas) {
    image::gaussian_smooth(exec, device, smooth, {.sigma = sigma});
    Kokkos::deep_copy(lit, smooth);
    for (std::size_t i = 0; i < lit.size(); ++i) lit.data()[i] = std::max(0.f, lit.data()[i] - background.data()[i]);
    Kokkos::deep_copy(smooth, lit);
    for (auto const scale : scales) {
      float level = 0;
      image::otsu_threshold(exec, smooth, threshold, {.scale = scale});
      Kokkos::deep_copy(level, threshold);
      for (double const factor : factors) {
        float const cut = std::max(1e-6f, static_cast<float>(factor) * level);
        float* const to = probability.data() + member++ * lit.size();
        // A cubic step from 0 at half the threshold to 1 at one and a half of it.
        for (std::size_t i = 0; i < lit.size(); ++i) {
          float const t = std::clamp(lit.data()[i] / cut - 0.5f, 0.f, 1.f);
          to[i]         = t * t * (3 - 2 * t);
        }
      }
    }
  }
  return probability;
}

HostTensor<float**> with_noise(Field const& field, double share, std::uint64_t seed, std::uint32_t number) {
  double inside = 0, outside = 0, count = 0;
  for (std::size_t i = 0; i < field.image.size(); ++i) {
    bool const nucleus = field.truth.size() > 0 && field.truth.data()[i] != 0;
    (nucleus ? inside : outside) += static_cast<double>(field.image.data()[i]);
    count += nucleus;
  }
  double const others = static_cast<double>(field.image.size()) - count, contrast = count > 0 && others > 0 ? inside / count - outside / others : 0;
  RandomSequence const random{.seed = seed, .stream = RandomStream::simulation, .step = 0, .sample = number};
  auto noisy = make_host_tensor<float**>("ocellus::examples::noisy", extent(field.image, 0), extent(field.image, 1));
  for (std::size_t i = 0; i < noisy.size(); ++i)
    noisy.data()[i] = std::max(0.f, field.image.data()[i] + static_cast<float>(share * contrast * static_cast<double>(random.normal(i))));
  return noisy;
}

HostTensor<float***> with_damage(Field const& field, HostTensor<float***> const& probability, std::uint64_t seed, std::uint32_t number) {
  constexpr std::int64_t half = 5;
  std::int64_t const members = extent(probability, 0), height = extent(probability, 1), width = extent(probability, 2);
  auto damaged = make_host_tensor<float***>("ocellus::examples::probability", members, height, width);
  Kokkos::deep_copy(damaged, probability);
  if (height < 2 * half || width < 2 * half) return damaged;
  RandomSequence const random{.seed = seed, .stream = RandomStream::simulation, .step = 1, .sample = number};
  for (std::size_t n = 0; n < field.nuclei.size(); n += 2) {
    std::uint64_t const first = n * static_cast<std::uint64_t>(members + 2);
    // As far from the middle as half a small nucleus is wide.
    std::int64_t const row    = std::clamp<std::int64_t>(field.nuclei[n].first + random.below(first, 13) - 6, half, height - half),
                       column = std::clamp<std::int64_t>(field.nuclei[n].second + random.below(first + 1, 13) - 6, half, width - half);
    for (std::int64_t m = 0; m < members; ++m) {
      float const said = random.below(first + 2 + static_cast<std::uint64_t>(m), 2) == 0 ? 0.1f : 0.9f;
      for (std::int64_t y = row - half; y < row + half; ++y) {
        for (std::int64_t x = column - half; x < column + half; ++x) damaged(m, y, x) = said;
      }
    }
  }
  return damaged;
}

}  // namespace ocellus::examples
