// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, three quarters hidden, 8 blocks of 16 heads.

#include <ocellus/mae/decoder_backward.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t images) {
  Autoencoder const own;
  auto const& model              = own.model;
  auto const weights             = mae::decoder_weights(own.table, own.parameters, mae::DecoderNames::fair);
  auto const flat                = random_tensor<float*>(1, static_cast<std::int64_t>(own.table.size()));
  auto const gradients           = mae::decoder_gradients(own.table, flat, mae::DecoderNames::fair);
  auto const latent              = random_tensor<float***>(2, images, 1 + own.kept(), model.width);
  auto const latent_gradient     = random_tensor<float***>(3, images, 1 + own.kept(), model.width);
  auto const restore             = shuffled_places(images, model.tokens());
  auto const prediction_gradient = random_tensor<float***>(4, images, model.tokens(), std::int64_t{768});
  mae::DecoderOptions const options{.heads = model.decoder_heads};
  WorkspaceFor<Exec> workspace(Exec(), mae::decoder_backward_workspace_size(Exec(), prediction_gradient, latent, restore, weights, options));
  run(state, "float",
      mae::decoder_backward_cost(real(images), real(own.kept()), real(model.tokens()), real(model.width), real(model.decoder_width),
                                 4 * real(model.decoder_width), real(model.decoder_heads), real(model.decoder_depth), 768, 4),
      [&](Exec const& exec) { mae::decoder_backward(exec, prediction_gradient, latent, restore, weights, latent_gradient, gradients, options, workspace); });
}

OCELLUS_BENCHMARK("mae::decoder_backward", "2x196x512", "float", backward, 2);

}  // namespace
