// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

/// Masking, patches and losses in plain loops; arrays row-major.
namespace ocellus::reference {

struct Masking {
  std::vector<std::int64_t> keep, restore, mask;
};

/// One image: the tokens with the least noise, of equal noise the lower.
inline Masking masking(std::vector<double> const& noise, std::int64_t kept) {
  auto const tokens = static_cast<std::int64_t>(noise.size());
  Masking result;
  result.restore.resize(noise.size());
  for (std::int64_t t = 0; t < tokens; ++t) {
    std::int64_t before = 0;
    for (std::int64_t o = 0; o < tokens; ++o) before += noise[o] < noise[t] || (noise[o] == noise[t] && o < t) ? 1 : 0;
    result.restore[t] = before;
  }
  for (std::int64_t place = 0; place < kept; ++place) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      if (result.restore[t] == place) result.keep.push_back(t);
    }
  }
  for (std::int64_t t = 0; t < tokens; ++t) result.mask.push_back(result.restore[t] >= kept ? 1 : 0);
  return result;
}

/// One image (C, H, W) to tokens.
template <class Real>
std::vector<Real> patchify(std::vector<Real> const& image, std::int64_t channels, std::int64_t height, std::int64_t width, std::int64_t p, bool channel_agnostic) {
  std::vector<Real> tokens;
  auto const pixel = [&](std::int64_t c, std::int64_t y, std::int64_t x) { return image[static_cast<std::size_t>((c * height + y) * width + x)]; };
  for (std::int64_t group = 0; group < (channel_agnostic ? channels : 1); ++group) {
    for (std::int64_t i = 0; i < height / p; ++i) {
      for (std::int64_t j = 0; j < width / p; ++j) {
        for (std::int64_t u = 0; u < p; ++u) {
          for (std::int64_t v = 0; v < p; ++v) {
            for (std::int64_t c = 0; c < (channel_agnostic ? 1 : channels); ++c) tokens.push_back(pixel(channel_agnostic ? group : c, i * p + u, j * p + v));
          }
        }
      }
    }
  }
  return tokens;
}

/// `mask` (tokens), prediction and target (tokens, width) of the whole batch.
template <class Real>
Real pixel_loss(std::vector<Real> const& prediction, std::vector<double> target, std::vector<std::int64_t> const& mask, std::int64_t width, bool normalize) {
  Real loss    = 0;
  double count = 0;
  for (std::size_t t = 0; t < mask.size(); ++t) {
    if (mask[t] == 0) continue;
    auto* const y = target.data() + t * static_cast<std::size_t>(width);
    if (normalize) {
      double mean = 0, variance = 0;
      for (std::int64_t k = 0; k < width; ++k) mean += y[k];
      mean /= static_cast<double>(width);
      for (std::int64_t k = 0; k < width; ++k) variance += (y[k] - mean) * (y[k] - mean) / static_cast<double>(width - 1);
      for (std::int64_t k = 0; k < width; ++k) y[k] = (y[k] - mean) / std::sqrt(variance + 1e-6);
    }
    Real sum = 0;
    for (std::int64_t k = 0; k < width; ++k) {
      Real const difference = prediction[t * static_cast<std::size_t>(width) + static_cast<std::size_t>(k)] - y[k];
      sum += difference * difference;
    }
    loss += sum / static_cast<double>(width);
    count += 1;
  }
  return count == 0 ? Real(0) : loss / count;
}

/// Magnitudes of the transform of one image (H, W), each by its double sum; 0 has the derivative 0.
template <class Real>
std::vector<Real> fourier_magnitudes(Real const* image, std::int64_t height, std::int64_t width) {
  using std::sqrt;
  std::vector<Real> result;
  std::vector<double> cosine, sine;
  for (std::int64_t turn = 0; turn < height * width; ++turn) {
    double const angle = -2 * 3.14159265358979323846 * static_cast<double>(turn) / static_cast<double>(height * width);
    cosine.push_back(std::cos(angle));
    sine.push_back(std::sin(angle));
  }
  for (std::int64_t k = 0; k < height; ++k) {
    for (std::int64_t l = 0; l < width; ++l) {
      Real re = 0, im = 0;
      for (std::int64_t y = 0; y < height; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          // The angle in units of a whole turn is reduced exactly.
          auto const turn = static_cast<std::size_t>((k * y % height * width + l * x % width * height) % (height * width));
          re += image[y * width + x] * cosine[turn];
          im += image[y * width + x] * sine[turn];
        }
      }
      Real const square = re * re + im * im;
      result.push_back(square > 0 ? sqrt(square) : Real(0));
    }
  }
  return result;
}

/// `mask` (images): those that take part.
template <class Real>
Real fourier_loss(std::vector<Real> const& prediction, std::vector<double> const& target, std::vector<std::int64_t> const& mask, std::int64_t height, std::int64_t width, bool squared) {
  Real loss              = 0;
  double count           = 0;
  std::size_t const size = static_cast<std::size_t>(height * width);
  for (std::size_t image = 0; image < mask.size(); ++image) {
    if (mask[image] == 0) continue;
    auto const p = fourier_magnitudes(prediction.data() + image * size, height, width);
    auto const t = fourier_magnitudes(target.data() + image * size, height, width);
    Real sum     = 0;
    for (std::size_t i = 0; i < size; ++i) {
      Real const difference = p[i] - t[i];
      sum += squared ? difference * difference : difference < 0 ? -difference : difference;
    }
    loss += sum / static_cast<double>(size);
    count += 1;
  }
  return count == 0 ? Real(0) : loss / count;
}

}  // namespace ocellus::reference
