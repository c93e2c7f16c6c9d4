// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH:SIZE:POLICY, patches of 16: the backward pass alone, with the activations that the policy keeps.

#include <ocellus/vit/encoder_backward.hpp>

#include "support/benchmark.hpp"
#include "support/encoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t images, vit::ActivationPolicy policy) {
  auto const model      = vit::named_configuration("small");
  auto const table      = vit::encoder_parameter_table(model);
  auto const parameters = drawn_parameters<float>(table), flat = drawn_parameters<float>(table);
  auto const weights   = vit::encoder_weights(table, parameters, model.block);
  auto const gradients = vit::encoder_gradients(table, flat, model.block);
  auto const image     = random_tensor<float****>(1, images, model.channels, model.image_size, model.image_size);
  auto const output = random_tensor<float**>(2, images, model.width), output_gradient = random_tensor<float**>(3, images, model.width);
  vit::EncoderOptions const options{.heads = model.heads, .policy = policy};
  auto const activations = make_tensor<float*>(Exec(), "activations", vit::encoder_activations_size(image, weights, policy, options));
  WorkspaceFor<Exec> workspace(Exec(), std::max(vit::encoder_workspace_size(Exec(), image, weights, output, options),
                                                vit::encoder_backward_workspace_size(Exec(), image, weights, activations, options)));
  vit::encoder(Exec(), image, weights, output, activations, options, workspace);
  run(state, "float",
      vit::encoder_backward_cost(real(images), real(model.channels * model.image_size * model.image_size), real(model.patches() + 1), real(model.width),
                                 4 * real(model.width), real(model.heads), real(model.depth), 4),
      [&](Exec const& exec) { vit::encoder_backward(exec, output_gradient, image, weights, activations, none, gradients, options, workspace); });
}

OCELLUS_BENCHMARK("vit::encoder_backward", "4x3x224x224:small:store", "float", backward, 4, vit::ActivationPolicy::store);
OCELLUS_BENCHMARK("vit::encoder_backward", "4x3x224x224:small:recompute", "float", backward, 4, vit::ActivationPolicy::recompute_blocks);

}  // namespace
