// SPDX-License-Identifier: Apache-2.0

// Shapes are CELLSxWIDTH:gSETS.

#include <ocellus/ssl/set_mean.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t sets) {
  auto const embeddings = random_tensor<float**>(1, rows, width), mean = random_tensor<float**>(2, sets, width);
  auto const set = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i % sets; }, rows);
  run(state, "float", ssl::set_mean_cost(real(rows), real(sets), real(width), 4), [&](Exec const& exec) { ssl::set_mean(exec, embeddings, set, mean); });
}

/// Writes what the forward pass reads.
void backward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t sets) {
  auto const gradient = random_tensor<float**>(1, rows, width), mean_gradient = random_tensor<float**>(2, sets, width);
  auto const set = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i % sets; }, rows);
  WorkspaceFor<Exec> workspace(Exec(), ssl::set_mean_backward_workspace_size(Exec(), mean_gradient, set, gradient));
  run(state, "float", {.bytes_read = 4 * real(sets * width), .bytes_written = 4 * real(rows * width)},
      [&](Exec const& exec) { ssl::set_mean_backward(exec, mean_gradient, set, gradient, workspace); });
}

OCELLUS_BENCHMARK("ssl::set_mean", "20000x384:g200", "float", forward, 20000, 384, 200);
OCELLUS_BENCHMARK("ssl::set_mean_backward", "20000x384:g200", "float", backward, 20000, 384, 200);

}  // namespace
