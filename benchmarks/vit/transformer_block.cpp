// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH: a block of ViT-S. With bfloat16 its weights are, and what enters a layer.

#include <ocellus/vit/transformer_block.hpp>

#include "support/benchmark.hpp"
#include "support/encoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens) {
  auto const model      = vit::named_configuration("small");
  auto const table      = vit::encoder_parameter_table(model);
  auto const parameters = drawn_parameters<T>(table);
  auto const weights    = vit::transformer_block_weights(table, parameters, model.block, "blocks.0.");
  auto const input = random_tensor<float***>(1, images, tokens, model.width), output = random_tensor<float***>(2, images, tokens, model.width);
  vit::TransformerBlockOptions const options{.heads = model.heads, .bfloat16_products = std::is_same_v<T, bfloat16>};
  WorkspaceFor<Exec> workspace(Exec(), vit::transformer_block_workspace_size(Exec(), input, weights, options));
  run(state, type_name<T>(), vit::transformer_block_cost(real(images), real(tokens), real(model.width), 4 * real(model.width), real(model.heads), sizeof(T)),
      [&](Exec const& exec) { vit::transformer_block(exec, input, weights, output, options, workspace); });
}

OCELLUS_BENCHMARK("vit::transformer_block", "8x197x384", "float", forward<float>, 8, 197);
OCELLUS_BENCHMARK("vit::transformer_block", "8x197x384", "bfloat16", forward<bfloat16>, 8, 197);

}  // namespace
