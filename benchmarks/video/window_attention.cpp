// SPDX-License-Identifier: Apache-2.0

// Shapes are BATCHxFRAMESxHEIGHTxWIDTHxCHANNELS: windows of 2 x 8 x 8, shifted by half, three heads.

#include <ocellus/video/window_attention.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void attend(benchmark::State& state, std::int64_t frames, std::int64_t side, std::int64_t channels) {
  constexpr std::int64_t heads = 3, rows = 3 * 15 * 15;
  auto const x = random_tensor<float*****>(1, 1, frames, side, side, channels), output = random_tensor<float*****>(2, 1, frames, side, side, channels);
  auto const qkv = random_tensor<float**>(3, 3 * channels, channels), projection = random_tensor<float**>(4, channels, channels),
             position_bias = random_tensor<float**>(5, rows, heads);
  auto const qkv_bias = random_tensor<float*>(6, 3 * channels), projection_bias = random_tensor<float*>(7, channels);
  video::WindowAttentionOptions const options{.window = {2, 8, 8}, .shift = {1, 4, 4}};
  WorkspaceFor<Exec> workspace(Exec(),
                               video::window_attention_workspace_size(Exec(), x, qkv, qkv_bias, projection, projection_bias, position_bias, output, options));
  run(state, "float", video::window_attention_cost(real(frames * side * side), real(channels), heads, 2 * 8 * 8, 4),
      [&](Exec const& exec) { video::window_attention(exec, x, qkv, qkv_bias, projection, projection_bias, position_bias, output, options, workspace); });
}

OCELLUS_BENCHMARK("video::window_attention", "1x6x64x64x96", "float", attend, 6, 64, 96);

}  // namespace
