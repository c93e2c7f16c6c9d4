// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

/// Losses of self-supervised learning in plain loops; rows row-major.
namespace ocellus::reference {

/// log softmax of (x - center) / temperature, row by row.
template <class Real>
std::vector<Real> log_softmax(std::vector<Real> const& x, std::size_t width, double temperature, std::vector<double> const& center = {}) {
  using std::exp;
  using std::log;
  std::vector<Real> y(x.size());
  for (std::size_t first = 0; first < x.size(); first += width) {
    Real most = 0, sum = 0;
    for (std::size_t k = 0; k < width; ++k) {
      y[first + k] = (center.empty() ? x[first + k] : x[first + k] - center[k]) / temperature;
      if (k == 0 || y[first + k] > most) most = y[first + k];
    }
    for (std::size_t k = 0; k < width; ++k) sum += exp(y[first + k] - most);
    for (std::size_t k = 0; k < width; ++k) y[first + k] = y[first + k] - most - log(sum);
  }
  return y;
}

/// x over max(|x|, floor), row by row.
template <class Real>
std::vector<Real> unit_rows(std::vector<Real> x, std::size_t width, double floor) {
  using std::sqrt;
  for (std::size_t first = 0; first < x.size(); first += width) {
    Real square = 0;
    for (std::size_t d = 0; d < width; ++d) square += x[first + d] * x[first + d];
    Real const length = square > floor * floor ? sqrt(square) : Real(floor);
    for (std::size_t d = 0; d < width; ++d) x[first + d] = x[first + d] / length;
  }
  return x;
}

/// weights: weight (O, I) and bias (O) of each layer, then g (K) and v (K, B). `width` features a row.
template <class Real>
std::vector<Real> dino_head(std::vector<Real> const& input, std::size_t width, std::vector<std::vector<Real>> const& weights) {
  using std::erf;
  std::vector<Real> x      = input;
  std::size_t const layers = (weights.size() - 2) / 2;
  std::size_t const rows   = width == 0 ? 0 : input.size() / width;
  auto const& lengths      = weights[2 * layers];
  auto const& directions   = weights[2 * layers + 1];
  for (std::size_t i = 0; i < layers; ++i) {
    auto const &w = weights[2 * i], &b = weights[2 * i + 1];
    std::vector<Real> next(rows * b.size());
    for (std::size_t n = 0; n < rows; ++n) {
      for (std::size_t o = 0; o < b.size(); ++o) {
        Real sum = b[o];
        for (std::size_t d = 0; d < width; ++d) sum += w[o * width + d] * x[n * width + d];
        next[n * b.size() + o] = i + 1 < layers ? sum * 0.5 * (erf(sum / std::sqrt(2.0)) + 1.0) : sum;
      }
    }
    x     = next;
    width = b.size();
  }
  x            = unit_rows(x, width, 1e-12);
  auto const v = unit_rows(directions, width, 0);
  std::vector<Real> logits(rows * lengths.size());
  for (std::size_t n = 0; n < rows; ++n) {
    for (std::size_t k = 0; k < lengths.size(); ++k) {
      Real sum = 0;
      for (std::size_t d = 0; d < width; ++d) sum += x[n * width + d] * v[k * width + d];
      logits[n * lengths.size() + k] = sum * lengths[k];
    }
  }
  return logits;
}

/// Student (S, N, K), teacher (2, N, K): the mean (or sum) over pairs.
template <class Real>
Real dino_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::vector<double> const& center, std::size_t samples,
               double student_temperature, double teacher_temperature, bool skip, bool mean) {
  std::size_t const width = center.size(), view = samples * width, views = student.size() / view;
  auto const s = log_softmax(student, width, student_temperature);
  auto const t = log_softmax(teacher, width, teacher_temperature, center);
  Real loss    = 0;
  double pairs = 0;
  for (std::size_t q = 0; q < 2; ++q) {
    for (std::size_t v = 0; v < views; ++v) {
      if (skip && v == q) continue;
      pairs += 1;
      for (std::size_t i = 0; i < view; ++i) loss += s[v * view + i] * (-std::exp(t[q * view + i]) / static_cast<double>(samples));
    }
  }
  return mean ? loss / pairs : loss;
}

/// Patches (2, N, L, K) and mask (2, N, L): cross entropies of the masked, mean over each image's, then over images and views.
template <class Real>
Real ibot_patch_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::vector<double> const& center, std::vector<double> const& mask,
                     std::size_t patches, double student_temperature, double teacher_temperature) {
  std::size_t const width  = center.size();
  auto const s             = log_softmax(student, width, student_temperature);
  auto const t             = log_softmax(teacher, width, teacher_temperature, center);
  std::size_t const images = patches == 0 ? 0 : mask.size() / patches;
  Real loss                = 0;
  for (std::size_t image = 0; image < images; ++image) {
    double masked = 0;
    for (std::size_t l = 0; l < patches; ++l) masked += mask[image * patches + l] != 0;
    for (std::size_t l = 0; l < patches; ++l) {
      std::size_t const row = image * patches + l;
      for (std::size_t k = 0; k < width && mask[row] != 0; ++k)
        loss += s[row * width + k] * (-std::exp(t[row * width + k]) / (masked > 1 ? masked : 1) / static_cast<double>(images));
    }
  }
  return loss;
}

template <class Real>
Real distillation_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::size_t width, double student_temperature,
                       double teacher_temperature, double scale, bool divergence) {
  auto const s = log_softmax(student, width, student_temperature);
  auto const t = log_softmax(teacher, width, teacher_temperature);
  Real loss    = 0;
  for (std::size_t i = 0; i < s.size(); ++i) loss += ((divergence ? Real(t[i]) : Real(0)) - s[i]) * std::exp(t[i]);
  return loss * (scale / static_cast<double>(s.size() / width));
}

template <class Real>
Real koleo_loss(std::vector<Real> const& x, std::size_t width) {
  using std::log;
  using std::sqrt;
  auto const y           = unit_rows(x, width, 1e-8);
  std::size_t const rows = x.size() / width;
  Real loss              = 0;
  for (std::size_t n = 0; n < rows; ++n) {
    std::size_t best = n;
    Real most        = 0;
    for (std::size_t m = 0; m < rows; ++m) {
      Real product = 0;
      for (std::size_t d = 0; d < width; ++d) product += y[n * width + d] * y[m * width + d];
      if (m != n && (best == n || product > most)) best = m, most = product;
    }
    Real square = 0;
    for (std::size_t d = 0; d < width; ++d) {
      Real const difference = y[n * width + d] - y[best * width + d] + 1e-8;
      square += difference * difference;
    }
    loss -= log(sqrt(square) + 1e-8) / static_cast<double>(rows);
  }
  return loss;
}

template <class Real>
Real simclr_loss(std::vector<Real> const& first, std::vector<Real> const& second, std::size_t width, double temperature, bool normalize) {
  auto z = first;
  z.insert(z.end(), second.begin(), second.end());
  if (normalize) z = unit_rows(z, width, 1e-6);
  std::size_t const rows = z.size() / width, pairs = rows / 2;
  Real loss = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    std::vector<Real> s;
    std::size_t partner = 0;
    for (std::size_t j = 0; j < rows; ++j) {
      if (j == i) continue;
      if (j == (i + pairs) % rows) partner = s.size();
      s.emplace_back(0);
      for (std::size_t d = 0; d < width; ++d) s.back() += z[i * width + d] * z[j * width + d];
    }
    loss -= log_softmax(s, s.size(), temperature)[partner] / static_cast<double>(pairs);
  }
  return loss;
}

}  // namespace ocellus::reference
