// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, three quarters hidden, 8 blocks of 16 heads.

#include <ocellus/mae/decoder.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images) {
  Autoencoder const own;
  auto const& model     = own.model;
  auto const weights    = mae::decoder_weights(own.table, own.parameters, mae::DecoderNames::fair);
  auto const latent     = random_tensor<float***>(1, images, 1 + own.kept(), model.width);
  auto const restore    = shuffled_places(images, model.tokens());
  auto const prediction = random_tensor<float***>(2, images, model.tokens(), std::int64_t{768});
  mae::DecoderOptions const options{.heads = model.decoder_heads};
  WorkspaceFor<Exec> workspace(Exec(), mae::decoder_workspace_size(Exec(), latent, restore, weights, prediction, options));
  run(state, "float",
      mae::decoder_cost(real(images), real(own.kept()), real(model.tokens()), real(model.width), real(model.decoder_width), 4 * real(model.decoder_width),
                        real(model.decoder_heads), real(model.decoder_depth), 768, 4),
      [&](Exec const& exec) { mae::decoder(exec, latent, restore, weights, prediction, options, workspace); });
}

OCELLUS_BENCHMARK("mae::decoder", "4x196x512", "float", forward, 4);

}  // namespace
