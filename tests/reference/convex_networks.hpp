// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace ocellus::reference {

/// Tensors by name, row-major; a weight has as many rows as `units` of its output.
using Tensors = std::map<std::string, std::vector<double>>;

inline double leaky(double z, double slope) { return z > 0 ? z : slope * z; }
inline double softplus(double z) { return std::log1p(std::exp(-std::abs(z))) + (z > 0 ? z : 0); }

/// W in + b, or W in where there is no bias; W mapped by softplus(beta W) / beta where beta is not 0.
inline std::vector<double> affine(Tensors const& tensors, std::string const& name, std::vector<double> const& in, double beta = 0) {
  auto const& weight = tensors.at(name + ".weight");
  std::vector<double> out(weight.size() / in.size());
  for (std::size_t o = 0; o < out.size(); ++o) {
    if (tensors.count(name + ".bias") > 0) out[o] = tensors.at(name + ".bias")[o];
    for (std::size_t i = 0; i < in.size(); ++i) {
      double const w = weight[o * in.size() + i];
      out[o] += (beta == 0 ? w : softplus(beta * w) / beta) * in[i];
    }
  }
  return out;
}

inline std::vector<double> sum(std::vector<double> a, std::vector<double> const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
inline std::vector<double> product(std::vector<double> a, std::vector<double> const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
  return a;
}

/// An input-convex network with `layers` hidden layers.
inline double icnn(Tensors const& t, std::vector<double> const& x, int layers, double slope, double beta) {
  auto z = affine(t, "A.0", x);
  for (double& v : z) v = leaky(v, slope) * leaky(v, slope);
  for (int l = 1; l < layers; ++l) {
    z = sum(affine(t, "W." + std::to_string(l - 1), z, beta), affine(t, "A." + std::to_string(l), x));
    for (double& v : z) v = leaky(v, slope);
  }
  return affine(t, "W." + std::to_string(layers - 1), z, beta)[0] + affine(t, "A." + std::to_string(layers), x)[0];
}

/// A partially convex network with `layers` hidden layers.
inline double picnn(Tensors const& t, std::vector<double> const& x, std::vector<double> const& label, int layers, double beta) {
  auto u = label, z = label;
  for (int l = 0; l <= layers; ++l) {
    std::string const number = std::to_string(l), before = std::to_string(l - 1);
    if (l < layers) {
      u = affine(t, "w." + number, u);
      for (double& v : u) v = leaky(v, 0.2);
    }
    auto a = sum(affine(t, "wx." + number, product(x, affine(t, "wxu." + number, u))), affine(t, "wu." + number, u));
    if (l > 0) {
      auto gate = affine(t, "wzu." + before, u);
      for (double& v : gate) v = softplus(v);
      a = sum(a, affine(t, "wz." + before, product(z, gate), beta));
    }
    if (l == layers) return a[0];
    z = a;
    for (double& v : z) v = l == 0 ? leaky(v, 0.2) * leaky(v, 0.2) : leaky(v, 0.2);
  }
  return 0;
}

/// A softplus network with `layers` hidden layers.
inline double energy(Tensors const& t, std::vector<double> const& x, int layers) {
  auto h = x;
  for (int l = 0; l <= layers; ++l) {
    h = affine(t, std::to_string(l), h);
    for (double& v : h) v = l < layers ? softplus(v) : v;
  }
  return h[0];
}

/// The gradient of a function of a point by central differences.
template <class Function>
std::vector<double> gradient(Function const& function, std::vector<double> x, double step = 1e-5) {
  std::vector<double> result;
  for (double& value : x) {
    double const kept  = value;
    value              = kept + step;
    double const above = function(x);
    value              = kept - step;
    double const below = function(x);
    value              = kept;
    result.push_back((above - below) / (2 * step));
  }
  return result;
}

}  // namespace ocellus::reference
