// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH:iITERATIONS, the default layers of potential and energy.

#include <ocellus/transport/jko_step.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void step(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t iterations) {
  auto const count      = static_cast<std::int64_t>(transport::icnn_parameter_table(width, transport::default_icnn_hidden).size());
  auto const energies   = static_cast<std::int64_t>(transport::jko_energy_parameter_table(width, transport::default_icnn_hidden).size());
  auto const parameters = random_tensor_between<float*>(-0.1, 0.1, 1, count), energy_parameters = random_tensor_between<float*>(-0.1, 0.1, 2, energies),
             losses = random_tensor<float*>(3, iterations);
  auto const x = random_tensor<float**>(4, rows, width), gradient_map = random_tensor<float**>(5, rows, width),
             energy_gradient = random_tensor<float**>(6, rows, width);
  auto const energy          = make_tensor<float>(Exec(), "energy");
  transport::JkoStepOptions const options{.learning_rate = 1e-4};
  WorkspaceFor<Exec> workspace(Exec(), transport::jko_step_workspace_size(Exec(), x, options));
  run(state, "float", transport::jko_step_cost(real(rows), real(width), real(count), real(energies), real(iterations), 4), [&](Exec const& exec) {
    transport::jko_step(exec, x, parameters, energy_parameters, losses, gradient_map, energy, energy_gradient, options, workspace);
  });
}

OCELLUS_BENCHMARK("transport::jko_step", "1024x50:i10", "float", step, 1024, 50, 10);

}  // namespace
