// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Shapes of masked autoencoders, the tables of parameters that follow from them, and seeded starting values.

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/vit/position_table.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::mae {

struct MaskedAutoencoderConfiguration {
  std::int64_t image_size = 224, patch_size = 16, channels = 3, width = 768, depth = 12, heads = 12;
  std::int64_t decoder_width = 512, decoder_depth = 8, decoder_heads = 16;
  double mlp_ratio      = 4.0;
  bool channel_agnostic = false;  ///< parallel_scaling blocks with LayerScale and norms of queries and keys, a decoder for each channel

  /// Positions of one channel (channel-agnostic) or of the image.
  [[nodiscard]] std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
  /// Tokens of an image, which noise is for.
  [[nodiscard]] std::int64_t tokens() const { return channel_agnostic ? channels * patches() : patches(); }
};

/// Names and shapes: those of facebookresearch/mae, or channel-agnostic of OpenPhenom's model. Flags say what a training step does with each: position tables
/// and the placeholder are not trained; biases and other tensors of one axis do not decay, tokens do.
///
/// Errors: `std::invalid_argument` when a size is not positive, the image not a multiple of the patch, or a width not of its heads.
[[nodiscard]] inline ParameterTable masked_autoencoder_parameter_table(MaskedAutoencoderConfiguration const& c) {
  constexpr auto function = "ocellus::mae::masked_autoencoder_parameter_table";
  require(c.image_size > 0 && c.patch_size > 0 && c.image_size % c.patch_size == 0, function, "image_size ", c.image_size, " is not a multiple of patch_size ",
          c.patch_size);
  require(c.width > 0 && c.heads > 0 && c.width % c.heads == 0, function, "width ", c.width, " is not a multiple of heads ", c.heads);
  require(c.decoder_width > 0 && c.decoder_heads > 0 && c.decoder_width % c.decoder_heads == 0, function, "decoder_width ", c.decoder_width,
          " is not a multiple of decoder_heads ", c.decoder_heads);
  require(c.channels > 0 && c.depth >= 0 && c.decoder_depth >= 0, function, "channels is ", c.channels, ", depth ", c.depth, " and decoder_depth ",
          c.decoder_depth);
  ParameterTable table;
  ParameterFlags const plain{.decay = false}, fixed{.decay = false, .trainable = false};
  auto const hidden = [&](std::int64_t width) { return static_cast<std::int64_t>(static_cast<double>(width) * c.mlp_ratio); };
  auto const linear = [&](std::string const& name, std::int64_t out, std::int64_t in, bool bias = true) {
    table.add(name + ".weight", {out, in});
    if (bias) table.add(name + ".bias", {out}, plain);
  };
  auto const norm = [&](std::string const& name, std::int64_t size) {
    table.add(name + ".weight", {size}, plain);
    table.add(name + ".bias", {size}, plain);
  };
  auto const block = [&](std::string const& b, std::int64_t width) {
    norm(b + "norm1", width);
    linear(b + "attn.qkv", 3 * width, width);
    linear(b + "attn.proj", width, width);
    norm(b + "norm2", width);
    linear(b + "mlp.fc1", hidden(width), width);
    linear(b + "mlp.fc2", width, hidden(width));
  };
  std::string const e = c.channel_agnostic ? "encoder.vit_backbone." : "";
  table.add(e + "cls_token", {1, 1, c.width});
  table.add(e + "pos_embed", {1, 1 + c.tokens(), c.width}, fixed);
  table.add(e + "patch_embed.proj.weight", {c.width, c.channel_agnostic ? 1 : c.channels, c.patch_size, c.patch_size});
  table.add(e + "patch_embed.proj.bias", {c.width}, plain);
  for (std::int64_t i = 0; i < c.depth; ++i) {
    std::string const b = e + "blocks." + std::to_string(i) + ".";
    if (!c.channel_agnostic) {
      block(b, c.width);
      continue;
    }
    norm(b + "in_norm", c.width);
    linear(b + "in_proj", hidden(c.width) + 3 * c.width, c.width, false);
    table.add(b + "mlp_bias", {hidden(c.width)}, plain);
    norm(b + "q_norm", c.width / c.heads);
    norm(b + "k_norm", c.width / c.heads);
    linear(b + "attn_out_proj", c.width, c.width);
    linear(b + "mlp_out_proj", c.width, hidden(c.width));
    table.add(b + "ls.gamma", {c.width}, plain);
  }
  norm(e + "norm", c.width);
  std::int64_t const d = c.decoder_width, pixels = c.patch_size * c.patch_size;
  if (!c.channel_agnostic) {
    linear("decoder_embed", d, c.width);
    table.add("mask_token", {1, 1, d});
    table.add("decoder_pos_embed", {1, 1 + c.tokens(), d}, fixed);
    for (std::int64_t i = 0; i < c.decoder_depth; ++i) block("decoder_blocks." + std::to_string(i) + ".", d);
    norm("decoder_norm", d);
    linear("decoder_pred", pixels * c.channels, d);
    return table;
  }
  linear("encoder_decoder_proj", d, c.width);
  table.add("decoder.mask_token", {1, 1, d});
  table.add("decoder.placeholder", {1, 1, d}, fixed);
  table.add("decoder.pos_embeddings", {1, 1 + c.tokens(), d}, fixed);
  for (std::int64_t m = 0; m < c.channels; ++m) table.add("decoder.modality_tokens." + std::to_string(m), {1, 1, d});
  norm("decoder.query_norm", d);
  norm("decoder.context_norm", d);
  linear("decoder.cross_attention.q", d, d, false);
  linear("decoder.cross_attention.kv", 2 * d, d, false);
  linear("decoder.cross_attention.proj", d, d);
  norm("decoder.out_norm", d);
  linear("decoder.mlp.fc1", hidden(d), d);
  linear("decoder.mlp.fc2", d, hidden(d));
  for (std::int64_t m = 0; m < c.channels; ++m) {
    for (std::int64_t i = 0; i < c.decoder_depth; ++i) block("decoder.decoders." + std::to_string(m) + "." + std::to_string(i) + ".", d);
  }
  linear("decoder_pred", pixels, d);
  return table;
}

/// Seeded starting values in host memory: those of `vit::initialize_encoder`, and the sine and cosine tables of positions, column first (facebookresearch/mae),
/// channel-agnostic row first (Recursion).
///
/// Errors: `std::invalid_argument` when the array is smaller than the table or a width not a multiple of 4. Determinism: a function of table and seed.
/// Allocates: nothing. Synchronises: the default host instance.
template <RealView<1> Parameters>
void initialize_masked_autoencoder(MaskedAutoencoderConfiguration const& c, ParameterTable const& table, Parameters const& parameters, std::uint64_t seed) {
  vit::initialize_encoder(table, parameters, seed);
  using Space = typename Parameters::memory_space;
  Kokkos::DefaultHostExecutionSpace const exec;
  std::int64_t const side = c.image_size / c.patch_size;
  for (auto const& entry : table.entries()) {
    if (entry.flags.trainable) continue;
    UnmanagedTensor<typename Parameters::non_const_value_type**, Space> const rows(parameters.data() + entry.offset, static_cast<std::size_t>(entry.extents[1]),
                                                                                   static_cast<std::size_t>(entry.extents[2]));
    if (entry.extents[1] == 1 + c.tokens())
      vit::position_table(
          exec, rows,
          {.rows = side, .columns = side, .convention = c.channel_agnostic ? vit::PositionConvention::row_first : vit::PositionConvention::column_first});
    else
      Kokkos::deep_copy(exec, rows, static_cast<typename Parameters::non_const_value_type>(0.0F));
  }
  exec.fence("ocellus::mae::initialize_masked_autoencoder");
}

}  // namespace ocellus::mae
