// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small models for tests: configurations, tables, weights by name.

#include <map>
#include <string>
#include <vector>

#include <ocellus/mae/configuration.hpp>

#include "reference/decoder.hpp"
#include "support/arrays.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {

/// 2 channels of 2 x 2 patches; the decoder's width suits the 8 heads of cross-attention.
inline mae::MaskedAutoencoderConfiguration small_autoencoder(bool channel_agnostic) {
  return {.image_size       = 8,
          .patch_size       = 4,
          .channels         = 2,
          .width            = 12,
          .depth            = 2,
          .heads            = 3,
          .decoder_width    = 16,
          .decoder_depth    = 1,
          .decoder_heads    = 2,
          .mlp_ratio        = 1.5,
          .channel_agnostic = channel_agnostic};
}

/// Those entries whose names begin with `prefix`, without it.
inline ParameterTable table_below(ParameterTable const& table, std::string const& prefix) {
  ParameterTable below;
  for (auto const& entry : table.entries()) {
    if (entry.name.rfind(prefix, 0) == 0) below.add(entry.name.substr(prefix.size()), entry.extents, entry.flags);
  }
  return below;
}

/// Recursion's decoder of that width.
inline ParameterTable recursion_table(mae::MaskedAutoencoderConfiguration const& c) {
  ParameterTable const whole = mae::masked_autoencoder_parameter_table(c);
  ParameterTable table;
  for (auto const& entry : whole.entries()) {
    std::string name = entry.name;
    if (name == "decoder_pos_embed") name = "pos_embeddings";
    else if (name.rfind("decoder_blocks.", 0) == 0 || name.rfind("decoder_norm", 0) == 0) name = name.substr(8);
    else if (name != "mask_token") continue;
    table.add(name, entry.extents, entry.flags);
  }
  return table;
}

/// Restore lists of `images` images of `tokens` tokens, from noise.
inline std::vector<double> random_restore(std::int64_t images, std::int64_t tokens) {
  std::vector<double> all;
  for (std::int64_t n = 0; n < images; ++n) {
    auto const one = reference::masking(random_values(static_cast<std::size_t>(tokens), 500 + static_cast<std::uint32_t>(n)), 0).restore;
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

/// Row n of (N, size) values.
template <class T>
std::vector<T> row_of(std::vector<T> const& values, std::int64_t n, std::int64_t size) {
  return {values.begin() + n * size, values.begin() + (n + 1) * size};
}

inline std::vector<std::int64_t> integers(std::vector<double> const& values) { return {values.begin(), values.end()}; }

/// The weights that are trained, packed one behind the other: what the oracles differentiate by.
struct TrainedWeights {
  ParameterTable table;
  std::vector<double> all;  ///< the flat array under the table

  /// The trained tensors of a flat array.
  [[nodiscard]] std::vector<double> pack(std::vector<double> const& flat) const {
    std::vector<double> packed;
    for (auto const& entry : table.entries()) {
      auto const first = flat.begin() + static_cast<std::ptrdiff_t>(entry.offset);
      if (entry.flags.trainable) packed.insert(packed.end(), first, first + static_cast<std::ptrdiff_t>(entry.size()));
    }
    return packed;
  }

  /// `weight(name)` for the oracles: trained tensors from `packed`, the others as they are.
  template <class Real>
  [[nodiscard]] auto by_name(std::vector<Real> const& packed) const {
    std::map<std::string, std::vector<Real>> tensors;
    std::size_t at = 0;
    for (auto const& entry : table.entries()) {
      auto& tensor = tensors[entry.name];
      for (std::size_t i = 0; i < entry.size(); ++i) tensor.push_back(entry.flags.trainable ? packed[at++] : Real(all[entry.offset + i]));
    }
    return [tensors](std::string const& name) {
      auto const found = tensors.find(name);
      return found == tensors.end() ? std::vector<Real>() : found->second;
    };
  }
};

/// A flat View's elements.
template <class Flat>
std::vector<double> flat_values(Flat const& flat) {
  auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), flat);
  return {host.data(), host.data() + host.size()};
}

}  // namespace ocellus::test
