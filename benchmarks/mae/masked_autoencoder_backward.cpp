// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESx3xSIDExSIDE:MODEL, three quarters hidden.

#include <ocellus/mae/masked_autoencoder_backward.hpp>

#include "support/benchmark.hpp"
#include "support/autoencoder.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t images) {
  Autoencoder const own;
  auto const& model    = own.model;
  auto const weights   = mae::masked_autoencoder_weights(own.table, own.parameters, false);
  auto const flat      = random_tensor<float*>(1, static_cast<std::int64_t>(own.table.size()));
  auto const gradients = mae::masked_autoencoder_gradients(own.table, flat, false);
  auto const image     = random_tensor<float****>(2, images, model.channels, model.image_size, model.image_size);
  auto const noise     = random_tensor<float**>(3, images, model.tokens());
  auto const loss      = make_tensor<float>(Exec(), "loss");
  mae::MaskedAutoencoderOptions const options{.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = Autoencoder::ratio};
  WorkspaceFor<Exec> workspace(Exec(), mae::masked_autoencoder_backward_workspace_size(Exec(), image, noise, weights, loss, options));
  auto const cost =
      mae::masked_autoencoder_backward_cost(real(images), real(model.tokens()), real(own.kept()), 768, real(model.width), real(model.heads), real(model.depth),
                                            real(model.decoder_width), real(model.decoder_heads), real(model.decoder_depth), 4);
  run(state, "float", cost, [&](Exec const& exec) { mae::masked_autoencoder_backward(exec, image, noise, weights, loss, gradients, options, workspace); });
}

OCELLUS_BENCHMARK("mae::masked_autoencoder_backward", "2x3x224x224:vits16", "float", backward, 2);

}  // namespace
