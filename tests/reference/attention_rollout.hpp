// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace ocellus::reference {

/// One image: attention (layers, heads, n, n); fusion 0 mean, 1 max, 2 min.
inline std::vector<double> attention_rollout(std::vector<double> const& attention, std::int64_t layers, std::int64_t heads, std::int64_t n, int fusion,
                                             bool residual, double discard_ratio) {
  auto const size = static_cast<std::size_t>(n * n);
  std::vector<double> rollout(size, 0.0);
  for (std::int64_t i = 0; i < n; ++i) rollout[static_cast<std::size_t>(i * n + i)] = 1;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    std::vector<double> fused(size, 0.0);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::int64_t h = 0; h < heads; ++h) {
        double const value = attention[static_cast<std::size_t>(layer * heads + h) * size + i];
        fused[i]           = h == 0 ? value : fusion == 0 ? fused[i] + value : fusion == 1 ? std::max(fused[i], value) : std::min(fused[i], value);
      }
      if (fusion == 0) fused[i] /= static_cast<double>(heads);
    }
    std::vector<std::size_t> order(size);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return fused[a] < fused[b]; });
    auto const discarded = static_cast<std::size_t>(static_cast<double>(n * n) * discard_ratio);
    for (std::size_t i = 0; i < discarded; ++i) {
      if (order[i] != 0) fused[order[i]] = 0;
    }
    if (residual) {
      for (std::int64_t i = 0; i < n; ++i) {
        double sum = 0;
        fused[static_cast<std::size_t>(i * n + i)] += 1;
        for (std::int64_t j = 0; j < n; ++j) sum += fused[static_cast<std::size_t>(i * n + j)];
        for (std::int64_t j = 0; j < n; ++j) fused[static_cast<std::size_t>(i * n + j)] /= sum;
      }
    }
    std::vector<double> next(size, 0.0);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        for (std::int64_t k = 0; k < n; ++k)
          next[static_cast<std::size_t>(i * n + j)] += fused[static_cast<std::size_t>(i * n + k)] * rollout[static_cast<std::size_t>(k * n + j)];
      }
    }
    rollout = next;
  }
  return rollout;
}

}  // namespace ocellus::reference
