// SPDX-License-Identifier: Apache-2.0

// One step of training a masked autoencoder: forward, backward, clipping and AdamW. Shapes are BATCHx3xSIDE:MODEL:mMICRO, the decoder 512 wide with 8 blocks, three
// quarters of the patches hidden; mMICRO images go through the model at once. A step takes seconds, so there are three of them after a first one. peak_bytes is
// that of the whole process: for a clean figure run one benchmark alone (--benchmark_filter).

#include <sys/resource.h>

#include <ocellus/mae/train_steps.hpp>

#include "support/autoencoder.hpp"
#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void training_step(benchmark::State& state, std::int64_t batch, std::int64_t micro_batch) {
  Autoencoder const own;
  auto const& model = own.model;
  auto const& table = own.table;
  auto const images = random_tensor<float****>(1, batch, model.channels, model.image_size, model.image_size);
  auto const noise  = random_tensor<float***>(2, 1, batch, model.tokens());
  auto const sample = filled_tensor<std::int64_t**>([](std::int64_t i) { return i; }, 1, batch);
  Tensor<float*, Exec> const first_moment("first_moment", table.size()), second_moment("second_moment", table.size()), gradients("gradients", table.size()),
      loss("loss", 1), norm("norm", 1), rate("rate", 1);
  mae::TrainStepsOptions const options{.model         = {.heads = model.heads, .decoder_heads = model.decoder_heads, .ratio = Autoencoder::ratio},
                                       .learning_rate = 1e-4,
                                       .clip_norm     = 1,
                                       .micro_batch   = micro_batch};
  WorkspaceFor<Exec> workspace(Exec(), mae::train_steps_workspace_size(Exec(), images, sample, table, own.parameters, options));
  auto const cost =
      mae::train_steps_cost(real(batch), real(model.tokens()), real(own.kept()), 768, real(model.width), real(model.heads), real(model.depth),
                            real(model.decoder_width), real(model.decoder_heads), real(model.decoder_depth), static_cast<double>(table.size()), 4);
  run(state, "float", cost, [&](Exec const& exec) {
    mae::train_steps(exec, images, sample, noise, table, own.parameters, first_moment, second_moment, gradients, loss, norm, rate, options, workspace);
  });
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_bytes"] = 1024.0 * static_cast<double>(usage.ru_maxrss);
}

OCELLUS_BENCHMARK("mae::train_steps", "32x3x224:vits16:m32", "float", training_step, 32, 32);
OCELLUS_BENCHMARK("mae::train_steps", "32x3x224:vits16:m8", "float", training_step, 32, 8);

}  // namespace
