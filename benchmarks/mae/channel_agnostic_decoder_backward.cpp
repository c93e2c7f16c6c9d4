// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxPATCHESxWIDTH, three quarters hidden, 4 blocks of 6 heads for each channel.

#include <ocellus/mae/channel_agnostic_decoder_backward.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t images) {
  Autoencoder const own(channel_agnostic_model);
  auto const& model  = own.model;
  auto const weights = mae::channel_agnostic_decoder_weights(own.table, own.parameters, "decoder.");
  auto const latent  = random_tensor<float***>(1, images, 1 + own.kept(), model.decoder_width);
  auto const restore = shuffled_places(images, model.tokens());
  mae::ChannelAgnosticDecoderOptions const options{.heads = model.decoder_heads};
  auto const flat            = random_tensor<float*>(2, static_cast<std::int64_t>(own.table.size()));
  auto const gradients       = mae::channel_agnostic_decoder_gradients(own.table, flat, "decoder.");
  auto const tokens_gradient = random_tensor<float***>(3, images, 1 + model.tokens(), model.decoder_width),
             latent_gradient = random_tensor<float***>(4, images, 1 + own.kept(), model.decoder_width);
  WorkspaceFor<Exec> workspace(Exec(), mae::channel_agnostic_decoder_backward_workspace_size(Exec(), tokens_gradient, latent, restore, weights, options));
  run(state, "float",
      mae::channel_agnostic_decoder_backward_cost(real(images), real(model.channels), real(model.patches()), real(model.decoder_width),
                                                  4 * real(model.decoder_width), real(model.decoder_heads), real(model.decoder_depth), 4),
      [&](Exec const& exec) {
        mae::channel_agnostic_decoder_backward(exec, tokens_gradient, latent, restore, weights, latent_gradient, gradients, options, workspace);
      });
}

OCELLUS_BENCHMARK("mae::channel_agnostic_decoder_backward", "1x5x196x384", "float", backward, 1);

}  // namespace
