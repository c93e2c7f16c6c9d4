// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The parameters of DINO's head under its own names: tables, and Views cut from one flat array.

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::ssl {

/// The weights of a head, or their gradients where `Element` is not const. Null Views: absent.
template <class Element, MemorySpace Space>
struct DinoHeadWeights {
  using Vector = UnmanagedTensor<Element*, Space>;
  using Matrix = UnmanagedTensor<Element**, Space>;
  struct Layer {
    Matrix weight;  ///< (O, I)
    Vector bias;    ///< (O)
  };
  std::vector<Layer> mlp;  ///< linear layers, GELU between them
  Vector weight_g;         ///< (K); absent: 1, as DINO keeps it
  Matrix weight_v;         ///< (K, B)

  [[nodiscard]] std::int64_t bottleneck() const { return extent(weight_v, 1); }
  [[nodiscard]] std::int64_t prototypes() const { return extent(weight_v, 0); }
};

/// The shape of a head; the defaults are DINO's on a ViT-S.
struct DinoHeadConfiguration {
  std::int64_t inputs = 384, hidden = 2048, bottleneck = 256, prototypes = 65536;
  std::int64_t layers = 3;  ///< linear layers before the prototypes
};

namespace detail {

/// "mlp" of one layer, else "mlp.0", "mlp.2", ...
[[nodiscard]] inline std::string mlp_layer_name(std::size_t layer, std::size_t layers) { return layers == 1 ? "mlp" : "mlp." + std::to_string(2 * layer); }

template <class Element, MemorySpace Space, class Parameters>
[[nodiscard]] DinoHeadWeights<Element, Space> cut_dino_head(char const* function, ParameterTable const& table, Parameters const& parameters,
                                                            std::string const& prefix) {
  using Weights = DinoHeadWeights<Element, Space>;
  require(parameters.extent(0) >= table.size() && (parameters.extent(0) <= 1 || parameters.stride(0) == 1), function, "parameters.extent(0) is ",
          parameters.extent(0), " but the table has ", table.size(), " (contiguous)");
  Element* const data = parameters.data();
  std::vector<std::string> known;
  auto const find = [&](std::string const& name) {
    auto const* const entry = table.find(prefix + name);
    if (entry != nullptr) known.push_back(entry->name);
    return entry;
  };
  auto const matrix = [&](std::string const& name) {
    auto const* const e = find(name);
    require(e != nullptr, function, "the table has no ", prefix, name);
    require(e->extents.size() == 2, function, "\"", e->name, "\" has ", e->extents.size(), " axes, 2 are expected");
    return typename Weights::Matrix(data + e->offset, static_cast<std::size_t>(e->extents[0]), static_cast<std::size_t>(e->extents[1]));
  };
  auto const vector = [&](std::string const& name) {
    auto const* const e = find(name);
    if (e == nullptr) return typename Weights::Vector();
    require(!e->extents.empty() && e->size() == static_cast<std::size_t>(e->extents[0]), function, "\"", e->name, "\" is not a vector");
    return typename Weights::Vector(data + e->offset, e->size());
  };
  std::vector<std::string> layers;
  if (table.find(prefix + "mlp.weight") != nullptr)
    layers.push_back("mlp");
  else
    while (layers.empty() || table.find(prefix + mlp_layer_name(layers.size(), 2) + ".weight") != nullptr) layers.push_back(mlp_layer_name(layers.size(), 2));
  Weights weights;
  for (auto const& layer : layers) weights.mlp.push_back({matrix(layer + ".weight"), vector(layer + ".bias")});
  weights.weight_g = vector("last_layer.weight_g");
  weights.weight_v = matrix("last_layer.weight_v");
  for (auto const& entry : table.entries()) {
    bool const of_head = entry.name.rfind(prefix + "mlp.", 0) == 0 || entry.name.rfind(prefix + "last_layer.", 0) == 0;
    require(!of_head || std::find(known.begin(), known.end(), entry.name) != known.end(), function, "the table has ", entry.name,
            ", which this head does not apply");
  }
  return weights;
}

}  // namespace detail

/// The Views of a head whose names begin with `prefix`: mlp.0, mlp.2, ... (of one layer: mlp), last_layer.weight_g and last_layer.weight_v. Biases and weight_g
/// may be missing.
///
/// Errors: `std::invalid_argument` when a layer is missing, a tensor has another rank, or the head has a tensor that is not applied (batch normalisation).
/// Determinism: exact. Allocates: host memory for the list of layers. Synchronises: no.
template <RealView<1> Parameters>
[[nodiscard]] auto dino_head_weights(ParameterTable const& table, Parameters const& parameters, std::string const& prefix = "") {
  using Element = typename Parameters::non_const_value_type const;
  return detail::cut_dino_head<Element, typename Parameters::memory_space>("ocellus::ssl::dino_head_weights", table, parameters, prefix);
}

/// The gradients of a head's weights in a flat array under the same table.
template <RealView<1> Gradients>
[[nodiscard]] auto dino_head_gradients(ParameterTable const& table, Gradients const& gradients, std::string const& prefix = "") {
  using Element = typename Gradients::value_type;
  static_assert(!std::is_const_v<Element>, "ocellus::ssl::dino_head_gradients: gradients are written");
  return detail::cut_dino_head<Element, typename Gradients::memory_space>("ocellus::ssl::dino_head_gradients", table, gradients, prefix);
}

/// DINO's names and shapes for a configuration. last_layer.weight_g is not trainable: DINO keeps it at 1.
///
/// Errors: `std::invalid_argument` when an extent or the number of layers is not positive.
[[nodiscard]] inline ParameterTable dino_head_parameter_table(DinoHeadConfiguration const& configuration, std::string const& prefix = "") {
  require(configuration.layers > 0, "ocellus::ssl::dino_head_parameter_table", "layers is ", configuration.layers, " but must be positive");
  ParameterTable table;
  auto const layers = static_cast<std::size_t>(configuration.layers);
  for (std::size_t i = 0; i < layers; ++i) {
    std::string const name = prefix + detail::mlp_layer_name(i, layers);
    std::int64_t const out = i + 1 == layers ? configuration.bottleneck : configuration.hidden;
    table.add(name + ".weight", {out, i == 0 ? configuration.inputs : configuration.hidden});
    table.add(name + ".bias", {out}, {.decay = false});
  }
  table.add(prefix + "last_layer.weight_g", {configuration.prototypes, 1}, {.decay = false, .trainable = false});
  table.add(prefix + "last_layer.weight_v", {configuration.prototypes, configuration.bottleneck});
  return table;
}

}  // namespace ocellus::ssl
