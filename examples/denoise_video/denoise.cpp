// SPDX-License-Identifier: Apache-2.0

#include "denoise.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>

#include <ocellus/video/estimate_noise.hpp>
#include <ocellus/video/temporal_filter_stream.hpp>

#include "support/progress.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec = Kokkos::DefaultExecutionSpace;

video::TemporalFilterOptions options_of(Settings const& s) {
  using video::TemporalMethod;
  video::TemporalFilterOptions options{.window = s.window, .alpha = s.alpha, .level = s.level};
  options.edge   = s.edge == "clamp" ? video::TemporalEdge::clamp : video::TemporalEdge::reflect;
  options.method = s.method == "mean"          ? TemporalMethod::mean
                   : s.method == "profile"     ? TemporalMethod::weighted
                   : s.method == "exponential" ? TemporalMethod::exponential
                                               : TemporalMethod::median;
  return options;
}

/// Where lines are drawn: the row with the largest variance, and the pixel in it that is nearest to half of the row's largest value.
void choose_place(Denoised& result, std::int64_t height, std::int64_t width) {
  double best = -1;
  for (std::int64_t y = 0; y < height; ++y) {
    double sum = 0, squares = 0;
    for (std::int64_t x = 0; x < width; ++x) {
      double const v = static_cast<double>(result.before[static_cast<std::size_t>(y * width + x)]);
      sum += v;
      squares += v * v;
    }
    double const variance = squares - sum * sum / static_cast<double>(width);
    if (variance > best) best = variance, result.row = y;
  }
  auto const* const line = result.before.data() + result.row * width;
  float const half       = 0.5f * *std::max_element(line, line + width);
  for (std::int64_t x = 1; x < width; ++x) {
    if (std::abs(line[x] - half) < std::abs(line[result.column] - half)) result.column = x;
  }
}

template <class Pixel, class Value>
Denoised run(io::Image const& clip, Settings const& settings) {
  Exec const exec;
  std::array<std::int64_t, 3> const extents{clip.channels, clip.height, clip.width};
  std::size_t const plane = static_cast<std::size_t>(clip.height * clip.width), each = plane * static_cast<std::size_t>(clip.channels);
  auto stream            = video::make_temporal_filter_stream<Pixel, Value>(exec, extents, options_of(settings));
  auto const frame       = make_tensor<Pixel***>(exec, "ocellus::examples::frame", clip.channels, clip.height, clip.width);
  auto const output      = make_tensor<Value***>(exec, "ocellus::examples::output", clip.channels, clip.height, clip.width);
  auto const sigma       = make_tensor<double*>(exec, "ocellus::examples::sigma", clip.channels);
  auto const frame_host  = Kokkos::create_mirror_view(frame);
  auto const output_host = Kokkos::create_mirror_view(output);
  auto const sigma_host  = Kokkos::create_mirror_view(sigma);
  WorkspaceFor<Exec> workspace(exec,
                               std::max(video::estimate_noise_workspace_size(exec, frame, sigma), video::estimate_noise_workspace_size(exec, output, sigma)));

  Denoised result;
  result.shown         = settings.frame < 0 ? clip.pages / 2 : settings.frame;
  result.clip.type     = io::PixelType::uint16;
  result.clip.pages    = clip.pages;
  result.clip.channels = clip.channels;
  result.clip.height   = clip.height;
  result.clip.width    = clip.width;
  result.clip.bytes.resize(clip.size() * 2);
  result.before.resize(each);
  result.after.resize(each);
  for (std::size_t i = 0; i < each; ++i) result.before[i] = clip.at<float>(static_cast<std::size_t>(result.shown) * each + i);
  choose_place(result, clip.height, clip.width);
  std::size_t const place = static_cast<std::size_t>(result.row * clip.width + result.column);

  // 8 bits are spread over 16, so that a mean keeps its fraction; floating point and 32 bits are scaled to their largest value.
  if (clip.type == io::PixelType::uint8) {
    result.scale = 257;
  } else if (clip.type != io::PixelType::uint16) {
    float largest = 0;
    for (std::size_t i = 0; i < clip.size(); ++i) {
      float const v = clip.at<float>(i);
      if (std::isfinite(v)) largest = std::max(largest, v);
    }
    result.scale = largest > 0 ? 65535.0 / static_cast<double>(largest) : 1.0;
  }

  auto const noise_of = [&](auto const& view) {
    video::estimate_noise(exec, view, sigma, workspace);
    Kokkos::deep_copy(exec, sigma_host, sigma);
    exec.fence();
    return std::accumulate(sigma_host.data(), sigma_host.data() + clip.channels, 0.0) / static_cast<double>(clip.channels);
  };
  Progress progress("Frames", static_cast<std::size_t>(clip.pages));
  std::int64_t done = 0;
  auto const keep   = [&] {
    Kokkos::deep_copy(exec, output_host, output);
    exec.fence();
    result.noise_after.push_back(noise_of(output));
    for (std::size_t i = 0; i < each; ++i) {
      double const value = static_cast<double>(output_host.data()[i]) * result.scale, rounded = std::nearbyint(value);
      bool const fits = rounded >= 0 && rounded <= 65535;
      if (!fits) ++result.clipped;
      auto const stored = static_cast<std::uint16_t>(fits ? rounded : rounded > 65535 ? 65535 : 0);
      std::memcpy(result.clip.bytes.data() + (static_cast<std::size_t>(done) * each + i) * 2, &stored, 2);
    }
    result.trace_after.push_back(static_cast<double>(output_host.data()[place]));
    if (done == result.shown) {
      for (std::size_t i = 0; i < each; ++i) result.after[i] = static_cast<float>(output_host.data()[i]);
    }
    progress.update(static_cast<std::size_t>(++done), 0);
  };
  using Clock         = std::chrono::steady_clock;
  auto const filtered = [&](auto const& call) {
    auto const start = Clock::now();
    bool const there = call();
    exec.fence();
    result.seconds += std::chrono::duration<double>(Clock::now() - start).count();
    return there;
  };
  for (std::int64_t t = 0; t < clip.pages; ++t) {
    for (std::size_t i = 0; i < each; ++i) frame_host.data()[i] = clip.at<Pixel>(static_cast<std::size_t>(t) * each + i);
    Kokkos::deep_copy(exec, frame, frame_host);
    exec.fence();
    result.noise_before.push_back(noise_of(frame));
    result.trace_before.push_back(static_cast<double>(frame_host.data()[place]));
    if (filtered([&] { return video::temporal_filter_push(exec, stream, frame, output); })) keep();
  }
  while (filtered([&] { return video::temporal_filter_finish(exec, stream, output); })) keep();
  return result;
}

template <class Pixel>
Denoised run_method(io::Image const& clip, Settings const& settings) {
  return settings.method == "median" ? run<Pixel, Pixel>(clip, settings) : run<Pixel, float>(clip, settings);
}

}  // namespace

Denoised denoise(io::Image const& clip, Settings const& settings) {
  if (clip.pages < 2)
    throw UserError(settings.in.string() + " holds " + std::to_string(clip.pages) +
                    " frame, but a filter along time needs at least 2: are the frames in separate files?");
  if (settings.frame >= clip.pages)
    throw UserError("--frame " + std::to_string(settings.frame) + " asks for a frame that " + settings.in.string() + " does not have: it has " +
                    std::to_string(clip.pages) + ", counted from 0");
  if (settings.method != "exponential" && settings.window % 2 == 0)
    throw UserError("--window is " + std::to_string(settings.window) + ", but a centred window has an odd number of frames");
  if (settings.method == "profile" && settings.window < 3) throw UserError("--window is 1, but the method profile needs at least 3 frames");
  if (clip.type == io::PixelType::uint8) return run_method<std::uint8_t>(clip, settings);
  if (clip.type == io::PixelType::uint16) return run_method<std::uint16_t>(clip, settings);
  return run_method<float>(clip, settings);
}

}  // namespace ocellus::examples
