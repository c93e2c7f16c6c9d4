// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/masked_autoencoder.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class MaskedAutoencoder : public ::testing::Test {};
TYPED_TEST_SUITE(MaskedAutoencoder, RowMajorConfigurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(MaskedAutoencoder, agrees_with_plain_loops) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const agnostic : {false, true}) {
    auto const c = small_autoencoder(agnostic);
    RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(c));
    auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, agnostic);
    auto const pixels  = random_values(3 * 2 * 64, 5);
    auto const tokens  = c.tokens();
    auto const noise   = random_values(static_cast<std::size_t>(3 * tokens), 6);
    for (double const ratio : {0.5, 1.0, 0.0}) {
      for (bool const option : {false, true}) {
        SCOPED_TRACE(::testing::Message() << (agnostic ? "agnostic " : "standard ") << ratio << option);
        mae::MaskedAutoencoderOptions const options{.heads            = 3,
                                                    .decoder_heads    = 2,
                                                    .ratio            = ratio,
                                                    .normalize_target = option && !agnostic,
                                                    .fourier_weight   = option && agnostic ? 0.25 : 0,
                                                    .decoder_epsilon  = option && agnostic ? 1e-5 : 1e-6};
        reference::AutoencoderShape const shape{
            2, 8, 8, 4, 12, 3, 2, mae::kept_tokens(tokens, ratio), agnostic, options.normalize_target, options.fourier_weight, options.decoder_epsilon};
        auto const want = reference::masked_autoencoder<double>(pixels, noise, shape, parameters);
        TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({3, 2, 8, 8}, pixels);
        TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const u({3, tokens}, noise);
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const prediction({3, tokens, weights.prediction_width()});
        TestArray<std::uint8_t, 2, Kokkos::LayoutRight, Exec> const mask({3, tokens});
        Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
        mae::masked_autoencoder(Exec(), image.view(), u.view(), weights, loss, prediction.view(), mask.view(), options);
        expect_within(prediction.values(), want.prediction, machine_epsilon<Scalar>(), 600);
        expect_same_bits(mask.values(), {want.mask.begin(), want.mask.end()});
        EXPECT_NEAR(number(loss), want.loss, 200 * machine_epsilon<Scalar>() * (1 + want.loss));
        EXPECT_TRUE(prediction.guards_intact() && mask.guards_intact());
      }
    }
  }
}

TYPED_TEST(MaskedAutoencoder, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(true)));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, true);
  auto const pixels = random_values(64 * 128, 5), noise = random_values(64 * 8, 6);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({images, 2, 8, 8}, {pixels.begin(), pixels.begin() + images * 128});
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const u({images, 8}, {noise.begin(), noise.begin() + images * 8});
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const prediction({images, 8, 16});
      TestArray<std::uint8_t, 2, Kokkos::LayoutRight, Exec> const mask({images, 8});
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      auto const i = image.view();
      auto const n = u.view();
      auto const p = prediction.view();
      auto const m = mask.view();
      mae::MaskedAutoencoderOptions const options{.heads = 3, .decoder_heads = 2, .fourier_weight = 0.1};
      WorkspaceFor<Exec> workspace(exec, mae::masked_autoencoder_workspace_size(exec, i, n, weights, loss, p, m, options));
      mae::masked_autoencoder(exec, i, n, weights, loss, p, m, options, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { mae::masked_autoencoder(exec, i, n, weights, loss, p, m, options, workspace); }));
      exec.fence();
      auto const got = prediction.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 128});
    }
  });
}

TEST(MaskedAutoencoder, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  RandomParameters<float, Exec> const other(mae::masked_autoencoder_parameter_table(small_autoencoder(true)));
  auto const weights  = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  auto const agnostic = mae::masked_autoencoder_weights(other.table, other.view, true);
  HostTensor<float****> const image("image", 1, 2, 8, 8), odd("image", 1, 2, 8, 10), rich("image", 1, 3, 8, 8);
  HostTensor<float**> const noise("noise", 1, 4), longer("noise", 1, 5), agnostic_noise("noise", 1, 8);
  HostTensor<float***> const prediction("prediction", 1, 4, 32), agnostic_prediction("prediction", 1, 8, 16);
  HostTensor<std::uint8_t**> const mask("mask", 1, 4), agnostic_mask("mask", 1, 8);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Exec const exec;
  auto const standard = [&](auto const& i, auto const& n, mae::MaskedAutoencoderOptions const& options) {
    return refusal([&] { mae::masked_autoencoder(exec, i, n, weights, loss, prediction, mask, options); });
  };
  EXPECT_EQ(standard(image, longer, {.heads = 3, .decoder_heads = 2}), "ocellus::mae::masked_autoencoder: noise.extent(1) is 5 but the number of tokens is 4");
  EXPECT_EQ(standard(odd, noise, {.heads = 3, .decoder_heads = 2}),
            "ocellus::mae::masked_autoencoder: image.extent(3) is 10, not a multiple of the patch, which is 4");
  EXPECT_EQ(standard(rich, noise, {.heads = 3, .decoder_heads = 2}),
            "ocellus::mae::masked_autoencoder: image.extent(1) (channels) is 3 but patch_embed.proj.weight.extent(1) is 2");
  EXPECT_EQ(standard(image, noise, {.ratio = -0.5}), "ocellus::mae::masked_autoencoder: ratio is -0.5, not within 0 and 1");
  EXPECT_EQ(standard(image, noise, {.fourier_weight = 0.5}), "ocellus::mae::masked_autoencoder: fourier_weight is for channel-agnostic models alone");
  EXPECT_EQ(refusal([&] {
              mae::masked_autoencoder(exec, image, agnostic_noise, agnostic, loss, agnostic_prediction, agnostic_mask, {.heads = 3, .normalize_target = true});
            }),
            "ocellus::mae::masked_autoencoder: normalize_target is for standard models alone");
}

}  // namespace
}  // namespace ocellus::test
