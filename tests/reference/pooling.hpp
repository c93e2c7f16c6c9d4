// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

/// Pooling of bags of instances in plain loops; a template over its scalar: on dual numbers it gives derivatives.
namespace ocellus::reference {

/// A row-major matrix.
template <class Real>
struct Rows {
  std::int64_t rows = 0, columns = 0;
  std::vector<Real> values;

  Rows() = default;
  Rows(std::int64_t r, std::int64_t c) : rows(r), columns(c), values(static_cast<std::size_t>(r * c), Real(0)) {}
  Rows(std::int64_t r, std::int64_t c, std::vector<Real> v) : rows(r), columns(c), values(std::move(v)) {}
  Real& operator()(std::int64_t i, std::int64_t j) { return values[static_cast<std::size_t>(i * columns + j)]; }
  Real const& operator()(std::int64_t i, std::int64_t j) const { return values[static_cast<std::size_t>(i * columns + j)]; }
};

/// x weight^T + bias; an empty bias is left out.
template <class Real>
Rows<Real> affine(Rows<Real> const& x, Rows<Real> const& weight, std::vector<Real> const& bias) {
  Rows<Real> result(x.rows, weight.rows);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for (std::int64_t j = 0; j < weight.rows; ++j) {
      Real sum = bias.empty() ? Real(0) : bias[static_cast<std::size_t>(j)];
      for (std::int64_t k = 0; k < x.columns; ++k) sum += x(i, k) * weight(j, k);
      result(i, j) = sum;
    }
  }
  return result;
}

/// Softmax of column `column` over rows [first, last), in place.
template <class Real>
void softmax_rows(Rows<Real>& scores, std::int64_t column, std::int64_t first, std::int64_t last) {
  using std::exp;
  if (first == last) return;
  Real largest = scores(first, column), total(0);
  for (std::int64_t i = first; i < last; ++i) {
    if (scores(i, column) > largest) largest = scores(i, column);
  }
  for (std::int64_t i = first; i < last; ++i) total += (scores(i, column) = exp(scores(i, column) - largest));
  for (std::int64_t i = first; i < last; ++i) scores(i, column) /= total;
}

template <class Real>
struct MilWeights {
  Rows<Real> v;
  std::vector<Real> v_bias;
  Rows<Real> w;
  std::vector<Real> w_bias;
  Rows<Real> u;  ///< empty: not gated
  std::vector<Real> u_bias;
};

/// attention (n, R) and pooled (B R, M).
template <class Real>
std::pair<Rows<Real>, Rows<Real>> attention_mil(Rows<Real> const& features, std::vector<std::int64_t> const& offsets, MilWeights<Real> const& weights) {
  using std::exp;
  using std::tanh;
  auto hidden = affine(features, weights.v, weights.v_bias);
  for (auto& value : hidden.values) value = tanh(value);
  if (weights.u.rows > 0) {
    auto gate = affine(features, weights.u, weights.u_bias);
    for (std::size_t i = 0; i < gate.values.size(); ++i) hidden.values[i] *= Real(1) / (Real(1) + exp(-gate.values[i]));
  }
  auto attention     = affine(hidden, weights.w, weights.w_bias);
  auto const bags    = static_cast<std::int64_t>(offsets.size()) - 1;
  auto const r_count = weights.w.rows;
  Rows<Real> pooled(bags * r_count, features.columns);
  for (std::int64_t b = 0; b < bags; ++b) {
    for (std::int64_t r = 0; r < r_count; ++r) {
      auto const first = offsets[static_cast<std::size_t>(b)], last = offsets[static_cast<std::size_t>(b + 1)];
      softmax_rows(attention, r, first, last);
      for (std::int64_t i = first; i < last; ++i) {
        for (std::int64_t m = 0; m < features.columns; ++m) pooled(b * r_count + r, m) += attention(i, r) * features(i, m);
      }
    }
  }
  return {attention, pooled};
}

template <class Real>
Real activated(Real const& x, bool gelu) {
  using std::erf;
  if (gelu) return x * Real(0.5) * (Real(1) + erf(x * Real(0.70710678118654752440)));
  return x > Real(0) ? x : Real(0);
}

template <class Real>
struct Agata {
  Rows<Real> weight1;
  std::vector<Real> bias1;
  Rows<Real> weight2;
  std::vector<Real> bias2;
  Rows<Real> queries;
};

/// scores (n, Q) and pooled (B, V).
template <class Real>
std::pair<Rows<Real>, Rows<Real>> agata_pooling(Rows<Real> const& features, std::vector<std::int64_t> const& offsets, Agata<Real> const& weights, bool gelu,
                                                bool scaled, bool absolute) {
  auto first = affine(features, weights.weight1, weights.bias1);
  for (auto& value : first.values) value = activated(value, gelu);
  auto second = affine(first, weights.weight2, weights.bias2);
  for (auto& value : second.values) {
    value = activated(value, gelu);
    if (absolute && value < Real(0)) value = -value;
  }
  auto scores = affine(first, weights.queries, {});
  if (scaled) {
    for (auto& value : scores.values) value /= Real(std::sqrt(static_cast<double>(weights.weight1.rows)));
  }
  auto attention  = scores;
  auto const bags = static_cast<std::int64_t>(offsets.size()) - 1;
  Rows<Real> pooled(bags, weights.weight2.rows);
  for (std::int64_t b = 0; b < bags; ++b) {
    for (std::int64_t q = 0; q < weights.queries.rows; ++q) {
      auto const begin = offsets[static_cast<std::size_t>(b)], end = offsets[static_cast<std::size_t>(b + 1)];
      softmax_rows(attention, q, begin, end);
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t v = 0; v < pooled.columns; ++v) pooled(b, v) += attention(i, q) * second(i, v);
      }
    }
  }
  return {scores, pooled};
}

template <class Real>
struct SliceContext {
  Rows<Real> fc;
  std::vector<Real> fc_bias;
  MilWeights<Real> mil;
  Rows<Real> slice;  ///< (1, D)
  std::vector<Real> slice_bias;
};

template <class Real>
struct SliceResult {
  std::vector<Real> pooled;
  Rows<Real> slices, attention;
};

/// method: 0 mean, 1 attention, 2 all patches.
template <class Real>
SliceResult<Real> slice_context_pooling(Rows<Real> const& features, std::vector<std::int64_t> const& offsets, SliceContext<Real> const& weights, int method) {
  using std::tanh;
  auto embedded = affine(features, weights.fc, weights.fc_bias);
  for (auto& value : embedded.values) value = activated(value, false);
  auto const bags = method == 2 ? std::vector<std::int64_t>{0, features.rows} : offsets;
  SliceResult<Real> result;
  result.slices    = attention_mil(embedded, bags, weights.mil).second;
  auto const count = result.slices.rows;
  result.attention = Rows<Real>(count, 1);
  for (std::int64_t s = 0; s < count; ++s) result.attention(s, 0) = Real(1.0 / static_cast<double>(count));
  if (method == 1) {
    result.attention = affine(result.slices, weights.slice, weights.slice_bias);
    for (auto& value : result.attention.values) value = tanh(value);
    softmax_rows(result.attention, 0, 0, count);
  }
  result.pooled.assign(static_cast<std::size_t>(result.slices.columns), Real(0));
  for (std::int64_t s = 0; s < count; ++s) {
    for (std::int64_t d = 0; d < result.slices.columns; ++d) result.pooled[static_cast<std::size_t>(d)] += result.attention(s, 0) * result.slices(s, d);
  }
  return result;
}

template <class Real>
struct Perceiver {
  std::vector<Real> norm_weight, norm_bias;
  Rows<Real> q, kv, out;  ///< kv empty: keys and values are the context
};

/// One image: latents (Lq, Dq), context (n, Dc), mask empty or n flags -> (Lq, Dq).
template <class Real>
Rows<Real> perceiver_pooling(Rows<Real> const& latents, Rows<Real> const& context, Perceiver<Real> const& weights, std::vector<bool> const& mask,
                             std::int64_t heads, bool append) {
  using std::sqrt;
  Rows<Real> normed(latents.rows, latents.columns);
  Real const width(static_cast<double>(latents.columns));
  for (std::int64_t i = 0; i < latents.rows; ++i) {
    Real mean(0), variance(0);
    for (std::int64_t d = 0; d < latents.columns; ++d) mean += latents(i, d) / width;
    for (std::int64_t d = 0; d < latents.columns; ++d) variance += (latents(i, d) - mean) * (latents(i, d) - mean) / width;
    for (std::int64_t d = 0; d < latents.columns; ++d) {
      auto const at = static_cast<std::size_t>(d);
      normed(i, d)  = (latents(i, d) - mean) / sqrt(variance + Real(1e-5)) * weights.norm_weight[at] + weights.norm_bias[at];
    }
  }
  auto const query = affine(normed, weights.q, {});
  auto const inner = query.columns, size = inner / heads;
  Rows<Real> keys(0, inner), values(0, inner);
  auto const push = [&](Rows<Real> const& from, std::int64_t row, std::int64_t key_column, std::int64_t value_column) {
    for (std::int64_t d = 0; d < inner; ++d) {
      keys.values.push_back(from(row, key_column + d));
      values.values.push_back(from(row, value_column + d));
    }
    ++keys.rows, ++values.rows;
  };
  if (append) {
    for (std::int64_t i = 0; i < query.rows; ++i) push(query, i, 0, 0);
  }
  auto const tokens = weights.kv.rows > 0 ? affine(context, weights.kv, {}) : context;
  for (std::int64_t j = 0; j < context.rows; ++j) {
    if (mask.empty() || mask[static_cast<std::size_t>(j)]) push(tokens, j, 0, weights.kv.rows > 0 ? inner : 0);
  }
  Rows<Real> attended(query.rows, inner);
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < query.rows; ++i) {
      Rows<Real> scores(keys.rows, 1);
      for (std::int64_t j = 0; j < keys.rows; ++j) {
        for (std::int64_t d = h * size; d < (h + 1) * size; ++d) scores(j, 0) += query(i, d) * keys(j, d);
        scores(j, 0) /= Real(std::sqrt(static_cast<double>(size)));
      }
      softmax_rows(scores, 0, 0, keys.rows);
      for (std::int64_t j = 0; j < keys.rows; ++j) {
        for (std::int64_t d = h * size; d < (h + 1) * size; ++d) attended(i, d) += scores(j, 0) * values(j, d);
      }
    }
  }
  return affine(attended, weights.out, {});
}

}  // namespace ocellus::reference
