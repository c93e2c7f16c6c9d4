// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH. Computed in double; the backward pass by the operations of the forward one.

#include <ocellus/video/gaussian_likelihood.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const mean = random_tensor<float****>(1, images, channels, side, side), truth = random_tensor<float****>(2, images, channels, side, side),
             factor = random_tensor<float****>(3, images, channels * (channels + 1) / 2, side, side);
  auto const loss   = make_tensor<float>(Exec(), "loss");
  video::GaussianLikelihoodOptions const options{.sigma = 0.1};
  WorkspaceFor<Exec> workspace(Exec(), video::gaussian_likelihood_workspace_size(Exec(), mean, factor, truth, loss, options));
  run(state, "double", video::gaussian_likelihood_cost(real(images * side * side), real(channels), 4),
      [&](Exec const& exec) { video::gaussian_likelihood(exec, mean, factor, truth, loss, options, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  std::int64_t const factors = channels * (channels + 1) / 2;
  auto const mean = random_tensor<float****>(1, images, channels, side, side), truth = random_tensor<float****>(2, images, channels, side, side),
             factor = random_tensor<float****>(3, images, factors, side, side), mean_gradient = random_tensor<float****>(4, images, channels, side, side),
             factor_gradient = random_tensor<float****>(5, images, factors, side, side);
  run(state, "double", video::gaussian_likelihood_cost(real(images * side * side), real(channels), 4),
      [&](Exec const& exec) { video::gaussian_likelihood_backward(exec, mean, factor, truth, mean_gradient, factor_gradient, {.sigma = 0.1}); });
}

OCELLUS_BENCHMARK("video::gaussian_likelihood", "4x3x256x256", "float", forward, 4, 3, 256);
OCELLUS_BENCHMARK("video::gaussian_likelihood_backward", "4x3x256x256", "float", backward, 4, 3, 256);

}  // namespace
