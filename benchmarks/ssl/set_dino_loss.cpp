// SPDX-License-Identifier: Apache-2.0

// Shapes are VIEWSxCELLSxWIDTHxPROTOTYPES:gSETS, as many cells of the teacher, the head of dino_head.

#include <array>

#include <ocellus/ssl/set_dino_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

constexpr std::array<double, 4> widths{384, 2048, 2048, 256};

void loss(benchmark::State& state, std::int64_t views, std::int64_t cells, std::int64_t prototypes, std::int64_t sets, bool backward) {
  auto const table      = ssl::dino_head_parameter_table({.prototypes = prototypes});
  auto const size       = static_cast<std::int64_t>(table.size());
  auto const parameters = random_tensor_between<float*>(-0.05, 0.05, 1, size), flat = random_tensor<float*>(2, size);
  auto const weights   = ssl::dino_head_weights(table, parameters);
  auto const gradients = ssl::dino_head_gradients(table, flat);
  auto const student = random_tensor<float***>(3, views, cells, 384), teacher = random_tensor<float***>(4, 2, cells, 384),
             student_gradient = random_tensor<float***>(5, views, cells, 384);
  auto const set              = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i % sets; }, cells);
  auto const center           = random_tensor<float*>(6, prototypes);
  auto const value            = make_tensor<float>(Exec(), "loss");
  ssl::SetDinoLossOptions const options{.sets = sets};
  double const v = real(views), n = real(cells), g = real(sets), k = real(prototypes);
  if (backward) {
    WorkspaceFor<Exec> workspace(
        Exec(), ssl::set_dino_loss_backward_workspace_size(Exec(), student, set, teacher, set, weights, weights, center, student_gradient, gradients, options));
    run(state, "float", ssl::set_dino_loss_backward_cost(v, n, n, g, widths, k, 4), [&](Exec const& exec) {
      ssl::set_dino_loss_backward(exec, student, set, teacher, set, weights, weights, center, student_gradient, gradients, options, workspace);
    });
  } else {
    WorkspaceFor<Exec> workspace(Exec(), ssl::set_dino_loss_workspace_size(Exec(), student, set, teacher, set, weights, weights, center, value, options));
    run(state, "float", ssl::set_dino_loss_cost(v, n, n, g, widths, k, 4),
        [&](Exec const& exec) { ssl::set_dino_loss(exec, student, set, teacher, set, weights, weights, center, value, options, workspace); });
  }
}

OCELLUS_BENCHMARK("ssl::set_dino_loss", "4x2048x384x8192:g32", "float", loss, 4, 2048, 8192, 32, false);
OCELLUS_BENCHMARK("ssl::set_dino_loss_backward", "4x2048x384x8192:g32", "float", loss, 4, 2048, 8192, 32, true);

}  // namespace
