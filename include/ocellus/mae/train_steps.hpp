// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/masked_autoencoder_backward.hpp>
#include <ocellus/nn/adamw_step.hpp>
#include <ocellus/nn/clip_grad_norm.hpp>
#include <ocellus/nn/cosine_schedule.hpp>

namespace ocellus::mae {

enum class LearningRateSchedule {
  constant,
  cosine,  ///< linear warm-up from 0, then half a cosine to minimum_learning_rate
};

struct TrainStepsOptions {
  MaskedAutoencoderOptions model = {};     ///< divisor and accumulate are set by the run
  bool channel_agnostic          = false;  ///< which names the table has
  double learning_rate           = 1e-3;
  LearningRateSchedule schedule  = LearningRateSchedule::constant;
  std::int64_t warmup_steps      = 0;
  double minimum_learning_rate   = 0;
  double beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weight_decay = 0.05;
  double clip_norm         = 0;  ///< 0: off
  std::int64_t micro_batch = 0;  ///< images that go through the model at once; 0: all of a step. The result does not depend on it
  std::int64_t first_step  = 0;  ///< number of the first step here, where a run goes on
  std::int64_t total_steps = 0;  ///< of the schedule; 0: first_step + S
};

namespace detail {

/// images[sample[first + i]]: one image a batch row. A number out of range gives NaN.
template <class Member, class Images, class Sample, class Batch>
struct TakeImages {
  Images images;
  Sample sample;  ///< (S, N)
  Batch batch;
  std::int64_t step, first;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                  = accumulate_of_t<Batch>;
    std::int64_t const channels = extent(batch, 1), height = extent(batch, 2), n = item / (channels * height), c = item / height % channels, y = item % height;
    std::int64_t const from = static_cast<std::int64_t>(sample(step, first + n));
    bool const is_there     = from >= 0 && from < extent(images, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(batch, 3)), [&](std::int64_t const x) {
      batch(n, c, y, x) = static_cast<element_t<Batch>>(is_there ? static_cast<Real>(images(from, c, y, x)) : Kokkos::Experimental::quiet_NaN_v<Real>);
    });
  }
};

template <class Member, class Line>
struct ZeroChunks {
  Line line;
  static constexpr std::int64_t chunk = 4096;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const first = item * chunk, left = extent(line, 0) - first, count = left < chunk ? left : chunk;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count),
                         [&](std::int64_t const i) { line(first + i) = static_cast<element_t<Line>>(accumulate_of_t<Line>(0)); });
  }
};

template <class Member, class Line>
struct SetNumber {
  Line line;
  std::int64_t at;
  double value;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { line(at) = static_cast<element_t<Line>>(static_cast<accumulate_of_t<Line>>(value)); });
  }
};

[[nodiscard]] inline std::int64_t micro_batch(TrainStepsOptions const& options, std::int64_t images) {
  return options.micro_batch > 0 ? std::min(options.micro_batch, images) : images;
}

template <class Real, class Exec, class Images>
[[nodiscard]] auto batch_shape(Images const& images, std::int64_t count) {
  return UnmanagedTensor<Real****, typename Exec::memory_space>(nullptr, static_cast<std::size_t>(count), images.extent(1), images.extent(2), images.extent(3));
}

}  // namespace detail

/// Bytes of workspace that `train_steps` takes: one slice of images, its backward pass, and the sums of the norm.
template <ExecutionSpace Exec, RealView<4> Images, IndexView<2> Sample, RealView<1> Parameters>
[[nodiscard]] std::size_t train_steps_workspace_size(Exec const& exec, Images const& images, Sample const& sample, ParameterTable const& table,
                                                     Parameters const& parameters, TrainStepsOptions const& options) {
  using Real         = accumulate_of_t<Images>;
  auto const weights = masked_autoencoder_weights(table, parameters, options.channel_agnostic);
  auto const shape   = [&](std::int64_t count) {
    return detail::autoencoder_backward_bytes<Real>(
        exec, weights, detail::autoencoder_shape("ocellus::mae::train_steps", detail::batch_shape<Real, Exec>(images, count), weights, options.model),
        options.model);
  };
  std::int64_t const slice = detail::micro_batch(options, extent(sample, 1));
  Kokkos::View<Real, typename Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const norm(nullptr);
  return workspace_bytes<Real>(element_count(detail::batch_shape<Real, Exec>(images, slice))) +
         std::max(shape(slice), nn::clip_grad_norm_workspace_size(exec, std::span<Parameters const>(&parameters, 1), norm));
}

/// Steps of training: loss, gradient, clipping, AdamW.
///
///     step s: rate; loss and gradient of images[sample[s]] with noise[s]; norm; gradient *= min(1, clip_norm / (norm + 1e-6)); AdamW with t = first_step + s + 1
///
/// images (M, C, H, W), standardised, sample (S, N), the images of each step, noise (S, N, L), table with its flags (what decays, what is trained) -> changed in
/// place: parameters, first_moment, second_moment, flat arrays under the table; loss, gradient_norm and learning_rate (S): the loss before the step, the norm
/// before clipping. gradients, a flat array under the table, is scratch and holds those of the last step. Moments start as zeros. A number in sample that is
/// out of range gives NaN, in loss and weights alike. Call it again with the next steps' samples and `first_step` to go on.
///
/// Errors: `std::invalid_argument` as `masked_autoencoder`; when sample, noise, outputs or flat arrays do not fit; when a step or rate is out of range.
/// Error bound: that of its parts in turn. AdamW divides by the root of the second moment, so that the sign of a gradient that is only rounding decides a step.
/// Determinism: the same bits for every number of threads, and for every `micro_batch`: gradients and loss of slices add up to those of the whole batch.
/// Allocates: nothing. Synchronises: no: all steps are queued.
/// Source: K. He et al., arXiv 2111.06377; I. Loshchilov, F. Hutter, arXiv 1711.05101.
template <ExecutionSpace Exec, RealView<4> Images, IndexView<2> Sample, RealView<3> Noise, RealView<1> Parameters, RealView<1> Moments, RealView<1> Line>
  requires AccessibleFrom<Exec, Images, Sample, Noise, Parameters, Moments, Line>
void train_steps(Exec const& exec, Images const& images, Sample const& sample, Noise const& noise, ParameterTable const& table, Parameters const& parameters,
                 Moments const& first_moment, Moments const& second_moment, Parameters const& gradients, Line const& loss, Line const& gradient_norm,
                 Line const& learning_rate, TrainStepsOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function  = "ocellus::mae::train_steps";
  using Real               = accumulate_of_t<Images>;
  using Member             = TeamMember<Exec>;
  std::int64_t const steps = extent(sample, 0), count = extent(sample, 1), total = static_cast<std::int64_t>(table.size());
  require_equal(function, {"noise.extent(0)", extent(noise, 0)}, {"sample.extent(0) (steps)", steps});
  require_equal(function, {"noise.extent(1)", extent(noise, 1)}, {"sample.extent(1) (images of a step)", count});
  require_equal(function, {"parameters.extent(0)", extent(parameters, 0)}, {"the size of the table", total});
  require_equal(function, {"first_moment.extent(0)", extent(first_moment, 0)}, {"the size of the table", total});
  require_equal(function, {"second_moment.extent(0)", extent(second_moment, 0)}, {"the size of the table", total});
  require_equal(function, {"gradients.extent(0)", extent(gradients, 0)}, {"the size of the table", total});
  require_equal(function, {"loss.extent(0)", extent(loss, 0)}, {"sample.extent(0) (steps)", steps});
  require_equal(function, {"gradient_norm.extent(0)", extent(gradient_norm, 0)}, {"sample.extent(0) (steps)", steps});
  require_equal(function, {"learning_rate.extent(0)", extent(learning_rate, 0)}, {"sample.extent(0) (steps)", steps});
  require(options.first_step >= 0, function, "first_step is ", options.first_step, " but must not be negative");
  require(options.clip_norm >= 0.0, function, "clip_norm is ", options.clip_norm, " but must not be negative");
  require(options.micro_batch >= 0, function, "micro_batch is ", options.micro_batch, " but must not be negative");
  if (steps == 0) return;
  auto const weights             = masked_autoencoder_weights(table, parameters, options.channel_agnostic);
  auto const weights_grads       = masked_autoencoder_gradients(table, gradients, options.channel_agnostic);
  std::int64_t const slice       = detail::micro_batch(options, count);
  auto const shape               = detail::autoencoder_shape(function, detail::batch_shape<Real, Exec>(images, count), weights, options.model);
  MaskedAutoencoderOptions model = options.model;
  model.divisor                  = static_cast<double>(count * (shape.tokens - shape.kept));
  model.accumulate               = true;
  nn::CosineScheduleOptions const cosine{.base_value   = options.learning_rate,
                                         .final_value  = options.minimum_learning_rate,
                                         .total_steps  = options.total_steps > 0 ? options.total_steps : options.first_step + steps,
                                         .warmup_steps = options.warmup_steps};

  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const batch = workspace.template take<Real****>(function, slice, images.extent(1), images.extent(2), images.extent(3));
  using Batch      = std::remove_const_t<decltype(batch)>;
  using Rank0      = Kokkos::View<typename Line::value_type, typename Line::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  for (std::int64_t s = 0; s < steps; ++s) {
    std::int64_t const step = options.first_step + s;
    double const rate       = options.schedule == LearningRateSchedule::constant ? options.learning_rate : nn::cosine_schedule(step, cosine);
    Rank0 const step_loss(loss.data() + s * static_cast<std::int64_t>(loss.stride(0))),
        step_norm(gradient_norm.data() + s * static_cast<std::int64_t>(gradient_norm.stride(0)));
    for_each_row(exec, "ocellus::mae::train_steps::rate", 1, detail::SetNumber<Member, Line>{learning_rate, s, rate});
    for_each_row(exec, "ocellus::mae::train_steps::loss", 1, detail::SetNumber<Member, Line>{loss, s, 0.0});
    for_each_row(exec, "ocellus::mae::train_steps::zero", (total + 4095) / 4096, detail::ZeroChunks<Member, Parameters>{gradients});
    for (std::int64_t first = 0; first < count; first += slice) {
      std::int64_t const own = std::min(slice, count - first);
      Batch const part(batch.data(), static_cast<std::size_t>(own), batch.extent(1), batch.extent(2), batch.extent(3));
      for_each_row(exec, "ocellus::mae::train_steps::images", own * extent(images, 1) * extent(images, 2),
                   detail::TakeImages<Member, Images, Sample, Batch>{images, sample, part, s, first});
      auto const u = Kokkos::subview(noise, static_cast<std::size_t>(s),
                                     Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + own)), Kokkos::ALL);
      masked_autoencoder_backward(exec, part, u, weights, step_loss, weights_grads, model, workspace);
    }
    nn::clip_grad_norm(exec, std::span<Parameters const>(&gradients, 1), step_norm,
                       {.max_norm = options.clip_norm > 0 ? options.clip_norm : std::numeric_limits<double>::infinity()}, workspace);
    for (auto const& entry : table.entries()) {
      if (!entry.flags.trainable) continue;
      auto const range = Kokkos::make_pair(entry.offset, entry.offset + entry.size());
      nn::adamw_step(exec, Kokkos::subview(parameters, range), Kokkos::subview(gradients, range), Kokkos::subview(first_moment, range),
                     Kokkos::subview(second_moment, range),
                     {.learning_rate = rate,
                      .beta1         = options.beta1,
                      .beta2         = options.beta2,
                      .epsilon       = options.epsilon,
                      .weight_decay  = entry.flags.decay ? options.weight_decay : 0.0,
                      .step          = step + 1});
    }
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Images, IndexView<2> Sample, RealView<3> Noise, RealView<1> Parameters, RealView<1> Moments, RealView<1> Line>
  requires AccessibleFrom<Exec, Images, Sample, Noise, Parameters, Moments, Line>
void train_steps(Exec const& exec, Images const& images, Sample const& sample, Noise const& noise, ParameterTable const& table, Parameters const& parameters,
                 Moments const& first_moment, Moments const& second_moment, Parameters const& gradients, Line const& loss, Line const& gradient_norm,
                 Line const& learning_rate, TrainStepsOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, train_steps_workspace_size(exec, images, sample, table, parameters, options));
  train_steps(exec, images, sample, noise, table, parameters, first_moment, second_moment, gradients, loss, gradient_norm, learning_rate, options, workspace);
  exec.fence("ocellus::mae::train_steps");
}

/// Work of one step of a standard model with `parameters` parameters.
[[nodiscard]] constexpr Cost train_steps_cost(double images, double tokens, double kept, double pixels_per_token, double width, double heads, double depth,
                                              double decoder_width, double decoder_heads, double decoder_depth, double parameters, double bytes_per_element) {
  return masked_autoencoder_backward_cost(images, tokens, kept, pixels_per_token, width, heads, depth, decoder_width, decoder_heads, decoder_depth,
                                          bytes_per_element) +
         nn::clip_grad_norm_cost(parameters, bytes_per_element) + nn::adamw_step_cost(parameters, bytes_per_element);
}

}  // namespace ocellus::mae
