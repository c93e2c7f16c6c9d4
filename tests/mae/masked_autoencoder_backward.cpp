// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/masked_autoencoder_backward.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class MaskedAutoencoderBackward : public ::testing::Test {};
TYPED_TEST_SUITE(MaskedAutoencoderBackward, RowMajorConfigurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(MaskedAutoencoderBackward, is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const agnostic : {false, true}) {
    for (double const ratio : {0.5, 1.0}) {
      SCOPED_TRACE(::testing::Message() << (agnostic ? "agnostic " : "standard ") << ratio);
      auto const c = small_autoencoder(agnostic);
      RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(c));
      auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, agnostic);
      auto const tokens  = c.tokens();
      auto const pixels = random_values(2 * 128, 5), noise = random_values(static_cast<std::size_t>(2 * tokens), 6);
      mae::MaskedAutoencoderOptions const options{.heads            = 3,
                                                  .decoder_heads    = 2,
                                                  .ratio            = ratio,
                                                  .normalize_target = !agnostic,
                                                  .fourier_weight   = agnostic ? 0.25 : 0,
                                                  .decoder_epsilon  = agnostic ? 1e-5 : 1e-6};
      reference::AutoencoderShape const shape{
          2, 8, 8, 4, 12, 3, 2, mae::kept_tokens(tokens, ratio), agnostic, options.normalize_target, options.fourier_weight, options.decoder_epsilon};
      TrainedWeights const trained{parameters.table, parameters.values};
      auto const oracle = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::masked_autoencoder<Real>(pixels, noise, shape, trained.by_name(inputs[0])).loss};
      };
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({2, 2, 8, 8}, pixels);
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const u({2, tokens}, noise);
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
      mae::masked_autoencoder_backward(Exec(), image.view(), u.view(), weights, loss, mae::masked_autoencoder_gradients(parameters.table, flat, agnostic),
                                       options);
      Arrays const inputs{trained.pack(parameters.values)}, gradients{trained.pack(flat_values(flat))};
      double const want = oracle(inputs)[0];
      EXPECT_NEAR(number(loss), want, 200 * machine_epsilon<Scalar>() * (1 + want));
      expect_adjoint(oracle, inputs, {1.0}, gradients, adjoint_tolerance<Scalar>);
      if (sizeof(Scalar) == 8) expect_central_differences(oracle, inputs, {1.0}, gradients, 1e-6);
    }
  }
}

TYPED_TEST(MaskedAutoencoderBackward, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(true)));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, true);
  auto const pixels = random_values(8 * 128, 5), noise = random_values(8 * 8, 6);
  std::vector<double> whole;
  double whole_loss = 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {8, 2, 1}) {
      Tensor<Scalar*, typename Exec::memory_space> const flat("gradients", parameters.table.size());
      auto const gradients = mae::masked_autoencoder_gradients(parameters.table, flat, true);
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      mae::MaskedAutoencoderOptions const options{.heads = 3, .decoder_heads = 2, .fourier_weight = 0.1, .divisor = 8 * 6, .accumulate = true};
      for (std::int64_t first = 0; first < 8; first += slice) {
        auto const part = [&](std::vector<double> const& all, std::int64_t size) {
          return std::vector<double>(all.begin() + first * size, all.begin() + (first + slice) * size);
        };
        TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({slice, 2, 8, 8}, part(pixels, 128));
        TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const u({slice, 8}, part(noise, 8));
        auto const i = image.view();
        auto const n = u.view();
        WorkspaceFor<Exec> workspace(exec, mae::masked_autoencoder_backward_workspace_size(exec, i, n, weights, loss, options));
        if (first == 0) {  // an instance allocates Kokkos' own scratch on its first launch
          mae::masked_autoencoder_backward(exec, i, n, weights, loss, gradients, options, workspace);
          Kokkos::deep_copy(exec, flat, Scalar(0));
          Kokkos::deep_copy(exec, loss, Scalar(0));
        }
        expect_good_manners(record([&] { mae::masked_autoencoder_backward(exec, i, n, weights, loss, gradients, options, workspace); }));
        exec.fence();
      }
      if (whole.empty()) whole = flat_values(flat), whole_loss = number(loss);
      expect_same_bits(flat_values(flat), whole);
      EXPECT_EQ(number(loss), whole_loss);
    }
  });
  EXPECT_GT(whole_loss, 0);
}

TEST(MaskedAutoencoderBackward, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  auto gradients     = mae::masked_autoencoder_gradients(parameters.table, parameters.view, false);
  HostTensor<float****> const image("image", 1, 2, 8, 8);
  HostTensor<float**> const noise("noise", 1, 4), longer("noise", 1, 5);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Exec const exec;
  EXPECT_EQ(refusal([&] { mae::masked_autoencoder_backward(exec, image, longer, weights, loss, gradients, {.heads = 3, .decoder_heads = 2}); }),
            "ocellus::mae::masked_autoencoder_backward: noise.extent(1) is 5 but the number of tokens is 4");
  gradients.encoder.blocks.pop_back();
  EXPECT_EQ(refusal([&] { mae::masked_autoencoder_backward(exec, image, noise, weights, loss, gradients, {.heads = 3, .decoder_heads = 2}); }),
            "ocellus::mae::masked_autoencoder_backward: gradients are of 1 blocks of the encoder but weights of 2");
}

}  // namespace
}  // namespace ocellus::test
