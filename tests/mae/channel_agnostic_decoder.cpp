// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/channel_agnostic_decoder.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ChannelAgnosticDecoder : public ::testing::Test {};
TYPED_TEST_SUITE(ChannelAgnosticDecoder, RowMajorConfigurations);

TYPED_TEST(ChannelAgnosticDecoder, agrees_with_cross_attention_channel_by_channel) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  ASSERT_EQ(weights.channels(), 2);
  auto const restore = random_restore(3, 8);
  for (std::int64_t const kept : {0, 3, 8}) {
    SCOPED_TRACE(kept);
    auto const x = random_values(static_cast<std::size_t>(3 * (1 + kept) * 16), 4);
    std::vector<double> want;
    for (std::int64_t n = 0; n < 3; ++n) {
      auto const one = reference::channel_agnostic_decoder<double>(row_of(x, n, (1 + kept) * 16), integers(row_of(restore, n, 8)), parameters, 2, 1e-5);
      want.insert(want.end(), one.begin(), one.end());
    }
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({3, 1 + kept, 16}, x), tokens({3, 9, 16});
    TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({3, 8}, restore);
    mae::channel_agnostic_decoder(Exec(), latent.view(), index.view(), weights, tokens.view(), {.heads = 2, .epsilon = 1e-5});
    expect_within(tokens.values(), want, machine_epsilon<Scalar>(), 400);
    EXPECT_TRUE(tokens.guards_intact());
  }
}

TYPED_TEST(ChannelAgnosticDecoder, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  auto const x       = random_values(64 * 3 * 16, 4);
  auto const restore = random_restore(64, 8);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({images, 3, 16}, {x.begin(), x.begin() + images * 48}), tokens({images, 9, 16});
      TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({images, 8}, {restore.begin(), restore.begin() + images * 8});
      auto const l = latent.view(), t = tokens.view();
      auto const r = index.view();
      mae::ChannelAgnosticDecoderOptions const options{.heads = 2};
      WorkspaceFor<Exec> workspace(exec, mae::channel_agnostic_decoder_workspace_size(exec, l, r, weights, t, options));
      mae::channel_agnostic_decoder(exec, l, r, weights, t, options, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { mae::channel_agnostic_decoder(exec, l, r, weights, t, options, workspace); }));
      exec.fence();
      auto const got = tokens.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 144});
    }
  });
}

TEST(ChannelAgnosticDecoder, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(table_below(mae::masked_autoencoder_parameter_table(small_autoencoder(true)), "decoder."));
  auto const weights = mae::channel_agnostic_decoder_weights(parameters.table, parameters.view);
  auto no_channels   = weights;
  no_channels.modality_tokens.clear();
  HostTensor<float***> const latent("latent", 1, 3, 16), narrow("latent", 1, 3, 12), tokens("tokens", 1, 9, 16);
  HostTensor<std::int64_t**> const restore("restore", 1, 8), longer("restore", 1, 10);
  Exec const exec;
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder(exec, narrow, restore, weights, tokens, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder: latent.extent(2) is 12 but the width of mask_token is 16");
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder(exec, latent, longer, weights, tokens, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder: the rows of the position table is 9 but 1 + restore.extent(1) is 11");
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder(exec, latent, restore, weights, latent, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder: tokens.extent(1) is 3 but 1 + restore.extent(1) is 9");
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder(exec, latent, restore, weights, tokens, {.heads = 3}); }),
            "ocellus::mae::channel_agnostic_decoder: heads is 3, which does not divide the width, 16");
  EXPECT_EQ(refusal([&] { mae::channel_agnostic_decoder(exec, latent, restore, no_channels, tokens, {.heads = 2}); }),
            "ocellus::mae::channel_agnostic_decoder: the weights hold no modality_tokens");
}

}  // namespace
}  // namespace ocellus::test
