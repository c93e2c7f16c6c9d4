// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

/// Flows of objects in plain loops. Images are row-major (n0, n1) or (n0, n1, n2), flows have their components first.
namespace ocellus::reference {

using Extents = std::vector<std::int64_t>;

inline std::int64_t product(Extents const& n) {
  std::int64_t all = 1;
  for (auto const e : n) all *= e;
  return all;
}

inline Extents place_of(std::int64_t index, Extents const& n) {
  Extents place(n.size());
  for (std::size_t c = n.size(); c-- > 0; index /= n[c]) place[c] = index % n[c];
  return place;
}

/// The index of a place; -1 outside.
inline std::int64_t index_of(Extents const& place, Extents const& n) {
  std::int64_t index = 0;
  for (std::size_t c = 0; c < n.size(); ++c) {
    if (place[c] < 0 || place[c] >= n[c]) return -1;
    index = index * n[c] + place[c];
  }
  return index;
}

/// The ends of all inside pixels, (P, axes).
inline std::vector<double> follow_flows(std::vector<double> const& flow, std::vector<double> const& inside, Extents const& n, std::int64_t iterations) {
  std::vector<double> ends;
  auto const axes = n.size();
  for (std::int64_t pixel = 0; pixel < product(n); ++pixel) {
    if (inside[static_cast<std::size_t>(pixel)] == 0) continue;
    auto const start = place_of(pixel, n);
    std::vector<double> u(axes, 0.0);
    for (std::size_t c = 0; c < axes; ++c) {
      if (n[c] > 1) u[c] = 2.0 * static_cast<double>(start[c]) / static_cast<double>(n[c] - 1) - 1;
    }
    for (std::int64_t step = 0; step < iterations; ++step) {
      std::vector<double> move(axes, 0.0);
      for (int corner = 0; corner < (1 << axes); ++corner) {
        double weight = 1;
        Extents place(axes);
        for (std::size_t c = 0; c < axes; ++c) {
          double const at = ((u[c] + 1) * static_cast<double>(n[c]) - 1) / 2, floor = std::floor(at);
          bool const up = (corner >> c & 1) != 0;
          place[c]      = static_cast<std::int64_t>(floor) + (up ? 1 : 0);
          weight *= up ? at - floor : 1 - (at - floor);
        }
        auto const i = index_of(place, n);
        if (i < 0 || inside[static_cast<std::size_t>(i)] == 0) continue;
        for (std::size_t c = 0; c < axes; ++c) move[c] += weight * flow[static_cast<std::size_t>(static_cast<std::int64_t>(c) * product(n) + i)] / 5;
      }
      for (std::size_t c = 0; c < axes; ++c) {
        if (n[c] > 1) u[c] = std::clamp(u[c] + 2.0 / static_cast<double>(n[c] - 1) * move[c], -1.0, 1.0);
      }
    }
    for (std::size_t c = 0; c < axes; ++c) ends.push_back(n[c] > 1 ? (u[c] + 1) / 2 * static_cast<double>(n[c] - 1) : 0.0);
  }
  return ends;
}

/// (2, h, w); iterations 0: by the objects' size.
inline std::vector<double> masks_to_flows(std::vector<double> const& labels, std::int64_t h, std::int64_t w, std::int64_t iterations = 0) {
  auto const label = [&](std::int64_t y, std::int64_t x) { return y < 0 || x < 0 || y >= h || x >= w ? 0.0 : labels[static_cast<std::size_t>(y * w + x)]; };
  std::map<int, std::array<std::int64_t, 4>> boxes;  // top, left, bottom, right: inclusive
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      if (label(y, x) < 1) continue;
      auto& box = boxes.try_emplace(static_cast<int>(label(y, x)), std::array<std::int64_t, 4>{y, x, y, x}).first->second;
      box       = {std::min(box[0], y), std::min(box[1], x), std::max(box[2], y), std::max(box[3], x)};
    }
  }
  std::vector<std::int64_t> centers;
  std::int64_t steps = 0;
  for (auto const& [object, box] : boxes) {
    double row = 0, column = 0, count = 0;
    for (std::int64_t y = box[0]; y <= box[2]; ++y) {
      for (std::int64_t x = box[1]; x <= box[3]; ++x) {
        if (label(y, x) == object) row += static_cast<double>(y - box[0]), column += static_cast<double>(x - box[1]), count += 1;
      }
    }
    double const cy = std::nearbyint(row / count), cx = std::nearbyint(column / count);
    double best         = std::numeric_limits<double>::infinity();
    std::int64_t center = 0;
    for (std::int64_t y = box[0]; y <= box[2]; ++y) {
      for (std::int64_t x = box[1]; x <= box[3]; ++x) {
        double const dy = static_cast<double>(y - box[0]) - cy, dx = static_cast<double>(x - box[1]) - cx;
        if (label(y, x) == object && dy * dy + dx * dx < best) best = dy * dy + dx * dx, center = y * w + x;
      }
    }
    centers.push_back(center);
    steps = std::max(steps, 2 * (box[2] - box[0] + box[3] - box[1] + 4));
  }
  std::vector<double> heat(labels.size(), 0.0);
  for (std::int64_t step = 0; step < (iterations > 0 ? iterations : steps); ++step) {
    for (auto const center : centers) heat[static_cast<std::size_t>(center)] += 1;
    auto next = heat;
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        if (label(y, x) < 1) continue;
        double sum = 0;
        // Itself, sides, corners: where heats cancel, the order of their sum decides the direction.
        constexpr std::array<int, 9> down{0, -1, 1, 0, 0, -1, -1, 1, 1}, along{0, 0, 0, -1, 1, -1, 1, -1, 1};
        for (std::size_t k = 0; k < 9; ++k) {
          if (label(y + down[k], x + along[k]) == label(y, x)) sum += heat[static_cast<std::size_t>((y + down[k]) * w + x + along[k])];
        }
        next[static_cast<std::size_t>(y * w + x)] = sum / 9;
      }
    }
    heat = next;
  }
  std::vector<double> flow(2 * labels.size(), 0.0);
  auto const at = [&](std::int64_t y, std::int64_t x) { return y < 0 || x < 0 || y >= h || x >= w ? 0.0 : heat[static_cast<std::size_t>(y * w + x)]; };
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      if (label(y, x) < 1) continue;
      double const dy = at(y + 1, x) - at(y - 1, x), dx = at(y, x + 1) - at(y, x - 1), norm = 1e-60 + std::sqrt(dy * dy + dx * dx);
      flow[static_cast<std::size_t>(y * w + x)]                 = dy / norm;
      flow[labels.size() + static_cast<std::size_t>(y * w + x)] = dx / norm;
    }
  }
  return flow;
}

inline std::vector<double> flow_error(std::vector<double> const& labels, std::vector<double> const& flow, std::int64_t h, std::int64_t w, std::int64_t count) {
  auto const shape = masks_to_flows(labels, h, w);
  std::vector<double> error(static_cast<std::size_t>(count), 0.0), pixels(static_cast<std::size_t>(count), 0.0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 1 || labels[i] > static_cast<double>(count)) continue;
    auto const k    = static_cast<std::size_t>(labels[i]) - 1;
    double const dy = shape[i] - flow[i] / 5, dx = shape[labels.size() + i] - flow[labels.size() + i] / 5;
    error[k] += dy * dy + dx * dx;
    pixels[k] += 1;
  }
  for (std::size_t k = 0; k < error.size(); ++k) error[k] /= pixels[k];
  return error;
}

inline std::vector<double> flow_to_masks(std::vector<double> const& flow, std::vector<double> const& probability, Extents const& n, std::int64_t iterations,
                                         double probability_threshold, double flow_threshold, double fraction) {
  std::vector<double> inside;
  for (double const p : probability) inside.push_back(p > probability_threshold ? 1 : 0);
  auto const ends = follow_flows(flow, inside, n, iterations);
  std::map<Extents, int> bins;
  std::vector<Extents> bin_of;
  for (std::size_t i = 0; i < ends.size(); i += n.size()) {
    Extents bin;
    for (std::size_t c = 0; c < n.size(); ++c) bin.push_back(static_cast<std::int64_t>(ends[i + c]));
    bin_of.push_back(bin);
    ++bins[bin];
  }
  auto const count_at = [&](Extents const& bin) { return bins.count(bin) > 0 ? bins.at(bin) : 0; };
  auto const around   = [&](Extents const& bin, std::int64_t radius, auto const& body) {
    Extents const side(n.size(), 2 * radius + 1);
    for (std::int64_t i = 0; i < product(side); ++i) {
      auto place = place_of(i, side);
      for (std::size_t c = 0; c < n.size(); ++c) place[c] += bin[c] - radius;
      body(place);
    }
  };
  std::vector<std::pair<int, Extents>> seeds;  // std::map iterates in row-major order
  for (auto const& [bin, count] : bins) {
    int most = 0;
    around(bin, 2, [&](Extents const& other) { most = std::max(most, count_at(other)); });
    if (count > 10 && count == most) seeds.emplace_back(count, bin);
  }
  std::stable_sort(seeds.begin(), seeds.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
  std::map<Extents, int> owner;
  for (std::size_t s = 0; s < seeds.size(); ++s) {
    auto const& center = seeds[s].second;
    std::map<Extents, bool> grown{{center, true}};
    for (int step = 0; step < 5; ++step) {
      auto const before = grown;
      for (auto const& [bin, is] : before) {
        around(bin, 1, [&](Extents const& other) {
          for (std::size_t c = 0; c < n.size(); ++c) {
            if (std::abs(other[c] - center[c]) > 5) return;
          }
          if (count_at(other) > 2) grown[other] = is;
        });
      }
    }
    for (auto const& entry : grown) owner[entry.first] = static_cast<int>(s) + 1;
  }
  std::vector<double> masks(probability.size(), 0.0);
  std::vector<int> sizes(seeds.size() + 1, 0);
  for (std::size_t i = 0, p = 0; i < masks.size(); ++i) {
    if (inside[i] == 0) continue;
    auto const found = owner.find(bin_of[p++]);
    masks[i]         = found == owner.end() ? 0 : found->second;
    ++sizes[static_cast<std::size_t>(masks[i])];
  }
  for (double& label : masks) {
    if (label > 0 && sizes[static_cast<std::size_t>(label)] > fraction * static_cast<double>(masks.size())) label = 0;
  }
  if (flow_threshold > 0 && n.size() == 2 && !seeds.empty()) {
    auto const error = flow_error(masks, flow, n[0], n[1], static_cast<std::int64_t>(seeds.size()));
    for (double& label : masks) {
      if (label > 0 && error[static_cast<std::size_t>(label) - 1] > flow_threshold) label = 0;
    }
  }
  std::map<double, double> numbers;
  for (double& label : masks) {
    if (label > 0) label = numbers.try_emplace(label, static_cast<double>(numbers.size() + 1)).first->second;
  }
  return masks;
}

}  // namespace ocellus::reference
