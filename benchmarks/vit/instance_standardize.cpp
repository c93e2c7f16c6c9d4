// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH; the type is that of the image, the output is float.

#include <ocellus/vit/instance_standardize.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void standardize(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const image  = random_tensor_between<T****>(0, 200, 1, images, channels, side, side);
  auto const output = random_tensor<float****>(2, images, channels, side, side);
  run(state, "float", vit::instance_standardize_cost(real(images * channels * side * side), sizeof(T), 4),
      [&](Exec const& exec) { vit::instance_standardize(exec, image, output); });
}

OCELLUS_BENCHMARK("vit::instance_standardize", "64x5x224x224", "float", standardize<float>, 64, 5, 224);
OCELLUS_BENCHMARK("vit::instance_standardize", "64x5x224x224", "uint16", standardize<std::uint16_t>, 64, 5, 224);

}  // namespace
