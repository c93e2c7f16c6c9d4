// SPDX-License-Identifier: Apache-2.0

// Shapes are SAMPLESxPROTOTYPES:iITERATIONS.

#include <ocellus/ssl/sinkhorn_knopp.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void assign(benchmark::State& state, std::int64_t samples, std::int64_t prototypes, std::int64_t iterations) {
  auto const logits = random_tensor<float**>(1, samples, prototypes), assignment = random_tensor<float**>(2, samples, prototypes);
  ssl::SinkhornKnoppOptions const options{.iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), ssl::sinkhorn_knopp_workspace_size(Exec(), logits, assignment, options));
  run(state, "double", ssl::sinkhorn_knopp_cost(real(samples), real(prototypes), real(iterations), 4),
      [&](Exec const& exec) { ssl::sinkhorn_knopp(exec, logits, assignment, options, workspace); });
}

OCELLUS_BENCHMARK("ssl::sinkhorn_knopp", "256x8192:i3", "float", assign, 256, 8192, 3);

}  // namespace
