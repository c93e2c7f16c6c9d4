// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, six heads.

#include <string>

#include <ocellus/vit/attention_pool.hpp>

#include "support/benchmark.hpp"
#include "support/encoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

ParameterTable pool_table(std::int64_t width) {
  ParameterTable table;
  auto const linear = [&](std::string const& name, std::int64_t outputs, std::int64_t inputs) {
    table.add(name + ".weight", {outputs, inputs});
    table.add(name + ".bias", {outputs});
  };
  table.add("latent", {1, width});
  linear("q", width, width), linear("kv", 2 * width, width), linear("proj", width, width);
  table.add("norm.weight", {width});
  table.add("norm.bias", {width});
  linear("mlp.fc1", 4 * width, width), linear("mlp.fc2", width, 4 * width);
  return table;
}

void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const table      = pool_table(width);
  auto const parameters = drawn_parameters<float>(table);
  auto const weights    = vit::attention_pool_weights(table, parameters);
  auto const input      = random_tensor<float***>(1, images, tokens, width);
  auto const output     = random_tensor<float**>(2, images, width);
  vit::AttentionPoolOptions const options{.heads = 6};
  WorkspaceFor<Exec> workspace(Exec(), vit::attention_pool_workspace_size(Exec(), input, weights, options));
  run(state, "float", vit::attention_pool_cost(real(images), real(tokens), real(width), 4 * real(width), 6, 4),
      [&](Exec const& exec) { vit::attention_pool(exec, input, weights, output, options, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const table      = pool_table(width);
  auto const parameters = drawn_parameters<float>(table), flat = drawn_parameters<float>(table);
  auto const weights   = vit::attention_pool_weights(table, parameters);
  auto const gradients = vit::attention_pool_gradients(table, flat);
  auto const input = random_tensor<float***>(1, images, tokens, width), input_gradient = random_tensor<float***>(2, images, tokens, width);
  auto const output_gradient = random_tensor<float**>(3, images, width);
  vit::AttentionPoolOptions const options{.heads = 6};
  WorkspaceFor<Exec> workspace(Exec(), vit::attention_pool_backward_workspace_size(Exec(), input, weights, options));
  run(state, "float", vit::attention_pool_backward_cost(real(images), real(tokens), real(width), 4 * real(width), 6, 4),
      [&](Exec const& exec) { vit::attention_pool_backward(exec, output_gradient, input, weights, input_gradient, gradients, options, workspace); });
}

OCELLUS_BENCHMARK("vit::attention_pool", "16x197x384", "float", forward, 16, 197, 384);
OCELLUS_BENCHMARK("vit::attention_pool_backward", "16x197x384", "float", backward, 16, 197, 384);

}  // namespace
