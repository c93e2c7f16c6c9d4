// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/train_steps.hpp>

#include <utility>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// Everything that a run changes or writes, on the host as doubles.
struct Outcome {
  std::vector<double> parameters, loss, norm, rate;
};

/// A run from seeded weights: 6 images, `steps` steps of 4 images each.
template <class Scalar, class Exec>
struct Training {
  bool agnostic;
  ParameterTable table;
  Tensor<Scalar*, typename Exec::memory_space> parameters, first, second, gradients, loss, norm, rate;
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> images;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> noise;
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> sample;

  Training(bool channel_agnostic, std::int64_t steps)
      : agnostic(channel_agnostic),
        table(mae::masked_autoencoder_parameter_table(small_autoencoder(channel_agnostic))),
        parameters("parameters", table.size()),
        first("first", table.size()),
        second("second", table.size()),
        gradients("gradients", table.size()),
        loss("loss", static_cast<std::size_t>(steps)),
        norm("norm", static_cast<std::size_t>(steps)),
        rate("rate", static_cast<std::size_t>(steps)),
        images({6, 2, 8, 8}, random_values(6 * 128, 5)),
        noise({steps, 4, channel_agnostic ? 8 : 4}, random_values(static_cast<std::size_t>(steps * 4 * (channel_agnostic ? 8 : 4)), 6)),
        sample({steps, 4}, numbers(steps)) {
    HostTensor<Scalar*> const host("host", table.size());  // zeros between the tensors too
    mae::initialize_masked_autoencoder(small_autoencoder(agnostic), table, host, 3);
    Kokkos::deep_copy(parameters, host);
  }

  static std::vector<double> numbers(std::int64_t steps) {
    std::vector<double> all;
    for (std::int64_t i = 0; i < steps * 4; ++i) all.push_back(static_cast<double>(i * 5 % 6));
    return all;
  }

  /// Steps [begin, end), all of them by default.
  void go(Exec const& exec, mae::TrainStepsOptions const& options, WorkspaceFor<Exec>& workspace, std::size_t begin = 0, std::size_t end = 0) const {
    auto const range = Kokkos::make_pair(begin, end == 0 ? loss.extent(0) : end);
    mae::train_steps(exec, images.view(), Kokkos::subview(sample.view(), range, Kokkos::ALL), Kokkos::subview(noise.view(), range, Kokkos::ALL, Kokkos::ALL),
                     table, parameters, first, second, gradients, Kokkos::subview(loss, range), Kokkos::subview(norm, range), Kokkos::subview(rate, range),
                     options, workspace);
  }
  [[nodiscard]] std::size_t bytes(Exec const& exec, mae::TrainStepsOptions const& options) const {
    return mae::train_steps_workspace_size(exec, images.view(), sample.view(), table, parameters, options);
  }
  Outcome train(Exec const& exec, mae::TrainStepsOptions const& options) const {
    WorkspaceFor<Exec> workspace(exec, bytes(exec, options));
    go(exec, options, workspace);
    exec.fence();
    return outcome();
  }
  [[nodiscard]] Outcome outcome() const { return {flat_values(parameters), flat_values(loss), flat_values(norm), flat_values(rate)}; }
};

mae::TrainStepsOptions usual(bool agnostic) {
  return {.model                 = {.heads = 3, .decoder_heads = 2, .ratio = 0.5, .normalize_target = !agnostic, .fourier_weight = agnostic ? 0.1 : 0},
          .channel_agnostic      = agnostic,
          .learning_rate         = 2e-3,
          .schedule              = mae::LearningRateSchedule::cosine,
          .warmup_steps          = 1,
          .minimum_learning_rate = 1e-4,
          .weight_decay          = 0.1,
          .clip_norm             = 0.5};
}

void expect_same(Outcome const& got, Outcome const& want) {
  expect_same_bits(got.parameters, want.parameters);
  expect_same_bits(got.loss, want.loss);
  expect_same_bits(got.norm, want.norm);
  expect_same_bits(got.rate, want.rate);
}

template <class C>
class TrainSteps : public ::testing::Test {};
TYPED_TEST_SUITE(TrainSteps, RowMajorConfigurations);

TYPED_TEST(TrainSteps, does_what_its_parts_do_one_after_the_other) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const agnostic : {false, true}) {
    auto const options = usual(agnostic);
    Training<Scalar, Exec> const run(agnostic, 3), parts(agnostic, 3);
    Exec const exec;
    auto const got        = run.train(exec, options);
    auto const weights    = mae::masked_autoencoder_weights(parts.table, parts.parameters, agnostic);
    std::vector<double> p = flat_values(parts.parameters), m(p.size(), 0.0), v(p.size(), 0.0);
    for (std::size_t s = 0; s < 3; ++s) {
      // The batch of the step, its gradient, and Adam in plain loops.
      auto const all = parts.images.values(), order = parts.sample.values(), u = parts.noise.values();
      std::vector<double> pixels;
      for (std::size_t i = 0; i < 4; ++i) {
        auto const image = row_of(all, static_cast<std::int64_t>(order[s * 4 + i]), 128);
        pixels.insert(pixels.end(), image.begin(), image.end());
      }
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const batch({4, 2, 8, 8}, pixels);
      std::int64_t const tokens = agnostic ? 8 : 4;
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const noise({4, tokens}, row_of(u, static_cast<std::int64_t>(s), 4 * tokens));
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parts.table.size());
      auto const host = Kokkos::create_mirror_view(parts.parameters);
      for (std::size_t i = 0; i < p.size(); ++i) host(i) = static_cast<Scalar>(p[i]);
      Kokkos::deep_copy(parts.parameters, host);
      mae::masked_autoencoder_backward(exec, batch.view(), noise.view(), weights, loss, mae::masked_autoencoder_gradients(parts.table, flat, agnostic),
                                       options.model);
      auto g        = flat_values(flat);
      double square = 0;
      for (double const value : g) square += value * value;
      double const norm = std::sqrt(square), factor = std::min(1.0, 0.5 / (norm + 1e-6)), rate = s == 0 ? 0 : s == 1 ? 2e-3 : 1e-4 + (2e-3 - 1e-4) / 2;
      EXPECT_NEAR(got.loss[s], static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)()), 1e-5);
      EXPECT_NEAR(got.norm[s], norm, 1e-4 * norm);
      EXPECT_NEAR(got.rate[s], rate, 1e-9);
      for (auto const& entry : parts.table.entries()) {
        for (std::size_t i = entry.offset; i < entry.offset + entry.size() && entry.flags.trainable; ++i) {
          double const t = static_cast<double>(s + 1), gradient = g[i] * factor;
          if (entry.flags.decay) p[i] *= 1 - rate * 0.1;
          m[i] = 0.9 * m[i] + 0.1 * gradient;
          v[i] = 0.95 * v[i] + 0.05 * gradient * gradient;
          p[i] -= rate * (m[i] / (1 - std::pow(0.9, t))) / (std::sqrt(v[i] / (1 - std::pow(0.95, t))) + 1e-8);
        }
      }
    }
    // Where a gradient is only rounding (biases of attention's keys) Adam makes steps of it, as large as the rate.
    for (auto const& entry : parts.table.entries()) {
      bool const loose = entry.name.find("qkv.bias") != std::string::npos || entry.name.find("k_norm.bias") != std::string::npos;
      for (std::size_t i = entry.offset; i < entry.offset + entry.size(); ++i)
        ASSERT_NEAR(got.parameters[i], p[i], loose ? 1e-2 : sizeof(Scalar) == 4 ? 2e-4 : 1e-9) << entry.name;
    }
  }
}

TYPED_TEST(TrainSteps, gives_the_same_bits_for_every_slice_and_thread_count_and_allocates_nothing) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const agnostic : {false, true}) {
    auto options = usual(agnostic);
    Outcome whole;
    std::vector<std::int64_t> slices = {0, 1, 2, 3};
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const slice : std::exchange(slices, {0, 3})) {
        options.micro_batch = slice;
        Training<Scalar, Exec> const run(agnostic, 3);
        WorkspaceFor<Exec> workspace(exec, run.bytes(exec, options));
        options.total_steps = 3;
        options.first_step  = 0;
        run.go(exec, options, workspace, 0, 1);  // an instance allocates Kokkos' own scratch on its first launch
        options.first_step = 1;
        expect_good_manners(record([&] { run.go(exec, options, workspace, 1, 3); }));
        exec.fence();
        auto const got = run.outcome();
        if (whole.loss.empty()) whole = got;
        expect_same(got, whole);
      }
    });
    // One call of three steps is three calls of one.
    options.first_step = 0;
    expect_same(Training<Scalar, Exec>(agnostic, 3).train(Exec(), options), whole);
  }
}

TYPED_TEST(TrainSteps, learns) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Training<Scalar, Exec> const run(false, 60);
  auto const got = run.train(Exec(), {.model = {.heads = 3, .decoder_heads = 2, .ratio = 0.5}, .learning_rate = 1e-2, .weight_decay = 0.0});
  double early = 0, late = 0;
  for (std::size_t s = 0; s < 10; ++s) early += got.loss[s], late += got.loss[50 + s];
  EXPECT_LT(late, 0.9 * early);
}

TYPED_TEST(TrainSteps, shows_an_image_that_does_not_exist) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Training<Scalar, Exec> run(false, 1);
  run.sample.assign({0, 6, 1, 2});
  auto const got = run.train(Exec(), usual(false));
  EXPECT_TRUE(std::isnan(got.loss[0]) && std::isnan(got.norm[0]));
}

TEST(TrainSteps, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  Training<float, Exec> const run(false, 2);
  Exec const exec;
  auto const options = usual(false);
  WorkspaceFor<Exec> workspace(exec, run.bytes(exec, options)), small(exec, 1000);
  EXPECT_EQ(refusal([&] {
              mae::train_steps(exec, run.images.view(), run.sample.view(), Kokkos::subview(run.noise.view(), Kokkos::make_pair(0, 1), Kokkos::ALL, Kokkos::ALL),
                               run.table, run.parameters, run.first, run.second, run.gradients, run.loss, run.norm, run.rate, options, workspace);
            }),
            "ocellus::mae::train_steps: noise.extent(0) is 1 but sample.extent(0) (steps) is 2");
  EXPECT_EQ(refusal([&] {
              mae::train_steps(exec, run.images.view(), run.sample.view(), run.noise.view(), run.table, run.parameters, run.loss, run.second, run.gradients,
                               run.loss, run.norm, run.rate, options, workspace);
            }),
            "ocellus::mae::train_steps: first_moment.extent(0) is 2 but the size of the table is " + std::to_string(run.table.size()));
  auto wrong      = options;
  wrong.clip_norm = -1;
  EXPECT_EQ(refusal([&] { run.go(exec, wrong, workspace); }), "ocellus::mae::train_steps: clip_norm is -1 but must not be negative");
  EXPECT_NE(refusal([&] { run.go(exec, options, small); }).find("the workspace is too small"), std::string::npos);
}

}  // namespace
}  // namespace ocellus::test
