// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The parameters of masked autoencoders under their authors' names: Views cut from one flat array by name; and their gradients, the same structs over
/// `vit::Gradient<Scalar>`, cut from another array by the same table.

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::mae {

enum class DecoderNames {
  fair,       ///< facebookresearch/mae: decoder_embed, mask_token, decoder_pos_embed, decoder_blocks.I, decoder_norm, decoder_pred
  recursion,  ///< recursionpharma/maes_microscopy: mask_token, pos_embeddings, blocks.I, norm; the class token is returned
};

/// A decoder over all tokens. Width D, width of the encoder E.
template <class Scalar, MemorySpace Space>
struct DecoderWeights {
  DecoderNames names = DecoderNames::fair;
  vit::LinearWeights<Scalar, Space> embed;                      ///< (D, E)
  typename vit::WeightViews<Scalar, Space>::Vector mask_token;  ///< (D)
  typename vit::WeightViews<Scalar, Space>::Matrix pos_embed;   ///< (1 + L, D)
  std::vector<vit::TransformerBlockWeights<Scalar, Space>> blocks;
  vit::NormWeights<Scalar, Space> norm;
  vit::LinearWeights<Scalar, Space> pred;  ///< (P P C, D)

  [[nodiscard]] std::int64_t width() const { return extent(mask_token, 0); }
};

/// Recursion's decoder of channel-agnostic models: cross-attention over all channels, then blocks of each channel's own.
template <class Scalar, MemorySpace Space>
struct ChannelAgnosticDecoderWeights {
  using Vector = typename vit::WeightViews<Scalar, Space>::Vector;
  Vector mask_token;                                           ///< (D)
  typename vit::WeightViews<Scalar, Space>::Matrix pos_embed;  ///< (1 + C L, D)
  std::vector<Vector> modality_tokens;                         ///< C of (D)
  vit::NormWeights<Scalar, Space> query_norm, context_norm, out_norm;
  vit::LinearWeights<Scalar, Space> q, kv, proj;  ///< cross_attention: (D, D), (2 D, D), (D, D)
  vit::LinearWeights<Scalar, Space> fc1, fc2;
  std::vector<std::vector<vit::TransformerBlockWeights<Scalar, Space>>> decoders;  ///< a list for each channel

  [[nodiscard]] std::int64_t width() const { return extent(mask_token, 0); }
  [[nodiscard]] std::int64_t channels() const { return static_cast<std::int64_t>(modality_tokens.size()); }
};

/// Encoder and decoder. Of the encoder, patch_weight, patch_bias, cls_token, pos_embed, blocks and norm take part.
template <class Scalar, MemorySpace Space>
struct MaskedAutoencoderWeights {
  bool channel_agnostic = false;
  vit::EncoderWeights<Scalar, Space> encoder;
  DecoderWeights<Scalar, Space> decoder;                   ///< standard
  vit::LinearWeights<Scalar, Space> encoder_decoder_proj;  ///< channel-agnostic
  ChannelAgnosticDecoderWeights<Scalar, Space> channel_agnostic_decoder;
  vit::LinearWeights<Scalar, Space> decoder_pred;

  [[nodiscard]] std::int64_t width() const { return encoder.width(); }
  [[nodiscard]] std::int64_t patch() const { return extent(encoder.patch_weight, 2); }
  [[nodiscard]] std::int64_t prediction_width() const { return extent(channel_agnostic ? decoder_pred.weight : decoder.pred.weight, 0); }
};

template <class Scalar, MemorySpace Space>
using DecoderGradients = DecoderWeights<vit::Gradient<Scalar>, Space>;
template <class Scalar, MemorySpace Space>
using ChannelAgnosticDecoderGradients = ChannelAgnosticDecoderWeights<vit::Gradient<Scalar>, Space>;
template <class Scalar, MemorySpace Space>
using MaskedAutoencoderGradients = MaskedAutoencoderWeights<vit::Gradient<Scalar>, Space>;

namespace detail {

/// Cuts weights, or gradients where Scalar is vit::Gradient<...>.
template <class Scalar, class Flat>
class ModelCutter : public vit::WeightCutter<Scalar, typename Flat::memory_space> {
 public:
  using Space = typename Flat::memory_space;

  ModelCutter(ParameterTable const& table, Flat const& flat) : vit::WeightCutter<Scalar, Space>(table, flat), table_(table), flat_(flat) {}

  /// Blocks `prefix`0., `prefix`1., ... as far as there are any.
  [[nodiscard]] std::vector<vit::TransformerBlockWeights<Scalar, Space>> blocks(vit::BlockKind kind, std::string const& prefix) const {
    std::vector<vit::TransformerBlockWeights<Scalar, Space>> result;
    for (int i = 0;; ++i) {
      std::string const block = prefix + std::to_string(i) + ".";
      if (!this->has(block + (kind == vit::BlockKind::standard ? "attn.qkv.weight" : "in_proj.weight"))) return result;
      if constexpr (std::is_same_v<Scalar, typename Flat::non_const_value_type>)
        result.push_back(vit::transformer_block_weights(table_, flat_, kind, block));
      else
        result.push_back(vit::transformer_block_gradients(table_, flat_, kind, block));
    }
  }

 private:
  ParameterTable const& table_;
  Flat flat_;
};

template <class Scalar, class Flat>
[[nodiscard]] DecoderWeights<Scalar, typename Flat::memory_space> cut_decoder(ModelCutter<Scalar, Flat> const& cut, DecoderNames names,
                                                                              std::string const& prefix) {
  bool const fair = names == DecoderNames::fair;
  require(cut.has(prefix + "mask_token"), "ocellus::mae::decoder_weights", "the table has no ", prefix, "mask_token");
  DecoderWeights<Scalar, typename Flat::memory_space> weights;
  weights.names      = names;
  weights.mask_token = cut.vector(prefix + "mask_token");
  weights.pos_embed  = cut.matrix(prefix + (fair ? "decoder_pos_embed" : "pos_embeddings"));
  weights.blocks     = cut.blocks(vit::BlockKind::standard, prefix + (fair ? "decoder_blocks." : "blocks."));
  weights.norm       = cut.norm(prefix + (fair ? "decoder_norm" : "norm"));
  if (fair) {
    weights.embed = cut.linear(prefix + "decoder_embed");
    weights.pred  = cut.linear(prefix + "decoder_pred");
  }
  return weights;
}

template <class Scalar, class Flat>
[[nodiscard]] ChannelAgnosticDecoderWeights<Scalar, typename Flat::memory_space> cut_channel_agnostic_decoder(ModelCutter<Scalar, Flat> const& cut,
                                                                                                              std::string const& prefix) {
  require(cut.has(prefix + "mask_token"), "ocellus::mae::channel_agnostic_decoder_weights", "the table has no ", prefix, "mask_token");
  ChannelAgnosticDecoderWeights<Scalar, typename Flat::memory_space> weights;
  weights.mask_token = cut.vector(prefix + "mask_token");
  weights.pos_embed  = cut.matrix(prefix + "pos_embeddings");
  for (int m = 0; cut.has(prefix + "modality_tokens." + std::to_string(m)); ++m) {
    weights.modality_tokens.push_back(cut.vector(prefix + "modality_tokens." + std::to_string(m)));
    weights.decoders.push_back(cut.blocks(vit::BlockKind::standard, prefix + "decoders." + std::to_string(m) + "."));
  }
  weights.query_norm   = cut.norm(prefix + "query_norm");
  weights.context_norm = cut.norm(prefix + "context_norm");
  weights.out_norm     = cut.norm(prefix + "out_norm");
  weights.q            = cut.linear(prefix + "cross_attention.q");
  weights.kv           = cut.linear(prefix + "cross_attention.kv");
  weights.proj         = cut.linear(prefix + "cross_attention.proj");
  weights.fc1          = cut.linear(prefix + "mlp.fc1");
  weights.fc2          = cut.linear(prefix + "mlp.fc2");
  return weights;
}

template <class Scalar, class Flat>
[[nodiscard]] MaskedAutoencoderWeights<Scalar, typename Flat::memory_space> cut_autoencoder(ModelCutter<Scalar, Flat> const& cut, bool channel_agnostic) {
  std::string const prefix = channel_agnostic ? "encoder.vit_backbone." : "";
  require(cut.has(prefix + "patch_embed.proj.weight"), "ocellus::mae::masked_autoencoder_weights", "the table has no ", prefix, "patch_embed.proj.weight");
  MaskedAutoencoderWeights<Scalar, typename Flat::memory_space> weights;
  weights.channel_agnostic     = channel_agnostic;
  weights.encoder.patch_weight = cut.kernel(prefix + "patch_embed.proj.weight");
  weights.encoder.patch_bias   = cut.vector(prefix + "patch_embed.proj.bias");
  weights.encoder.cls_token    = cut.matrix(prefix + "cls_token");
  weights.encoder.pos_embed    = cut.matrix(prefix + "pos_embed");
  weights.encoder.norm         = cut.norm(prefix + "norm");
  weights.encoder.blocks       = cut.blocks(channel_agnostic ? vit::BlockKind::parallel_scaling : vit::BlockKind::standard, prefix + "blocks.");
  if (channel_agnostic) {
    weights.encoder_decoder_proj     = cut.linear("encoder_decoder_proj");
    weights.channel_agnostic_decoder = cut_channel_agnostic_decoder(cut, "decoder.");
    weights.decoder_pred             = cut.linear("decoder_pred");
  } else {
    weights.decoder = cut_decoder(cut, DecoderNames::fair, "");
  }
  return weights;
}

template <class Flat>
using WeightsOf = ModelCutter<typename Flat::non_const_value_type, Flat>;
template <class Flat>
using GradientsOf = ModelCutter<vit::Gradient<typename Flat::non_const_value_type>, Flat>;

}  // namespace detail

/// The Views of a decoder whose names begin with `prefix`: what the table names is what is applied.
///
/// Errors: `std::invalid_argument` when mask_token is missing or a tensor has another rank than its name asks for. Determinism: exact. Allocates: nothing.
template <RealView<1> Parameters>
[[nodiscard]] auto decoder_weights(ParameterTable const& table, Parameters const& parameters, DecoderNames names, std::string const& prefix = "") {
  return detail::cut_decoder(detail::WeightsOf<Parameters>(table, parameters), names, prefix);
}

/// The Views of a channel-agnostic decoder whose names begin with `prefix`.
template <RealView<1> Parameters>
[[nodiscard]] auto channel_agnostic_decoder_weights(ParameterTable const& table, Parameters const& parameters, std::string const& prefix = "") {
  return detail::cut_channel_agnostic_decoder(detail::WeightsOf<Parameters>(table, parameters), prefix);
}

/// The Views of a masked autoencoder: standard with the names of facebookresearch/mae, channel-agnostic with those of OpenPhenom's model.
///
/// Errors: `std::invalid_argument` when the patch kernel or a mask token is missing or a tensor has another rank than its name asks for.
template <RealView<1> Parameters>
[[nodiscard]] auto masked_autoencoder_weights(ParameterTable const& table, Parameters const& parameters, bool channel_agnostic) {
  return detail::cut_autoencoder(detail::WeightsOf<Parameters>(table, parameters), channel_agnostic);
}

/// The gradients of a decoder's weights in a flat array under the same table.
template <RealView<1> Gradients>
[[nodiscard]] auto decoder_gradients(ParameterTable const& table, Gradients const& gradients, DecoderNames names, std::string const& prefix = "") {
  return detail::cut_decoder(detail::GradientsOf<Gradients>(table, gradients), names, prefix);
}

/// Those of a channel-agnostic decoder.
template <RealView<1> Gradients>
[[nodiscard]] auto channel_agnostic_decoder_gradients(ParameterTable const& table, Gradients const& gradients, std::string const& prefix = "") {
  return detail::cut_channel_agnostic_decoder(detail::GradientsOf<Gradients>(table, gradients), prefix);
}

/// Those of a masked autoencoder.
template <RealView<1> Gradients>
[[nodiscard]] auto masked_autoencoder_gradients(ParameterTable const& table, Gradients const& gradients, bool channel_agnostic) {
  return detail::cut_autoencoder(detail::GradientsOf<Gradients>(table, gradients), channel_agnostic);
}

}  // namespace ocellus::mae
