// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxLATENTSxTILESxWIDTH, eight heads.

#include <ocellus/explain/perceiver_pooling.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

using Matrix  = Tensor<float**, Exec>;
using Vector  = Tensor<float*, Exec>;
using Weights = explain::PerceiverWeights<Matrix, Vector>;

Weights drawn(std::uint32_t sample, std::int64_t width) {
  auto const matrix = [&](std::int64_t rows, std::int64_t columns) { return random_tensor_between<float**>(-0.1, 0.1, sample++, rows, columns); };
  auto const vector = [&](std::int64_t count) { return random_tensor_between<float*>(0.9, 1.1, sample++, count); };
  return {vector(width), vector(width), matrix(width, width), matrix(2 * width, width), matrix(width, width)};
}

void forward(benchmark::State& state, std::int64_t images, std::int64_t latents, std::int64_t tokens, std::int64_t width) {
  auto const latent = random_tensor<float***>(1, images, latents, width), context = random_tensor<float***>(2, images, tokens, width);
  auto const weights = drawn(3, width);
  explain::PerceiverPoolingOptions const options{.heads = 8};
  auto const output = random_tensor<float***>(10, images, latents, width);
  WorkspaceFor<Exec> workspace(Exec(), explain::perceiver_pooling_workspace_size(Exec(), latent, context, weights, none, output, options));
  run(state, "float", explain::perceiver_pooling_cost(real(images), real(latents), real(width), real(tokens), real(width), real(width), true, 4),
      [&](Exec const& exec) { explain::perceiver_pooling(exec, latent, context, weights, none, output, options, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t latents, std::int64_t tokens, std::int64_t width) {
  auto const latent = random_tensor<float***>(1, images, latents, width), context = random_tensor<float***>(2, images, tokens, width);
  auto const weights = drawn(3, width);
  explain::PerceiverPoolingOptions const options{.heads = 8};
  auto const gradients       = drawn(10, width);
  auto const output_gradient = random_tensor<float***>(20, images, latents, width), latent_gradient = random_tensor<float***>(21, images, latents, width),
             context_gradient = random_tensor<float***>(22, images, tokens, width);
  WorkspaceFor<Exec> workspace(Exec(), explain::perceiver_pooling_backward_workspace_size(Exec(), latent, context, weights, none, output_gradient,
                                                                                          latent_gradient, context_gradient, gradients, options));
  run(state, "float", explain::perceiver_pooling_backward_cost(real(images), real(latents), real(width), real(tokens), real(width), real(width), true, 4),
      [&](Exec const& exec) {
        explain::perceiver_pooling_backward(exec, latent, context, weights, none, output_gradient, latent_gradient, context_gradient, gradients, options,
                                            workspace);
      });
}

OCELLUS_BENCHMARK("explain::perceiver_pooling", "4x64x1000x512", "float", forward, 4, 64, 1000, 512);
OCELLUS_BENCHMARK("explain::perceiver_pooling_backward", "4x64x1000x512", "float", backward, 4, 64, 1000, 512);

}  // namespace
