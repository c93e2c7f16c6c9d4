// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH:SIZE, patches of 16, the class token as the output. Images and weights are of the type; with bfloat16, so is what enters a layer.

#include <string>

#include <ocellus/vit/encoder.hpp>

#include "support/benchmark.hpp"
#include "support/encoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t images, std::string const& size) {
  auto const configuration = vit::named_configuration(size);
  auto const table         = vit::encoder_parameter_table(configuration);
  auto const parameters    = drawn_parameters<T>(table);
  auto const weights       = vit::encoder_weights(table, parameters, configuration.block);
  auto const image         = random_tensor<T****>(1, images, configuration.channels, configuration.image_size, configuration.image_size);
  auto const output        = random_tensor<float**>(2, images, configuration.width);
  vit::EncoderOptions const options{.heads = configuration.heads, .bfloat16_products = std::is_same_v<T, bfloat16>};
  WorkspaceFor<Exec> workspace(Exec(), vit::encoder_workspace_size(Exec(), image, weights, output, options));
  auto const cost =
      vit::encoder_cost(real(images), real(configuration.channels * configuration.image_size * configuration.image_size), real(configuration.patches() + 1),
                        real(configuration.width), 4 * real(configuration.width), real(configuration.heads), real(configuration.depth), sizeof(T));
  run(state, type_name<T>(), {.flops = cost.flops}, [&](Exec const& exec) { vit::encoder(exec, image, weights, output, options, workspace); });
}

OCELLUS_BENCHMARK("vit::encoder", "8x3x224x224:small", "float", forward<float>, 8, "small");
OCELLUS_BENCHMARK("vit::encoder", "8x3x224x224:small", "bfloat16", forward<bfloat16>, 8, "small");
OCELLUS_BENCHMARK("vit::encoder", "8x3x224x224:base", "float", forward<float>, 8, "base");
OCELLUS_BENCHMARK("vit::encoder", "8x3x224x224:base", "bfloat16", forward<bfloat16>, 8, "base");

}  // namespace
