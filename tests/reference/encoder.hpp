// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "layer_norm.hpp"

/// Vision transformers in plain loops. `weight(name)` gives a tensor's elements in row-major order; empty: absent.
namespace ocellus::reference {

template <class Real>
std::vector<Real> linear(std::vector<Real> const& x, std::vector<Real> const& weight, std::vector<Real> const& bias, std::int64_t inputs) {
  auto const in = static_cast<std::size_t>(inputs), rows = x.size() / in, outputs = weight.size() / in;
  std::vector<Real> y(rows * outputs, Real(0));
  for (std::size_t n = 0; n < rows; ++n) {
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < in; ++i) y[n * outputs + o] += x[n * in + i] * weight[o * in + i];
      if (!bias.empty()) y[n * outputs + o] += bias[o];
    }
  }
  return y;
}

template <class Real>
void gelu_in_place(std::vector<Real>& x) {
  using std::erf;
  using std::sqrt;
  for (auto& value : x) value = value * 0.5 * (erf(value / sqrt(Real(2))) + 1.0);
}

/// silu of the first half of each row times the second.
template <class Real>
std::vector<Real> swiglu(std::vector<Real> const& x, std::size_t half) {
  using std::exp;
  std::vector<Real> y;
  for (std::size_t row = 0; row < x.size() / (2 * half); ++row)
    for (std::size_t i = 0; i < half; ++i) {
      Real const gate = x[row * 2 * half + i];
      y.push_back(gate / (exp(gate * -1.0) + 1.0) * x[row * 2 * half + half + i]);
    }
  return y;
}

/// Columns [first, first + count) of rows of `width`.
template <class Real>
std::vector<Real> columns(std::vector<Real> const& x, std::size_t width, std::size_t first, std::size_t count) {
  std::vector<Real> y;
  for (std::size_t row = 0; row < x.size() / width; ++row)
    y.insert(y.end(), x.begin() + static_cast<std::ptrdiff_t>(row * width + first), x.begin() + static_cast<std::ptrdiff_t>(row * width + first + count));
  return y;
}

/// Self-attention of one image's tokens; q, k, v (T, D).
template <class Real>
std::vector<Real> attention(std::vector<Real> const& q, std::vector<Real> const& k, std::vector<Real> const& v, std::size_t width, std::size_t heads) {
  using std::exp;
  using std::sqrt;
  std::size_t const queries = q.size() / width, keys = k.size() / width, size = width / heads;
  std::vector<Real> y(q.size(), Real(0));
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t n = 0; n < queries; ++n) {
      std::vector<Real> p(keys, Real(0));
      Real total = 0, most = 0;
      for (std::size_t m = 0; m < keys; ++m) {
        for (std::size_t d = 0; d < size; ++d) p[m] += q[n * width + h * size + d] * k[m * width + h * size + d];
        p[m] = p[m] / sqrt(static_cast<double>(size));
        if (m == 0 || p[m] > most) most = p[m];
      }
      for (auto& value : p) value = exp(value - most), total += value;
      for (std::size_t m = 0; m < keys; ++m) {
        for (std::size_t d = 0; d < size; ++d) y[n * width + h * size + d] += p[m] / total * v[m * width + h * size + d];
      }
    }
  }
  return y;
}

template <class Real, class Weight>
std::vector<Real> norm(std::vector<Real> const& x, Weight const& weight, std::string const& name, std::int64_t width, double epsilon) {
  return weight(name + ".weight").empty() ? x : layer_norm<Real>(x, weight(name + ".weight"), weight(name + ".bias"), width, epsilon);
}

/// One image: tokens (T, D).
template <class Real, class Weight>
std::vector<Real> transformer_block(std::vector<Real> x, Weight const& weight, std::string const& prefix, bool parallel, std::int64_t width, std::int64_t heads,
                                    double epsilon) {
  auto const at   = [&](std::string const& name) { return weight(prefix + name); };
  auto const here = [&](std::string const& name) { return weight(prefix + name); };
  auto const d = static_cast<std::size_t>(width), h = static_cast<std::size_t>(heads);
  auto const add = [&](std::vector<Real> const& y, std::vector<Real> const& gamma) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += gamma.empty() ? y[i] : y[i] * gamma[i % d];
  };
  auto const in           = linear(norm(x, here, parallel ? "in_norm" : "norm1", width, epsilon), at(parallel ? "in_proj.weight" : "attn.qkv.weight"),
                                   at(parallel ? "in_proj.bias" : "attn.qkv.bias"), width);
  std::size_t const total = at(parallel ? "in_proj.weight" : "attn.qkv.weight").size() / d, hidden = total - 3 * d;
  auto const head_size = width / heads;
  auto const q         = norm(columns(in, total, hidden, d), here, parallel ? "q_norm" : "attn.q_norm", head_size, epsilon);
  auto const k         = norm(columns(in, total, hidden + d, d), here, parallel ? "k_norm" : "attn.k_norm", head_size, epsilon);
  auto const attended  = linear(attention(q, k, columns(in, total, hidden + 2 * d, d), d, h), at(parallel ? "attn_out_proj.weight" : "attn.proj.weight"),
                                at(parallel ? "attn_out_proj.bias" : "attn.proj.bias"), width);
  if (parallel) {
    auto mlp        = columns(in, total, 0, hidden);
    auto const bias = at("mlp_bias");
    for (std::size_t i = 0; i < mlp.size() && !bias.empty(); ++i) mlp[i] += bias[i % hidden];
    gelu_in_place(mlp);
    auto y = linear(mlp, at("mlp_out_proj.weight"), at("mlp_out_proj.bias"), static_cast<std::int64_t>(hidden));
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += attended[i];
    add(y, at("ls.gamma"));
    return x;
  }
  add(attended, at("ls1.gamma"));
  auto mlp        = linear(norm(x, here, "norm2", width, epsilon), at("mlp.fc1.weight"), at("mlp.fc1.bias"), width);
  auto const rows = x.size() / d, inner = mlp.size() / rows, outer = at("mlp.fc2.weight").size() / d;
  if (inner == 2 * outer)
    mlp = swiglu(mlp, outer);
  else
    gelu_in_place(mlp);
  add(linear(mlp, at("mlp.fc2.weight"), at("mlp.fc2.bias"), static_cast<std::int64_t>(mlp.size() / (x.size() / d))), at("ls2.gamma"));
  return x;
}

struct ImageShape {
  std::int64_t channels = 1, height = 1, width = 1;
};

/// Tokens of one image (C, H, W) by a kernel of patches `p` x `q`.
template <class Real>
std::vector<Real> patch_embed(std::vector<Real> const& image, ImageShape const& s, std::vector<Real> const& weight, std::vector<Real> const& bias,
                              std::int64_t features, std::int64_t p, std::int64_t q, bool channel_agnostic) {
  std::int64_t const groups = channel_agnostic ? s.channels : 1, own = channel_agnostic ? 1 : s.channels;
  std::vector<Real> tokens;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < s.height / p; ++i) {
      for (std::int64_t j = 0; j < s.width / q; ++j) {
        for (std::int64_t d = 0; d < features; ++d) {
          Real sum = bias.empty() ? Real(0) : bias[static_cast<std::size_t>(d)];
          for (std::int64_t c = 0; c < own; ++c) {
            for (std::int64_t u = 0; u < p; ++u) {
              for (std::int64_t v = 0; v < q; ++v) {
                sum += weight[static_cast<std::size_t>(((d * own + c) * p + u) * q + v)] *
                       image[static_cast<std::size_t>(((g + c) * s.height + i * p + u) * s.width + j * q + v)];
              }
            }
          }
          tokens.push_back(sum);
        }
      }
    }
  }
  return tokens;
}

struct EncoderShape {
  ImageShape image;
  std::int64_t patch = 1, width = 1, heads = 1, depth = 1;
  bool parallel = false, channel_agnostic = false;
};

/// All tokens of one image after the final norm.
template <class Real, class Weight>
std::vector<Real> encoder(std::vector<Real> const& image, EncoderShape const& s, Weight const& weight, double epsilon) {
  auto tokens          = weight("cls_token");
  auto const registers = weight("reg_token");
  tokens.insert(tokens.end(), registers.begin(), registers.end());
  auto const patches =
      patch_embed<Real>(image, s.image, weight("patch_embed.proj.weight"), weight("patch_embed.proj.bias"), s.width, s.patch, s.patch, s.channel_agnostic);
  tokens.insert(tokens.end(), patches.begin(), patches.end());
  auto const positions = weight("pos_embed");
  for (std::size_t i = 0; i < tokens.size() && !positions.empty(); ++i) tokens[i] += positions[i];
  tokens = norm(tokens, weight, "norm_pre", s.width, epsilon);
  for (std::int64_t b = 0; b < s.depth; ++b)
    tokens = transformer_block(tokens, weight, "blocks." + std::to_string(b) + ".", s.parallel, s.width, s.heads, epsilon);
  return norm(tokens, weight, "norm", s.width, epsilon);
}

}  // namespace ocellus::reference
