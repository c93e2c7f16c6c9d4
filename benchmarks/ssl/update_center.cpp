// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxPROTOTYPES.

#include <ocellus/ssl/update_center.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void update(benchmark::State& state, std::int64_t rows, std::int64_t prototypes) {
  auto const center  = random_tensor<float*>(1, prototypes);
  auto const teacher = random_tensor<float**>(2, rows, prototypes);
  run(state, "float", ssl::update_center_cost(real(rows), real(prototypes), 4), [&](Exec const& exec) { ssl::update_center(exec, center, teacher); });
}

OCELLUS_BENCHMARK("ssl::update_center", "128x65536", "float", update, 128, 65536);

}  // namespace
