// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The losses of convex potentials from their values alone: maps and gradients by differences.

#include "transport/networks.hpp"

namespace ocellus::test {

struct MapLosses {
  double loss_g = 0, loss_f = 0, w2 = 0;
  std::vector<double> map;
};

/// `f(x, i)` and `g(x, i)`: the networks at x with the label of sample i. `fixed`: T where it is not to be computed again.
template <class F, class G>
MapLosses map_losses(F const& f, G const& g, std::vector<double> const& source, std::vector<double> const& target, std::size_t width,
                     std::vector<double> const& fixed = {}) {
  MapLosses losses;
  std::size_t const n = source.size() / width, m = target.size() / width;
  double mapped = 0, inner = 0, own = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    auto const x = row_of(source, i, width);
    auto const t = fixed.empty() ? reference::gradient([&](std::vector<double> const& p) { return g(p, i); }, x, 1e-4) : row_of(fixed, i, width);
    losses.map.insert(losses.map.end(), t.begin(), t.end());
    mapped += f(t, i) / static_cast<double>(n);
    for (std::size_t k = 0; k < width; ++k) {
      inner += x[k] * t[k] / static_cast<double>(n);
      squares += 0.5 * x[k] * x[k] / static_cast<double>(n);
    }
  }
  for (std::size_t i = 0; i < m; ++i) {
    auto const y = row_of(target, i, width);
    own += f(y, i) / static_cast<double>(m);
    for (double const value : y) squares += 0.5 * value * value / static_cast<double>(m);
  }
  losses.loss_g = mapped - inner;
  losses.loss_f = own - mapped;
  losses.w2     = mapped - inner - own + squares;
  return losses;
}

/// lambda sum ||relu(-W)||_F over the tensors whose name begins so.
inline double negative_part(reference::Tensors const& tensors, std::string const& prefix) {
  double sum = 0;
  for (auto const& [name, values] : tensors) {
    if (name.rfind(prefix, 0) != 0) continue;
    double squares = 0;
    for (double const w : values) squares += w < 0 ? w * w : 0;
    sum += std::sqrt(squares);
  }
  return sum;
}

}  // namespace ocellus::test
