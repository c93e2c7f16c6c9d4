// SPDX-License-Identifier: Apache-2.0

#include "class_maps.hpp"

#include <utility>

#include <ocellus/explain/grad_cam.hpp>
#include <ocellus/explain/upsample_map.hpp>
#include <ocellus/vit.hpp>

namespace ocellus::examples {
namespace {

using Exec  = ClassMaps::Exec;
using Space = ClassMaps::Space;

/// tokens[n, t, :] -= mean[t, :]
struct SubtractMean {
  Tensor<float***, Exec> tokens;
  Tensor<float**, Exec> mean;
  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const& member, std::int64_t row) const {
    std::int64_t const count = extent(tokens, 1), n = row / count, t = row % count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const d) { tokens(n, t, d) -= mean(t, d); });
  }
};

/// sum[n, y, :] = sum over the grids of small[n, :, y, :]
struct AddGrids {
  Tensor<float****, Exec> small;
  Tensor<float***, Exec> sum;
  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const& member, std::int64_t row) const {
    std::int64_t const side = extent(sum, 1), n = row / side, y = row % side;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(sum, 2)), [&](std::int64_t const x) {
      float total = 0;
      for (std::int64_t c = 0; c < extent(small, 1); ++c) total += small(n, c, y, x);
      sum(n, y, x) = total;
    });
  }
};

}  // namespace

ClassMaps::ClassMaps(EncoderParts parts) : parts_(std::move(parts)), before_(parts_.weights) {
  before_.blocks.pop_back();
  before_.norm    = {};
  before_.fc_norm = {};
  grids_          = parts_.options.channel_agnostic ? parts_.channels : 1;
  side_           = parts_.crop / extent(parts_.weights.patch_weight, 2);
  patches_        = side_ * side_;
  sum_            = make_host_tensor<double**>("ocellus::examples::token_sum", parts_.weights.prefix_tokens() + grids_ * patches_, parts_.weights.width());
  Kokkos::deep_copy(sum_, 0.0);
}

Tensor<float***, Exec> ClassMaps::tokens_before_last_block(HostTensor<float****> const& crops) const {
  std::int64_t const n = extent(crops, 0);
  auto const x         = make_tensor<float****>(exec_, "ocellus::examples::pixels", n, parts_.channels, parts_.crop, parts_.crop);
  auto const tokens    = make_tensor<float***>(exec_, "ocellus::examples::tokens", n, extent(sum_, 0), extent(sum_, 1));
  Kokkos::deep_copy(exec_, x, crops);
  vit::instance_standardize(exec_, x, x, {.divisor = 1.0});
  auto options    = parts_.options;
  options.pool    = vit::EncoderPool::none;
  options.fc_norm = false;
  vit::encoder(exec_, x, before_, tokens, options);
  return tokens;
}

void ClassMaps::add_to_mean(HostTensor<float****> const& crops) {
  auto const tokens = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), tokens_before_last_block(crops));
  for (std::size_t n = 0; n < tokens.extent(0); ++n) {
    for (std::size_t t = 0; t < tokens.extent(1); ++t) {
      for (std::size_t d = 0; d < tokens.extent(2); ++d) sum_(t, d) += static_cast<double>(tokens(n, t, d));
    }
  }
  counted_ += extent(crops, 0);
}

ClassMaps::Maps ClassMaps::maps(HostTensor<float****> const& crops, HostTensor<float**> const& score_gradient) const {
  auto const& weights  = parts_.weights;
  auto const& last     = weights.blocks.back();
  auto const& options  = parts_.options;
  std::int64_t const n = extent(crops, 0), width = weights.width(), prefix = weights.prefix_tokens();
  vit::TransformerBlockOptions const block_options{.heads = options.heads, .epsilon = options.epsilon};
  auto const tokens = tokens_before_last_block(crops);
  auto const behind = make_tensor<float***>(exec_, "ocellus::examples::behind", n, extent(sum_, 0), width);
  auto const normed = make_tensor<float***>(exec_, "ocellus::examples::normed", n, extent(sum_, 0), width);
  auto const stream = make_tensor<float***>(exec_, "ocellus::examples::stream", n, extent(sum_, 0), width);
  vit::transformer_block(exec_, tokens, last, behind, block_options);
  if (weights.norm.is_present())
    nn::layer_norm(exec_, as_rows(behind), weights.norm.weight, weights.norm.bias, as_rows(normed), {.epsilon = options.epsilon});
  else
    Kokkos::deep_copy(exec_, normed, behind);

  // Back through fc_norm and the pool; the embedding of a channel-agnostic encoder is a vector a channel.
  bool const by_channel     = options.pool == vit::EncoderPool::channel_avg;
  std::int64_t const groups = by_channel ? parts_.channels : 1;
  vit::PoolOptions const range{.pool          = options.pool == vit::EncoderPool::token ? vit::PoolKind::token
                                                : by_channel                            ? vit::PoolKind::channel_avg
                                                                                        : vit::PoolKind::avg,
                               .prefix_tokens = prefix};
  auto const gradient = make_tensor<float***>(exec_, "ocellus::examples::gradient", n, groups, width);
  UnmanagedTensor<float const***, Kokkos::HostSpace> const from(score_gradient.data(), gradient.extent(0), gradient.extent(1), gradient.extent(2));
  Kokkos::deep_copy(exec_, gradient, from);
  UnmanagedTensor<float**, Space> const flat(gradient.data(), gradient.extent(0) * gradient.extent(1), gradient.extent(2));
  if (options.fc_norm && weights.fc_norm.is_present()) {
    auto const pooled = make_tensor<float***>(exec_, "ocellus::examples::pooled", n, groups, width);
    UnmanagedTensor<float**, Space> const pooled_flat(pooled.data(), flat.extent(0), flat.extent(1));
    if (by_channel)
      vit::pool(exec_, normed, pooled, range);
    else
      vit::pool(exec_, normed, pooled_flat, range);
    nn::layer_norm_backward(exec_, flat, pooled_flat, weights.fc_norm.weight, flat, none, none, {.epsilon = options.epsilon});
  }
  if (by_channel)
    vit::pool_backward(exec_, gradient, normed, stream, range);
  else
    vit::pool_backward(exec_, flat, normed, stream, range);
  if (weights.norm.is_present())
    nn::layer_norm_backward(exec_, as_rows(stream), as_rows(behind), weights.norm.weight, as_rows(stream), none, none, {.epsilon = options.epsilon});
  vit::TransformerBlockGradients<float, Space> unwanted;
  unwanted.kind = last.kind;
  vit::transformer_block_backward(exec_, stream, tokens, last, stream, unwanted, block_options);

  // The activations less their mean, and the map of each grid of tokens.
  auto const host_mean = make_host_tensor<float**>("ocellus::examples::token_mean", extent(sum_, 0), width);
  for (std::size_t i = 0; i < host_mean.size(); ++i)
    host_mean.data()[i] = static_cast<float>(sum_.data()[i] / static_cast<double>(std::max<std::int64_t>(1, counted_)));
  auto const mean = make_tensor<float**>(exec_, "ocellus::examples::token_mean", extent(sum_, 0), width);
  Kokkos::deep_copy(exec_, mean, host_mean);
  for_each_row(exec_, "ocellus::examples::subtract_mean", n * extent(sum_, 0), SubtractMean{tokens, mean});
  auto const small   = make_tensor<float****>(exec_, "ocellus::examples::small_maps", n, grids_, side_, side_);
  auto const grid_of = [&](Tensor<float***, Exec> const& all, std::int64_t grid) {
    auto const w = static_cast<std::size_t>(width), side = static_cast<std::size_t>(side_);
    Kokkos::LayoutStride const layout(all.extent(0), all.extent(1) * w, w, 1, side, side * w, side, w);
    return Kokkos::View<float****, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(all.data() + (prefix + grid * patches_) * width,
                                                                                                         layout);
  };
  for (std::int64_t grid = 0; grid < grids_; ++grid) {
    explain::grad_cam(exec_, grid_of(tokens, grid), grid_of(stream, grid), Kokkos::subview(small, Kokkos::ALL, grid, Kokkos::ALL, Kokkos::ALL),
                      {.method = explain::CamMethod::grad_cam});
  }
  auto const sum = make_tensor<float***>(exec_, "ocellus::examples::small_map", n, side_, side_);
  for_each_row(exec_, "ocellus::examples::add_grids", n * side_, AddGrids{small, sum});
  Maps result{make_tensor<float***>(exec_, "ocellus::examples::maps", n, parts_.crop, parts_.crop),
              make_host_tensor<double**>("ocellus::examples::channel_masses", n, grids_)};
  explain::upsample_map(exec_, sum, result.maps);
  auto const host_small = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), small);
  for (std::size_t i = 0; i < small.extent(0); ++i) {
    for (std::size_t c = 0; c < small.extent(1); ++c) {
      double mass = 0;
      for (std::size_t y = 0; y < small.extent(2); ++y) {
        for (std::size_t x = 0; x < small.extent(3); ++x) mass += static_cast<double>(host_small(i, c, y, x));
      }
      result.channel_masses(i, c) = mass;
    }
  }
  return result;
}

}  // namespace ocellus::examples
