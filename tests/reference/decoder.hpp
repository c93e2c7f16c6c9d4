// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "encoder.hpp"
#include "masked_autoencoder.hpp"

/// Decoders and whole masked autoencoders in plain loops, one image at a time. `weight(name)` gives a tensor's elements in row-major order; empty: absent.
namespace ocellus::reference {

/// latent (1 + K, D) to tokens (1 + L, D): the class token, then by restore, the mask token elsewhere; plus positions.
template <class Real>
std::vector<Real> assemble(std::vector<Real> const& latent, std::vector<std::int64_t> const& restore, std::vector<Real> const& mask_token,
                           std::vector<Real> const& positions) {
  std::size_t const width = mask_token.size(), kept = latent.size() / width - 1;
  std::vector<Real> tokens(latent.begin(), latent.begin() + static_cast<std::ptrdiff_t>(width));
  for (auto const from : restore) {
    for (std::size_t d = 0; d < width; ++d)
      tokens.push_back(static_cast<std::size_t>(from) < kept ? latent[(1 + static_cast<std::size_t>(from)) * width + d] : mask_token[d]);
  }
  for (std::size_t i = 0; i < tokens.size() && !positions.empty(); ++i) tokens[i] += positions[i];
  return tokens;
}

/// fair: patch tokens through the prediction layer; recursion: all tokens.
template <class Real, class Weight>
std::vector<Real> decoder(std::vector<Real> latent, std::vector<std::int64_t> const& restore, Weight const& weight, bool fair, std::int64_t heads,
                          double epsilon) {
  auto const mask_token = weight("mask_token");
  auto const width      = static_cast<std::int64_t>(mask_token.size());
  if (!weight("decoder_embed.weight").empty())
    latent =
        linear(latent, weight("decoder_embed.weight"), weight("decoder_embed.bias"), static_cast<std::int64_t>(weight("decoder_embed.weight").size()) / width);
  auto x                   = assemble(latent, restore, mask_token, weight(fair ? "decoder_pos_embed" : "pos_embeddings"));
  std::string const blocks = fair ? "decoder_blocks." : "blocks.";
  for (int i = 0; !weight(blocks + std::to_string(i) + ".attn.qkv.weight").empty(); ++i)
    x = transformer_block(x, weight, blocks + std::to_string(i) + ".", false, width, heads, epsilon);
  x = norm(x, weight, fair ? "decoder_norm" : "norm", width, epsilon);
  if (!fair) return x;
  return linear<Real>({x.begin() + width, x.end()}, weight("decoder_pred.weight"), weight("decoder_pred.bias"), width);
}

/// All tokens, class token first. Cross-attention channel by channel, as its authors wrote it.
template <class Real, class Weight>
std::vector<Real> channel_agnostic_decoder(std::vector<Real> const& latent, std::vector<std::int64_t> const& restore, Weight const& weight, std::int64_t heads,
                                           double epsilon) {
  auto const mask_token   = weight("mask_token");
  std::size_t const width = mask_token.size(), tokens = restore.size();
  std::size_t channels = 0;
  while (!weight("modality_tokens." + std::to_string(channels)).empty()) ++channels;
  std::size_t const patches = tokens / channels;
  auto const signed_width   = static_cast<std::int64_t>(width);
  auto const all            = assemble(latent, restore, mask_token, weight("pos_embeddings"));
  std::vector<Real> output(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(width)), x(all.begin() + static_cast<std::ptrdiff_t>(width), all.end());
  for (std::size_t m = 0; m < channels; ++m) {
    auto const modality = weight("modality_tokens." + std::to_string(m));
    for (std::size_t i = 0; i < patches * width; ++i) x[m * patches * width + i] += modality[i % width];
  }
  auto const kv =
      linear(norm(x, weight, "context_norm", signed_width, epsilon), weight("cross_attention.kv.weight"), weight("cross_attention.kv.bias"), signed_width);
  for (std::size_t m = 0; m < channels; ++m) {
    std::vector<Real> const own(x.begin() + static_cast<std::ptrdiff_t>(m * patches * width),
                                x.begin() + static_cast<std::ptrdiff_t>((m + 1) * patches * width));
    auto const q =
        linear(norm(own, weight, "query_norm", signed_width, epsilon), weight("cross_attention.q.weight"), weight("cross_attention.q.bias"), signed_width);
    auto a   = linear(attention(q, columns(kv, 2 * width, 0, width), columns(kv, 2 * width, width, width), width, 8), weight("cross_attention.proj.weight"),
                      weight("cross_attention.proj.bias"), signed_width);
    auto mlp = linear(norm(a, weight, "out_norm", signed_width, epsilon), weight("mlp.fc1.weight"), weight("mlp.fc1.bias"), signed_width);
    gelu_in_place(mlp);
    auto const added = linear(mlp, weight("mlp.fc2.weight"), weight("mlp.fc2.bias"), static_cast<std::int64_t>(mlp.size() / patches));
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += added[i];
    std::string const blocks = "decoders." + std::to_string(m) + ".";
    for (int i = 0; !weight(blocks + std::to_string(i) + ".attn.qkv.weight").empty(); ++i)
      a = transformer_block(a, weight, blocks + std::to_string(i) + ".", false, signed_width, heads, epsilon);
    output.insert(output.end(), a.begin(), a.end());
  }
  return output;
}

struct AutoencoderShape {
  std::int64_t channels = 1, height = 1, width = 1, patch = 1, features = 1, heads = 1, decoder_heads = 1, kept = 1;
  bool channel_agnostic = false, normalize = false;
  double fourier_weight = 0, decoder_epsilon = 1e-6;
};

template <class Real>
struct Autoencoder {
  std::vector<Real> prediction;    ///< (N, L, K)
  std::vector<std::int64_t> mask;  ///< (N, L)
  Real loss = 0;
};

/// Images (N, C, H, W), noise (N, L).
template <class Real, class Weight>
Autoencoder<Real> masked_autoencoder(std::vector<double> const& images, std::vector<double> const& noise, AutoencoderShape const& s, Weight const& weight) {
  std::size_t const size = static_cast<std::size_t>(s.channels * s.height * s.width), count = images.size() / size, tokens = noise.size() / count;
  auto const below    = [&](std::string const& prefix) { return [&weight, prefix](std::string const& name) { return weight(prefix + name); }; };
  std::string const e = s.channel_agnostic ? "encoder.vit_backbone." : "";
  Autoencoder<Real> result;
  std::vector<double> target;
  for (std::size_t n = 0; n < count; ++n) {
    std::vector<double> const image(images.begin() + static_cast<std::ptrdiff_t>(n * size), images.begin() + static_cast<std::ptrdiff_t>((n + 1) * size));
    auto const masks =
        masking({noise.begin() + static_cast<std::ptrdiff_t>(n * tokens), noise.begin() + static_cast<std::ptrdiff_t>((n + 1) * tokens)}, s.kept);
    auto const patches   = patch_embed<Real>({image.begin(), image.end()}, {s.channels, s.height, s.width}, weight(e + "patch_embed.proj.weight"),
                                           weight(e + "patch_embed.proj.bias"), s.features, s.patch, s.patch, s.channel_agnostic);
    auto const positions = weight(e + "pos_embed");
    auto x               = weight(e + "cls_token");
    std::size_t const d  = x.size();
    for (std::size_t i = 0; i < d; ++i) x[i] += positions[i];
    for (auto const from : masks.keep) {
      for (std::size_t i = 0; i < d; ++i)
        x.push_back(patches[static_cast<std::size_t>(from) * d + i] + positions[(1 + static_cast<std::size_t>(from)) * d + i]);
    }
    std::string const first = s.channel_agnostic ? ".in_proj.weight" : ".attn.qkv.weight";
    for (int i = 0; !weight(e + "blocks." + std::to_string(i) + first).empty(); ++i)
      x = transformer_block(x, weight, e + "blocks." + std::to_string(i) + ".", s.channel_agnostic, s.features, s.heads, 1e-6);
    x = norm(x, weight, e + "norm", s.features, 1e-6);
    if (s.channel_agnostic) {
      x               = linear(x, weight("encoder_decoder_proj.weight"), weight("encoder_decoder_proj.bias"), s.features);
      x               = channel_agnostic_decoder(x, masks.restore, below("decoder."), s.decoder_heads, s.decoder_epsilon);
      auto const wide = static_cast<std::int64_t>(weight("decoder.mask_token").size());
      x               = linear<Real>({x.begin() + wide, x.end()}, weight("decoder_pred.weight"), weight("decoder_pred.bias"), wide);
    } else {
      x = decoder(x, masks.restore, weight, true, s.decoder_heads, 1e-6);
    }
    auto const wanted = patchify(image, s.channels, s.height, s.width, s.patch, s.channel_agnostic);
    result.prediction.insert(result.prediction.end(), x.begin(), x.end());
    result.mask.insert(result.mask.end(), masks.mask.begin(), masks.mask.end());
    target.insert(target.end(), wanted.begin(), wanted.end());
  }
  auto const width = static_cast<std::int64_t>(target.size() / result.mask.size());
  result.loss      = pixel_loss(result.prediction, target, result.mask, width, s.normalize) * (1.0 - s.fourier_weight);
  if (s.fourier_weight > 0) result.loss += fourier_loss(result.prediction, target, result.mask, s.patch, s.patch, false) * s.fourier_weight;
  return result;
}

}  // namespace ocellus::reference
