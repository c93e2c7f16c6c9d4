// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxPATCHESxWIDTH, three quarters hidden, 4 blocks of 6 heads for each channel.

#include <ocellus/mae/channel_agnostic_decoder.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images) {
  Autoencoder const own(channel_agnostic_model);
  auto const& model  = own.model;
  auto const weights = mae::channel_agnostic_decoder_weights(own.table, own.parameters, "decoder.");
  auto const latent  = random_tensor<float***>(1, images, 1 + own.kept(), model.decoder_width);
  auto const restore = shuffled_places(images, model.tokens());
  mae::ChannelAgnosticDecoderOptions const options{.heads = model.decoder_heads};
  auto const tokens = random_tensor<float***>(2, images, 1 + model.tokens(), model.decoder_width);
  WorkspaceFor<Exec> workspace(Exec(), mae::channel_agnostic_decoder_workspace_size(Exec(), latent, restore, weights, tokens, options));
  run(state, "float",
      mae::channel_agnostic_decoder_cost(real(images), real(model.channels), real(model.patches()), real(model.decoder_width), 4 * real(model.decoder_width),
                                         real(model.decoder_heads), real(model.decoder_depth), 4),
      [&](Exec const& exec) { mae::channel_agnostic_decoder(exec, latent, restore, weights, tokens, options, workspace); });
}

OCELLUS_BENCHMARK("mae::channel_agnostic_decoder", "2x5x196x384", "float", forward, 2);

}  // namespace
