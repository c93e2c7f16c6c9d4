// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH: a block of ViT-S, the forward pass among it.

#include <ocellus/vit/transformer_block_backward.hpp>

#include "support/benchmark.hpp"
#include "support/encoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t images, std::int64_t tokens) {
  auto const model      = vit::named_configuration("small");
  auto const table      = vit::encoder_parameter_table(model);
  auto const parameters = drawn_parameters<float>(table), flat = drawn_parameters<float>(table);
  auto const weights         = vit::transformer_block_weights(table, parameters, model.block, "blocks.0.");
  auto const gradients       = vit::transformer_block_gradients(table, flat, model.block, "blocks.0.");
  auto const output_gradient = random_tensor<float***>(1, images, tokens, model.width), input = random_tensor<float***>(2, images, tokens, model.width),
             input_gradient = random_tensor<float***>(3, images, tokens, model.width);
  vit::TransformerBlockOptions const options{.heads = model.heads};
  WorkspaceFor<Exec> workspace(Exec(), vit::transformer_block_backward_workspace_size(Exec(), input, weights, options));
  run(state, "float", vit::transformer_block_backward_cost(real(images), real(tokens), real(model.width), 4 * real(model.width), real(model.heads), 4),
      [&](Exec const& exec) { vit::transformer_block_backward(exec, output_gradient, input, weights, input_gradient, gradients, options, workspace); });
}

OCELLUS_BENCHMARK("vit::transformer_block_backward", "8x197x384", "float", backward, 8, 197);

}  // namespace
