// SPDX-License-Identifier: Apache-2.0

// One step of training a masked autoencoder: forward, backward, clipping and AdamW. Shapes are BATCHx3xSIDE:MODEL:mMICRO, the decoder 512 wide with 8 blocks, three
// quarters of the patches hidden; mMICRO images go through the model at once. A step takes seconds, so there are three of them after a first one. peak_bytes is
// that of the whole process: for a clean figure run one benchmark alone (--benchmark_filter).

#include <sys/resource.h>

#include <ocellus/mae/configuration.hpp>
#include <ocellus/mae/train_steps.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void training_step(benchmark::State& state, std::int64_t batch, std::int64_t micro_batch) {
  mae::MaskedAutoencoderConfiguration const model{
      .image_size = 224, .patch_size = 16, .channels = 3, .width = 384, .depth = 12, .heads = 6, .decoder_width = 512, .decoder_depth = 8, .decoder_heads = 16};
  constexpr double hidden = 0.75;
  Exec const exec;
  auto const table  = mae::masked_autoencoder_parameter_table(model);
  auto const images = random_tensor<float****>(1, batch, model.channels, model.image_size, model.image_size);
  auto const noise  = random_tensor<float***>(2, 1, batch, model.tokens());
  auto const sample = make_tensor<std::int64_t**>(exec, "sample", 1, batch);
  auto const host   = Kokkos::create_mirror_view(sample);
  for (std::int64_t i = 0; i < batch; ++i) host(0, i) = i;
  Kokkos::deep_copy(sample, host);
  HostTensor<float*> const start("start", table.size());
  mae::initialize_masked_autoencoder(model, table, start, 1);
  Tensor<float*, Exec> const parameters("parameters", table.size()), first_moment("first_moment", table.size()), second_moment("second_moment", table.size()),
      gradients("gradients", table.size()), loss("loss", 1), norm("norm", 1), rate("rate", 1);
  Kokkos::deep_copy(parameters, start);
  mae::TrainStepsOptions const options{.model         = {.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = hidden},
                                       .learning_rate = 1e-4,
                                       .clip_norm     = 1,
                                       .micro_batch   = micro_batch};
  WorkspaceFor<Exec> workspace(exec, mae::train_steps_workspace_size(exec, images, sample, table, parameters, options));
  auto const number = [](auto value) { return static_cast<double>(value); };
  auto const kept   = mae::kept_tokens(model.tokens(), hidden);
  auto const cost   = mae::train_steps_cost(number(batch), number(model.tokens()), number(kept), number(model.patch_size * model.patch_size * model.channels),
                                            number(model.width), number(model.heads), number(model.depth), number(model.decoder_width),
                                            number(model.decoder_heads), number(model.decoder_depth), number(table.size()), 4);
  run(state, "float", cost, [&](Exec const& own) {
    mae::train_steps(own, images, sample, noise, table, parameters, first_moment, second_moment, gradients, loss, norm, rate, options, workspace);
  });
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_bytes"] = 1024.0 * static_cast<double>(usage.ru_maxrss);
}

OCELLUS_BENCHMARK("mae::train_steps", "32x3x224:vits16:m32", "float", training_step, 32, 32)->Iterations(3);
OCELLUS_BENCHMARK("mae::train_steps", "32x3x224:vits16:m8", "float", training_step, 32, 8)->Iterations(3);

}  // namespace
