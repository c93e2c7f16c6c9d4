// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Masked autoencoders with random weights for benchmarks.

#include <ocellus/mae/configuration.hpp>
#include <ocellus/mae/random_masking.hpp>
#include <ocellus/mae/weights.hpp>

#include "support/benchmark.hpp"

namespace ocellus::benchmarks {

/// ViT-S/16 at 224 pixels, a decoder 512 wide with 8 blocks; three quarters of the patches are hidden.
struct Autoencoder {
  mae::MaskedAutoencoderConfiguration model;
  ParameterTable table;
  Tensor<float*, Exec> parameters;
  static constexpr double ratio = 0.75;

  explicit Autoencoder(mae::MaskedAutoencoderConfiguration const& configuration =
                           {.image_size = 224, .width = 384, .heads = 6, .decoder_width = 512, .decoder_depth = 8, .decoder_heads = 16})
      : model(configuration), table(mae::masked_autoencoder_parameter_table(model)), parameters("ocellus::benchmarks::parameters", table.size()) {
    HostTensor<float*> const start("start", table.size());
    mae::initialize_masked_autoencoder(model, table, start, 1);
    Kokkos::deep_copy(parameters, start);
  }

  [[nodiscard]] std::int64_t kept() const { return mae::kept_tokens(model.tokens(), ratio); }
};

/// Of five channels, as wide as ViT-S, with 4 decoder blocks for each channel.
inline constexpr mae::MaskedAutoencoderConfiguration channel_agnostic_model{
    .image_size = 224, .channels = 5, .width = 384, .heads = 6, .decoder_width = 384, .decoder_depth = 4, .decoder_heads = 6, .channel_agnostic = true};

/// (images, tokens) places of shuffled tokens: a fixed permutation where 29 has no factor in common with `tokens`.
[[nodiscard]] inline auto shuffled_places(std::int64_t images, std::int64_t tokens) {
  return filled_tensor<std::int64_t**>([=](std::int64_t i) { return i % tokens * 29 % tokens; }, images, tokens);
}

}  // namespace ocellus::benchmarks
