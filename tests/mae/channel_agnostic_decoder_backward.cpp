// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/channel_agnostic_decoder_backward.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ChannelAgnosticDecoderBackward : public ::testing::Test {};
TYPED_TEST_SUITE(ChannelAgnosticDecoderBackward, RowMajorConfigurations);

TYPED_TEST(ChannelAgnosticDecoderBackward, is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  auto const restore = random_restore(2, 8), x = random_values(2 * 4 * 16, 4), w = random_values(2 * 9 * 16, 5);
  TrainedWeights const trained{parameters.table, parameters.values};
  auto const oracle = [&](auto const& inputs) {
    auto const weight = trained.by_name(inputs[1]);
    std::remove_cvref_t<decltype(inputs[0])> y;
    for (std::int64_t n = 0; n < 2; ++n) {
      auto const one = reference::channel_agnostic_decoder(row_of(inputs[0], n, 64), integers(row_of(restore, n, 8)), weight, 2, 1e-5);
      y.insert(y.end(), one.begin(), one.end());
    }
    return y;
  };
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({2, 4, 16}, x), back({2, 4, 16}), gradient({2, 9, 16}, w);
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({2, 8}, restore);
  Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
  mae::channel_agnostic_decoder_backward(Exec(), gradient.view(), latent.view(), index.view(), weights, back.view(),
                                         mae::channel_agnostic_decoder_gradients(parameters.table, flat), {.heads = 2, .epsilon = 1e-5});
  Arrays const inputs{x, trained.pack(parameters.values)}, gradients{back.values(), trained.pack(flat_values(flat))};
  expect_adjoint(oracle, inputs, w, gradients, adjoint_tolerance<Scalar>);
  if (sizeof(Scalar) == 8) expect_central_differences(oracle, inputs, w, gradients, 1e-6);
  EXPECT_TRUE(back.guards_intact());
}

TYPED_TEST(ChannelAgnosticDecoderBackward, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  auto const x = random_values(8 * 3 * 16, 4), w = random_values(8 * 9 * 16, 5), restore = random_restore(8, 8);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {8, 2, 1}) {
      Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
      auto const gradients = mae::channel_agnostic_decoder_gradients(parameters.table, flat);
      for (std::int64_t first = 0; first < 8; first += slice) {
        auto const part = [&](std::vector<double> const& all, std::int64_t size) {
          return std::vector<double>(all.begin() + first * size, all.begin() + (first + slice) * size);
        };
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({slice, 3, 16}, part(x, 48)), back({slice, 3, 16}), gradient({slice, 9, 16}, part(w, 144));
        TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({slice, 8}, part(restore, 8));
        auto const l = latent.view(), b = back.view(), g = gradient.view();
        auto const r = index.view();
        mae::ChannelAgnosticDecoderOptions const options{.heads = 2, .accumulate = true};
        WorkspaceFor<Exec> workspace(exec, mae::channel_agnostic_decoder_backward_workspace_size(exec, g, l, r, weights, options));
        if (first == 0) {  // an instance allocates Kokkos' own scratch on its first launch
          mae::channel_agnostic_decoder_backward(exec, g, l, r, weights, b, gradients, options, workspace);
          Kokkos::deep_copy(exec, flat, Scalar(0));
        }
        expect_good_manners(record([&] { mae::channel_agnostic_decoder_backward(exec, g, l, r, weights, b, gradients, options, workspace); }));
        exec.fence();
      }
      if (whole.empty()) whole = flat_values(flat);
      expect_same_bits(flat_values(flat), whole);
    }
  });
}

TEST(ChannelAgnosticDecoderBackward, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights   = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  auto const gradients = mae::channel_agnostic_decoder_gradients(parameters.table, parameters.view);
  auto fewer           = gradients;
  fewer.decoders[1].clear();
  HostTensor<float***> const latent("latent", 1, 3, 16), tokens("tokens_gradient", 1, 9, 16);
  HostTensor<std::int64_t**> const restore("restore", 1, 8);
  Exec const exec;
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder_backward(exec, latent, latent, restore, weights, latent, gradients, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder_backward: tokens_gradient.extent(1) is 3 but 1 + restore.extent(1) is 9");
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder_backward(exec, tokens, latent, restore, weights, latent, fewer, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder_backward: gradients are of other channels or blocks than weights");
}

}  // namespace
}  // namespace ocellus::test
