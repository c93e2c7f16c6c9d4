// SPDX-License-Identifier: Apache-2.0

// Shapes are MEMBERSxIMAGESxHEIGHTxWIDTH:MODEL, the model of one channel. The cost is that of the masks and of the model, without its loss.

#include <ocellus/mae/masked_autoencoder.hpp>
#include <ocellus/mae/refine_masks.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void refine(benchmark::State& state, std::int64_t members, std::int64_t images) {
  Autoencoder const own({.image_size = 224, .channels = 1, .width = 384, .heads = 6, .decoder_width = 512, .decoder_depth = 8, .decoder_heads = 16});
  auto const& model      = own.model;
  auto const weights     = mae::masked_autoencoder_weights(own.table, own.parameters, false);
  auto const probability = random_tensor_between<float****>(0, 1, 1, members, images, model.image_size, model.image_size);
  auto const refined     = random_tensor<float***>(2, images, model.image_size, model.image_size);
  auto const mask        = make_tensor<std::uint8_t***>(Exec(), "mask", images, model.image_size, model.image_size);
  mae::RefineMasksOptions const options{.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = 0.5};
  WorkspaceFor<Exec> workspace(Exec(), mae::refine_masks_workspace_size(Exec(), probability, weights, refined, mask, options));
  double const tokens = real(model.tokens());
  Cost const cost     = mae::refine_masks_cost(real(members), real(images * model.image_size * model.image_size), real(images) * tokens, 4) +
                    mae::masked_autoencoder_cost(real(images), tokens, tokens / 2, 256, real(model.width), real(model.heads), real(model.depth),
                                                 real(model.decoder_width), real(model.decoder_heads), real(model.decoder_depth), 4);
  run(state, "float", cost, [&](Exec const& exec) { mae::refine_masks(exec, probability, weights, refined, mask, options, workspace); });
}

OCELLUS_BENCHMARK("mae::refine_masks", "5x4x224x224:vits16", "float", refine, 5, 4);

}  // namespace
