// SPDX-License-Identifier: Apache-2.0

// Shapes are CELLSxWIDTHxDRUGS, one covariate of ten values.

#include <ocellus/transport/cpa_latent.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void latent(benchmark::State& state, std::int64_t cells, std::int64_t width, std::int64_t drugs) {
  auto const basal = random_tensor<float**>(1, cells, width), doses = random_tensor_between<float**>(0, 1, 2, cells, drugs),
             drug_embeddings = random_tensor<float**>(3, drugs, width), covariate_embeddings = random_tensor<float**>(4, 10, width),
             treated    = random_tensor<float**>(5, cells, width);
  auto const covariates = filled_tensor<std::int64_t**>([](std::int64_t i) { return i % 10; }, cells, 1);
  auto const beta = random_tensor<float*>(6, drugs), bias = random_tensor<float*>(7, drugs);
  run(state, "float", transport::cpa_latent_cost(real(cells), real(width), real(drugs), 1, 4), [&](Exec const& exec) {
    transport::cpa_latent(exec, basal, doses, drug_embeddings, covariate_embeddings, covariates, beta, bias, treated,
                          {.dose_response = transport::DoseResponse::sigmoid});
  });
}

OCELLUS_BENCHMARK("transport::cpa_latent", "20000x128x50", "float", latent, 20000, 128, 50);

}  // namespace
