// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::reference {

struct AttentionShape {
  std::int64_t batch = 1, heads = 1, queries = 1, keys = 1, width = 1, value_width = 1;
};

template <class Real>
struct AttentionResult {
  std::vector<Real> output, log_sum_exp;
};

/// The whole matrix of scores of each head; `keep(b, h, n, m)` says whether a key takes part, `added(b, h, n, m)` is added to its score.
template <class Real, class Keep, class Added>
AttentionResult<Real> multi_head_attention(AttentionShape const& s, std::vector<Real> const& query, std::vector<Real> const& key,
                                           std::vector<Real> const& value, double scale, Keep const& keep, Added const& added) {
  using std::exp;
  using std::log;
  AttentionResult<Real> result;
  result.output.assign(static_cast<std::size_t>(s.batch * s.heads * s.queries * s.value_width), Real(0));
  result.log_sum_exp.assign(static_cast<std::size_t>(s.batch * s.heads * s.queries), Real(-std::numeric_limits<double>::infinity()));
  for (std::int64_t b = 0; b < s.batch; ++b) {
    for (std::int64_t h = 0; h < s.heads; ++h) {
      for (std::int64_t n = 0; n < s.queries; ++n) {
        std::int64_t const head = b * s.heads + h, row = head * s.queries + n;
        std::vector<Real> score;
        std::vector<std::int64_t> kept;
        for (std::int64_t m = 0; m < s.keys; ++m) {
          if (!keep(b, h, n, m)) continue;
          Real sum = 0;
          for (std::int64_t d = 0; d < s.width; ++d)
            sum += query[static_cast<std::size_t>(row * s.width + d)] * key[static_cast<std::size_t>((head * s.keys + m) * s.width + d)];
          score.push_back(sum * scale + added(b, h, n, m));
          kept.push_back(m);
        }
        if (kept.empty()) continue;
        Real most = score[0];
        for (auto const& x : score) most = x > most ? x : most;
        Real total = 0;
        for (auto const& x : score) total += exp(x - most);
        for (std::size_t i = 0; i < kept.size(); ++i) {
          for (std::int64_t e = 0; e < s.value_width; ++e) {
            result.output[static_cast<std::size_t>(row * s.value_width + e)] +=
                exp(score[i] - most) / total * value[static_cast<std::size_t>((head * s.keys + kept[i]) * s.value_width + e)];
          }
        }
        result.log_sum_exp[static_cast<std::size_t>(row)] = most + log(total);
      }
    }
  }
  return result;
}

}  // namespace ocellus::reference
