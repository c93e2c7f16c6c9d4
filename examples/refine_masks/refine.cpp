// SPDX-License-Identifier: Apache-2.0

#include "refine.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ocellus/mae/ensemble_uncertainty.hpp>
#include <ocellus/mae/patch_scores.hpp>
#include <ocellus/mae/refine_masks.hpp>

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

/// Windows that go through the model together: a bound on memory. The result does not depend on it.
constexpr std::int64_t batch = 32;

/// Where windows begin along a side, and which of them a pixel belongs to.
struct Windows {
  std::vector<std::int64_t> begin;
  std::vector<std::size_t> owner;

  Windows(std::int64_t padded, std::int64_t side, std::int64_t patch) : owner(static_cast<std::size_t>(padded)) {
    std::int64_t const step = std::max(patch, side / 2 / patch * patch);
    for (std::int64_t at = 0; at + side < padded; at += step) begin.push_back(at);
    begin.push_back(padded - side);
    for (std::int64_t x = 0; x < padded; ++x) {
      auto const off   = [&](std::size_t w) { return std::abs(2 * begin[w] + side - 2 * x - 1); };
      std::size_t best = 0;
      for (std::size_t w = 1; w < begin.size(); ++w) best = off(w) < off(best) ? w : best;
      owner[static_cast<std::size_t>(x)] = best;
    }
  }
};

std::int64_t padded_size(std::int64_t size, std::int64_t side, std::int64_t patch) { return std::max(side, (size + patch - 1) / patch * patch); }

HostTensor<float**> on_host(Tensor<float***, Exec> const& map, std::int64_t height, std::int64_t width) {
  auto const all  = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), map);
  auto const host = make_host_tensor<float**>("ocellus::examples::map", height, width);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) host(y, x) = all(0, y, x);
  }
  return host;
}

/// Windows, as (number down, number across), that own a pixel of an uncertain patch; the others have nothing to rebuild.
std::vector<std::pair<std::size_t, std::size_t>> windows_with_uncertainty(HostTensor<std::uint8_t**> const& uncertain, Windows const& down,
                                                                          Windows const& across) {
  std::size_t const width = across.begin.size();
  std::vector<char> needed(down.begin.size() * width, 0);
  for (std::size_t y = 0; y < uncertain.extent(0); ++y) {
    for (std::size_t x = 0; x < uncertain.extent(1); ++x) {
      if (uncertain(y, x) != 0) needed[down.owner[y] * width + across.owner[x]] = 1;
    }
  }
  std::vector<std::pair<std::size_t, std::size_t>> windows;
  for (std::size_t w = 0; w < needed.size(); ++w) {
    if (needed[w] != 0) windows.emplace_back(w / width, w % width);
  }
  return windows;
}

/// The ensemble's mean and uncertainty, and which patches are above the threshold.
Refined measure(Settings const& settings, std::int64_t patch, HostTensor<float***> const& padded, std::int64_t height, std::int64_t width) {
  Exec const exec;
  std::size_t const members = padded.extent(0), rows = padded.extent(1), columns = padded.extent(2);
  Tensor<float****, Exec> const probability("ocellus::examples::probability", members, 1, rows, columns);
  Kokkos::deep_copy(Kokkos::subview(probability, Kokkos::ALL, 0, Kokkos::ALL, Kokkos::ALL), padded);
  auto const map  = [&] { return Tensor<float***, Exec>("ocellus::examples::map", 1, rows, columns); };
  auto const mean = map(), entropy = map(), information = map(), variance = map();
  mae::ensemble_uncertainty(exec, probability, mean, entropy, information, variance);
  Tensor<float**, Exec> const score("ocellus::examples::score", 1, rows / static_cast<std::size_t>(patch) * (columns / static_cast<std::size_t>(patch)));
  auto const kind = settings.uncertainty_kind();
  mae::patch_scores(exec,
                    kind == mae::Uncertainty::entropy    ? entropy
                    : kind == mae::Uncertainty::variance ? variance
                                                         : information,
                    score, {.patch = patch, .reduce = settings.reduction()});
  exec.fence();
  auto const scores = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), score);
  Refined r{
      on_host(mean, height, width), {}, on_host(entropy, height, width), on_host(information, height, width), on_host(variance, height, width), {}, {}, {}};
  auto const mask = [&] { return make_host_tensor<std::uint8_t**>("ocellus::examples::mask", height, width); };
  r.refined       = make_host_tensor<float**>("ocellus::examples::refined", height, width);
  r.before = mask(), r.after = mask(), r.uncertain = mask();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      r.refined(y, x)   = r.mean(y, x);
      r.before(y, x)    = r.mean(y, x) > 0.5f ? 1 : 0;
      r.after(y, x)     = r.before(y, x);
      r.uncertain(y, x) = scores(0, y / patch * (static_cast<std::int64_t>(columns) / patch) + x / patch) > static_cast<float>(settings.threshold) ? 1 : 0;
    }
  }
  return r;
}

}  // namespace

Refined refine(Settings const& settings, MapModel const& model, HostTensor<float***> const& probability) {
  Exec const exec;
  std::int64_t const members = extent(probability, 0), height = extent(probability, 1), width = extent(probability, 2), side = model.side;
  std::int64_t const rows = padded_size(height, side, model.patch), columns = padded_size(width, side, model.patch);
  auto const padded = make_host_tensor<float***>("ocellus::examples::padded", members, rows, columns);
  for (std::int64_t m = 0; m < members; ++m) {
    for (std::int64_t y = 0; y < rows; ++y) {
      for (std::int64_t x = 0; x < columns; ++x) padded(m, y, x) = probability(m, std::min(y, height - 1), std::min(x, width - 1));
    }
  }
  auto r = measure(settings, model.patch, padded, height, width);

  Windows const down(rows, side, model.patch), across(columns, side, model.patch);
  auto const parameters = Kokkos::create_mirror_view_and_copy(typename Exec::memory_space(), model.parameters);
  auto const weights    = mae::masked_autoencoder_weights(model.table, parameters, false);
  mae::RefineMasksOptions const options{.heads         = model.heads,
                                        .decoder_heads = model.decoder_heads,
                                        .ratio         = settings.passes == 4 ? 1.0 : settings.ratio,
                                        .threshold     = settings.threshold,
                                        .uncertainty   = settings.uncertainty_kind(),
                                        .reduce        = settings.reduction(),
                                        .blend         = settings.blend == "odds" ? mae::Blend::odds : mae::Blend::replace,
                                        .context       = settings.context == "mean" ? mae::Context::mean : mae::Context::mask,
                                        .passes        = settings.passes == 4 ? mae::Passes::four : mae::Passes::one,
                                        .rounds        = settings.rounds};
  auto const windows = windows_with_uncertainty(r.uncertain, down, across);
  for (std::size_t first = 0; first < windows.size(); first += static_cast<std::size_t>(batch)) {
    std::size_t const count = std::min(windows.size() - first, static_cast<std::size_t>(batch)), pixels = static_cast<std::size_t>(side);
    HostTensor<float****> const maps("ocellus::examples::maps", padded.extent(0), count, pixels, pixels);
    for (std::int64_t m = 0; m < members; ++m) {
      for (std::size_t i = 0; i < count; ++i) {
        std::int64_t const top = down.begin[windows[first + i].first], left = across.begin[windows[first + i].second];
        for (std::int64_t y = 0; y < side; ++y) {
          for (std::int64_t x = 0; x < side; ++x) maps(m, i, y, x) = padded(m, top + y, left + x);
        }
      }
    }
    auto const device_maps = Kokkos::create_mirror_view_and_copy(typename Exec::memory_space(), maps);
    Tensor<float***, Exec> const refined("ocellus::examples::refined", count, pixels, pixels);
    Tensor<std::uint8_t***, Exec> const mask("ocellus::examples::mask", count, pixels, pixels);
    mae::refine_masks(exec, device_maps, weights, refined, mask, options);
    auto const own      = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), refined);
    auto const own_mask = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), mask);
    for (std::size_t i = 0; i < count; ++i) {
      auto const [row, column] = windows[first + i];
      std::int64_t const top = down.begin[row], left = across.begin[column];
      for (std::int64_t y = top; y < std::min(top + side, height); ++y) {
        for (std::int64_t x = left; x < std::min(left + side, width); ++x) {
          if (down.owner[static_cast<std::size_t>(y)] != row || across.owner[static_cast<std::size_t>(x)] != column) continue;
          r.refined(y, x) = own(i, y - top, x - left);
          r.after(y, x)   = own_mask(i, y - top, x - left);
        }
      }
    }
  }
  return r;
}

}  // namespace ocellus::examples
