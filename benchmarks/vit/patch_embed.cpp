// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH:WIDTH of the tokens, patches of 16.

#include <ocellus/vit/patch_embed.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side, std::int64_t width) {
  std::int64_t const patches = side / 16 * (side / 16);
  auto const image           = random_tensor<float****>(1, images, channels, side, side);
  auto const weight          = random_tensor<float****>(2, width, channels, 16, 16);
  auto const bias            = random_tensor<float*>(3, width);
  auto const tokens          = random_tensor<float***>(4, images, patches, width);
  WorkspaceFor<Exec> workspace(Exec(), vit::patch_embed_workspace_size(Exec(), image, weight, bias, tokens));
  run(state, "float", vit::patch_embed_cost(static_cast<double>(image.size()), static_cast<double>(images * patches), static_cast<double>(width), 4),
      [&](Exec const& exec) { vit::patch_embed(exec, image, weight, bias, tokens, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side, std::int64_t width) {
  std::int64_t const patches = side / 16 * (side / 16);
  auto const image = random_tensor<float****>(1, images, channels, side, side), image_gradient = random_tensor<float****>(2, images, channels, side, side),
             weight = random_tensor<float****>(3, width, channels, 16, 16), weight_gradient = random_tensor<float****>(4, width, channels, 16, 16);
  auto const bias_gradient   = random_tensor<float*>(5, width);
  auto const tokens_gradient = random_tensor<float***>(6, images, patches, width);
  WorkspaceFor<Exec> workspace(Exec(), vit::patch_embed_backward_workspace_size(Exec(), tokens_gradient, image, weight));
  run(state, "float", vit::patch_embed_backward_cost(static_cast<double>(image.size()), real(images * patches), real(width), 4), [&](Exec const& exec) {
    vit::patch_embed_backward(exec, tokens_gradient, image, weight, image_gradient, weight_gradient, bias_gradient, {}, workspace);
  });
}

OCELLUS_BENCHMARK("vit::patch_embed", "8x3x224x224:384", "float", forward, 8, 3, 224, 384);
OCELLUS_BENCHMARK("vit::patch_embed", "8x3x224x224:768", "float", forward, 8, 3, 224, 768);
OCELLUS_BENCHMARK("vit::patch_embed_backward", "8x3x224x224:384", "float", backward, 8, 3, 224, 384);

}  // namespace
