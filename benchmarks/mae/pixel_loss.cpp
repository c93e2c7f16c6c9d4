// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, three tokens in four hidden, with the backward pass.

#include <ocellus/mae/pixel_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const prediction = random_tensor<float***>(1, images, tokens, width), target = random_tensor<float***>(2, images, tokens, width);
  auto const gradient = random_tensor<float***>(3, images, tokens, width);
  auto const mask     = filled_tensor<std::uint8_t**>([](std::int64_t i) { return static_cast<std::uint8_t>(i % 4 != 0); }, images, tokens);
  auto const loss     = make_tensor<float>(Exec(), "loss");
  mae::PixelLossOptions const options{.normalize_target = true};
  WorkspaceFor<Exec> workspace(Exec(), std::max(mae::pixel_loss_workspace_size(Exec(), prediction, target, mask, loss, options),
                                                mae::pixel_loss_backward_workspace_size(Exec(), prediction, target, mask, gradient, options)));
  auto const all = static_cast<double>(images * tokens), hidden = 0.75 * all, k = static_cast<double>(width);
  run(state, "float", mae::pixel_loss_cost(hidden, k, 4) + mae::pixel_loss_backward_cost(hidden, all, k, 4), [&](Exec const& exec) {
    mae::pixel_loss(exec, prediction, target, mask, loss, options, workspace);
    mae::pixel_loss_backward(exec, prediction, target, mask, gradient, options, workspace);
  });
}

OCELLUS_BENCHMARK("mae::pixel_loss", "64x196x768:with_backward", "float", loss_and_gradient, 64, 196, 768);

}  // namespace
