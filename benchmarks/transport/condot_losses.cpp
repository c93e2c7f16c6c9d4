// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTHxLABELS, the default layers: losses and gradients.

#include <ocellus/transport/condot_losses.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void losses(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t labels) {
  auto const table = transport::picnn_parameter_table(width, labels, transport::default_icnn_hidden);
  auto const count = static_cast<std::int64_t>(table.size());
  auto const f = random_tensor_between<float*>(0, 0.1, 1, count), g = random_tensor_between<float*>(0, 0.1, 2, count),
             f_gradient = random_tensor<float*>(3, count), g_gradient = random_tensor<float*>(4, count);
  auto const source = random_tensor<float**>(5, rows, width), target = random_tensor<float**>(6, rows, width), moved = random_tensor<float**>(7, rows, width);
  auto const label  = random_tensor<float**>(8, rows, labels);
  auto const loss_g = make_tensor<float>(Exec(), "loss_g"), loss_f = make_tensor<float>(Exec(), "loss_f"), w2 = make_tensor<float>(Exec(), "w2");
  WorkspaceFor<Exec> workspace(Exec(), transport::condot_losses_workspace_size(Exec(), source, target, label));
  run(state, "float", transport::condot_losses_cost(real(rows), real(width), real(count), 4),
      [&](Exec const& exec) { transport::condot_losses(exec, source, target, label, f, g, loss_g, loss_f, w2, moved, f_gradient, g_gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("transport::condot_losses", "1024x50x10", "float", losses, 1024, 50, 10);

}  // namespace
