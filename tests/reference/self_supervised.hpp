// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "encoder.hpp"

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

/// Student (S, N, K), teacher (2, N, K): the mean (or sum) over pairs.
template <class Real>
Real dino_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::vector<double> const& center, std::size_t samples, double student_temperature, double teacher_temperature,
               bool skip, bool mean) {
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

template <class Real>
Real distillation_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::size_t width, double student_temperature, double teacher_temperature, double scale, bool divergence) {
  auto const s = log_softmax(student, width, student_temperature);
  auto const t = log_softmax(teacher, width, teacher_temperature);
  Real loss    = 0;
  for (std::size_t i = 0; i < s.size(); ++i) loss += ((divergence ? Real(t[i]) : Real(0)) - s[i]) * std::exp(t[i]);
  return loss * (scale / static_cast<double>(s.size() / width));
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
  Real loss              = 0;
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

/// iBOT's patch term: student, teacher (2, N, L, K), mask (2, N, L).
template <class Real>
Real patch_loss(std::vector<Real> const& student, std::vector<double> const& teacher, std::vector<double> const& center, std::vector<double> const& mask, std::size_t patches,
                double student_temperature, double teacher_temperature) {
  std::size_t const width = center.size(), images = mask.size() / patches;
  auto const s = log_softmax(student, width, student_temperature);
  auto const t = log_softmax(teacher, width, teacher_temperature, center);
  Real loss    = 0;
  for (std::size_t image = 0; image < images; ++image) {
    double hidden = 0;
    for (std::size_t l = 0; l < patches; ++l) hidden += mask[image * patches + l];
    double const divisor = (hidden < 1 ? 1 : hidden) * static_cast<double>(images);
    for (std::size_t l = 0; l < patches; ++l) {
      std::size_t const row = image * patches + l;
      for (std::size_t k = 0; k < width && mask[row] != 0; ++k) loss += s[row * width + k] * (-std::exp(t[row * width + k]) / divisor);
    }
  }
  return loss;
}

/// DINO's head: `layers` holds weight and bias by turns (an empty bias: none), g (K, empty: 1), v (K, B).
template <class Real>
std::vector<Real> dino_head(std::vector<Real> x, std::size_t width, std::vector<std::vector<Real>> const& layers, std::vector<Real> const& g, std::vector<Real> const& v) {
  using std::sqrt;
  for (std::size_t i = 0; i < layers.size(); i += 2) {
    if (i > 0) gelu_in_place(x);
    x     = linear(x, layers[i], layers[i + 1], static_cast<std::int64_t>(width));
    width = layers[i].size() / width;
  }
  x                            = unit_rows(x, width, 1e-12);
  std::size_t const prototypes = v.size() / width;
  auto logits                  = linear(x, v, std::vector<Real>(), static_cast<std::int64_t>(width));
  for (std::size_t k = 0; k < prototypes; ++k) {
    Real square = 0;
    for (std::size_t d = 0; d < width; ++d) square += v[k * width + d] * v[k * width + d];
    Real const scale = (g.empty() ? Real(1) : g[k]) / sqrt(square);
    for (std::size_t i = k; i < logits.size(); i += prototypes) logits[i] = logits[i] * scale;
  }
  return logits;
}

/// Embeddings (n, D) -> (G, D); a set without rows has the mean 0.
template <class Real>
std::vector<Real> set_mean(std::vector<Real> const& x, std::vector<double> const& set, std::size_t sets, std::size_t width) {
  std::vector<Real> mean(sets * width, Real(0));
  for (std::size_t g = 0; g < sets; ++g) {
    double count = 0;
    for (double const s : set) count += s == static_cast<double>(g) ? 1 : 0;
    for (std::size_t i = 0; i < set.size(); ++i) {
      for (std::size_t d = 0; d < width && set[i] == static_cast<double>(g); ++d) mean[g * width + d] += x[i * width + d] / count;
    }
  }
  return mean;
}

}  // namespace ocellus::reference
