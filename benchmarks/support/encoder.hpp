// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Random weights for benchmarks of transformers.

#include <ocellus/vit/weights.hpp>

#include "support/benchmark.hpp"

namespace ocellus::benchmarks {

/// A table's parameters as `vit::initialize_encoder` draws them.
template <class T>
[[nodiscard]] auto drawn_parameters(ParameterTable const& table) {
  auto const host = make_host_tensor<T*>("ocellus::benchmarks::parameters", table.size());
  vit::initialize_encoder(table, host, 1);
  auto const parameters = make_tensor<T*>(Exec(), "ocellus::benchmarks::parameters", table.size());
  Kokkos::deep_copy(parameters, host);
  return parameters;
}

}  // namespace ocellus::benchmarks
