// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The gradients of a vision transformer's weights: the structs of weights.hpp over `Gradient<Scalar>`, whose Views are written. They are cut from one flat
/// array by the weights' own table, so that a gradient stands where its parameter does. A null View is a gradient that is not wanted.
///
/// Errors: `std::invalid_argument` as for the weights. Determinism: exact. Allocates: nothing.

#include <string>

#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

template <class Scalar, MemorySpace Space>
using TransformerBlockGradients = TransformerBlockWeights<Gradient<Scalar>, Space>;
template <class Scalar, MemorySpace Space>
using AttentionPoolGradients = AttentionPoolWeights<Gradient<Scalar>, Space>;
template <class Scalar, MemorySpace Space>
using EncoderGradients = EncoderWeights<Gradient<Scalar>, Space>;

/// The gradients of a block's weights in a flat array under the same table.
template <RealView<1> Gradients>
[[nodiscard]] auto transformer_block_gradients(ParameterTable const& table, Gradients const& gradients, BlockKind kind, std::string const& prefix = "") {
  return detail::cut_block(WeightCutter<Gradient<typename Gradients::non_const_value_type>, typename Gradients::memory_space>(table, gradients), kind, prefix);
}

/// The gradients of an attention pool's weights likewise.
template <RealView<1> Gradients>
[[nodiscard]] auto attention_pool_gradients(ParameterTable const& table, Gradients const& gradients, std::string const& prefix = "") {
  return detail::cut_attention_pool(WeightCutter<Gradient<typename Gradients::non_const_value_type>, typename Gradients::memory_space>(table, gradients),
                                    prefix);
}

/// The gradients of an encoder's weights likewise.
template <RealView<1> Gradients>
[[nodiscard]] auto encoder_gradients(ParameterTable const& table, Gradients const& gradients, BlockKind kind) {
  return detail::cut_encoder(WeightCutter<Gradient<typename Gradients::non_const_value_type>, typename Gradients::memory_space>(table, gradients), kind);
}

}  // namespace ocellus::vit
