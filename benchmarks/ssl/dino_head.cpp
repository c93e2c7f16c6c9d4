// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxINPUTSxPROTOTYPES, two hidden layers of 2048 and a bottleneck of 256.

#include <array>

#include <ocellus/ssl/dino_head.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

constexpr std::array<double, 4> widths{384, 2048, 2048, 256};

ParameterTable head_table(std::int64_t prototypes) { return ssl::dino_head_parameter_table({.prototypes = prototypes}); }

void forward(benchmark::State& state, std::int64_t rows, std::int64_t prototypes) {
  auto const table      = head_table(prototypes);
  auto const parameters = random_tensor_between<float*>(-0.05, 0.05, 1, static_cast<std::int64_t>(table.size()));
  auto const weights    = ssl::dino_head_weights(table, parameters);
  auto const input = random_tensor<float**>(2, rows, 384), logits = random_tensor<float**>(3, rows, prototypes);
  WorkspaceFor<Exec> workspace(Exec(), ssl::dino_head_workspace_size(Exec(), input, weights, logits));
  run(state, "float", ssl::dino_head_cost(real(rows), widths, real(prototypes), 4),
      [&](Exec const& exec) { ssl::dino_head(exec, input, weights, logits, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t prototypes) {
  auto const table      = head_table(prototypes);
  auto const parameters = random_tensor_between<float*>(-0.05, 0.05, 1, static_cast<std::int64_t>(table.size()));
  auto const flat       = random_tensor<float*>(2, static_cast<std::int64_t>(table.size()));
  auto const weights    = ssl::dino_head_weights(table, parameters);
  auto const gradients  = ssl::dino_head_gradients(table, flat);
  auto const input = random_tensor<float**>(3, rows, 384), input_gradient = random_tensor<float**>(4, rows, 384),
             logits_gradient = random_tensor<float**>(5, rows, prototypes);
  WorkspaceFor<Exec> workspace(Exec(), ssl::dino_head_backward_workspace_size(Exec(), input, weights, logits_gradient, input_gradient, gradients));
  run(state, "float", ssl::dino_head_backward_cost(real(rows), widths, real(prototypes), 4),
      [&](Exec const& exec) { ssl::dino_head_backward(exec, input, weights, logits_gradient, input_gradient, gradients, {}, workspace); });
}

OCELLUS_BENCHMARK("ssl::dino_head", "256x384x8192", "float", forward, 256, 8192);
OCELLUS_BENCHMARK("ssl::dino_head_backward", "256x384x8192", "float", backward, 256, 8192);

}  // namespace
