// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Pads, rolls, cuts and attends as the words say, one whole array after the other, for one image (T, H, W, C).
struct WindowAttention {
  std::array<std::int64_t, 3> size, window, shift;
  std::int64_t width, heads;
  std::vector<double> qkv_weight, qkv_bias, proj_weight, proj_bias, position_bias;

  [[nodiscard]] std::vector<double> operator()(std::vector<double> const& x) const {
    std::array<std::int64_t, 3> cut = window, moved = shift, padded{};
    for (int a = 0; a < 3; ++a) {
      if (size[a] <= window[a]) cut[a] = size[a], moved[a] = 0;
      padded[a] = (size[a] + cut[a] - 1) / cut[a] * cut[a];
    }
    std::int64_t const places = padded[0] * padded[1] * padded[2];
    auto const place          = [&](std::int64_t t, std::int64_t y, std::int64_t u) { return (t * padded[1] + y) * padded[2] + u; };
    // The padded clip, then rolled by -shift; region numbers tell what was wrapped.
    std::vector<double> rolled(places * width, 0.0);
    std::vector<int> region(places, 0);
    for (std::int64_t t = 0; t < padded[0]; ++t) {
      for (std::int64_t y = 0; y < padded[1]; ++y) {
        for (std::int64_t u = 0; u < padded[2]; ++u) {
          std::int64_t const from[3] = {(t + moved[0]) % padded[0], (y + moved[1]) % padded[1], (u + moved[2]) % padded[2]};
          region[place(t, y, u)] = (t + moved[0] >= padded[0] ? 4 : 0) + (y + moved[1] >= padded[1] ? 2 : 0) + (u + moved[2] >= padded[2] ? 1 : 0);
          if (from[0] >= size[0] || from[1] >= size[1] || from[2] >= size[2]) continue;
          for (std::int64_t c = 0; c < width; ++c) rolled[place(t, y, u) * width + c] = x[((from[0] * size[1] + from[1]) * size[2] + from[2]) * width + c];
        }
      }
    }
    auto const project = [&](std::vector<double> const& rows, std::vector<double> const& weight, std::vector<double> const& bias, std::int64_t outputs) {
      std::vector<double> result(rows.size() / width * outputs);
      for (std::size_t r = 0; r < rows.size() / width; ++r) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          double sum = bias.empty() ? 0.0 : bias[o];
          for (std::int64_t c = 0; c < width; ++c) sum += rows[r * width + c] * weight[o * width + c];
          result[r * outputs + o] = sum;
        }
      }
      return result;
    };
    auto const qkv = project(rolled, qkv_weight, qkv_bias, 3 * width);
    std::vector<double> attended(places * width, 0.0);
    std::int64_t const head_size = width / heads;
    auto const position          = [&](std::int64_t p) { return std::array<std::int64_t, 3>{p / padded[2] / padded[1], p / padded[2] % padded[1], p % padded[2]}; };
    for (std::int64_t q = 0; q < places; ++q) {
      auto const at = position(q);
      for (std::int64_t h = 0; h < heads; ++h) {
        std::vector<double> weight(places, 0.0);
        double total = 0;
        for (std::int64_t k = 0; k < places; ++k) {
          auto const to = position(k);
          bool together = region[q] == region[k];
          for (int a = 0; a < 3; ++a) together = together && at[a] / cut[a] == to[a] / cut[a];
          if (!together) continue;
          double dot = 0;
          for (std::int64_t d = 0; d < head_size; ++d) dot += qkv[q * 3 * width + h * head_size + d] * qkv[k * 3 * width + width + h * head_size + d];
          std::int64_t row = 0;
          for (int a = 0; a < 3; ++a) row = row * (2 * window[a] - 1) + at[a] - to[a] + window[a] - 1;
          weight[k] = std::exp(dot / std::sqrt(static_cast<double>(head_size)) + position_bias[row * heads + h]);
          total += weight[k];
        }
        for (std::int64_t k = 0; k < places; ++k) {
          for (std::int64_t d = 0; d < head_size; ++d)
            attended[q * width + h * head_size + d] += weight[k] / total * qkv[k * 3 * width + 2 * width + h * head_size + d];
        }
      }
    }
    auto const projected = project(attended, proj_weight, proj_bias, width);
    std::vector<double> output(x.size());
    for (std::int64_t t = 0; t < size[0]; ++t) {
      for (std::int64_t y = 0; y < size[1]; ++y) {
        for (std::int64_t u = 0; u < size[2]; ++u) {
          std::int64_t const from = place((t - moved[0] + padded[0]) % padded[0], (y - moved[1] + padded[1]) % padded[1], (u - moved[2] + padded[2]) % padded[2]);
          for (std::int64_t c = 0; c < width; ++c) output[((t * size[1] + y) * size[2] + u) * width + c] = projected[from * width + c];
        }
      }
    }
    return output;
  }
};

}  // namespace ocellus::reference
