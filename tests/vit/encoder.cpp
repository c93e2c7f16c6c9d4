// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/encoder.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {
namespace {

vit::EncoderConfiguration small_encoder(vit::BlockKind kind, bool channel_agnostic) {
  return {.image_size       = 8,
          .patch_size       = 4,
          .channels         = 3,
          .width            = 12,
          .depth            = 2,
          .heads            = 2,
          .mlp_ratio        = 2.0,
          .block            = kind,
          .channel_agnostic = channel_agnostic,
          .class_token      = true,
          .registers        = 2,
          .qk_norm          = true,
          .layer_scale      = true,
          .final_norm       = true};
}

template <class C>
class Encoder : public ::testing::Test {};
TYPED_TEST_SUITE(Encoder, RowMajorConfigurations);

TYPED_TEST(Encoder, agrees_with_plain_loops_for_every_pool_and_block) {
  using Scalar                  = typename TypeParam::Scalar;
  using Exec                    = typename TypeParam::Exec;
  constexpr std::int64_t images = 2;
  for (auto const kind : {vit::BlockKind::standard, vit::BlockKind::parallel_scaling}) {
    for (bool const channel_agnostic : {false, true}) {
      SCOPED_TRACE(::testing::Message() << (kind == vit::BlockKind::standard ? "standard" : "parallel") << (channel_agnostic ? ", channel-agnostic" : ""));
      auto const configuration = small_encoder(kind, channel_agnostic);
      RandomParameters<Scalar, Exec> const parameters(vit::encoder_parameter_table(configuration));
      auto const weights = vit::encoder_weights(parameters.table, parameters.view, kind);
      ASSERT_EQ(weights.blocks.size(), 2u);
      auto const pixels = random_values(images * 3 * 8 * 8, 5);
      reference::EncoderShape const shape{{3, 8, 8}, 4, 12, 2, 2, kind == vit::BlockKind::parallel_scaling, channel_agnostic};
      std::size_t const count = 3 + 4 * (channel_agnostic ? 3 : 1);
      std::vector<double> every, token, avg, largest, avgmax, by_channel;
      for (std::int64_t n = 0; n < images; ++n) {
        auto const one = reference::encoder<double>({pixels.begin() + n * 192, pixels.begin() + (n + 1) * 192}, shape, parameters, 1e-6);
        ASSERT_EQ(one.size(), count * 12);
        every.insert(every.end(), one.begin(), one.end());
        token.insert(token.end(), one.begin(), one.begin() + 12);
        for (std::size_t d = 0; d < 12; ++d) {
          double sum = 0, most = one[3 * 12 + d];
          for (std::size_t t = 3; t < count; ++t) sum += one[t * 12 + d], most = std::max(most, one[t * 12 + d]);
          avg.push_back(sum / static_cast<double>(count - 3)), largest.push_back(most), avgmax.push_back((avg.back() + most) / 2);
        }
        for (std::size_t c = 0; channel_agnostic && c < 3; ++c) {
          for (std::size_t d = 0; d < 12; ++d) {
            double sum = 0;
            for (std::size_t t = 0; t < 4; ++t) sum += one[(3 + 4 * c + t) * 12 + d];
            by_channel.push_back(sum / 4);
          }
        }
      }
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({images, 3, 8, 8}, pixels);
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output({images, 12});
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const tokens({images, static_cast<std::int64_t>(count), 12}), channels({images, 3, 12});
      Exec const exec;
      vit::EncoderOptions options{.heads = 2, .channel_agnostic = channel_agnostic};
      double const unit = machine_epsilon<Scalar>();
      auto const check  = [&](vit::EncoderPool pool, auto const& array, std::vector<double> const& want) {
        options.pool = pool;
        vit::encoder(exec, image.view(), weights, array.view(), options);
        expect_within(array.values(), want, unit, 400);
        EXPECT_TRUE(array.guards_intact());
      };
      check(vit::EncoderPool::none, tokens, every);
      check(vit::EncoderPool::token, output, token);
      check(vit::EncoderPool::avg, output, avg);
      check(vit::EncoderPool::max, output, largest);
      check(vit::EncoderPool::avgmax, output, avgmax);
      if (channel_agnostic) check(vit::EncoderPool::channel_avg, channels, by_channel);
    }
  }
}

TYPED_TEST(Encoder, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(vit::encoder_parameter_table(small_encoder(vit::BlockKind::standard, false)));
  auto const weights = vit::encoder_weights(parameters.table, parameters.view, vit::BlockKind::standard);
  auto const pixels  = random_values(64 * 192, 5);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}, std::int64_t{0}}) {
      TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({images, 3, 8, 8}, {pixels.begin(), pixels.begin() + images * 192});
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output({images, 12});
      vit::encoder(exec, image.view(), weights, output.view(), {.heads = 2, .pool = vit::EncoderPool::avg});
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 12});
    }
  });
}

TYPED_TEST(Encoder, spoils_only_the_image_that_holds_a_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(vit::encoder_parameter_table(small_encoder(vit::BlockKind::parallel_scaling, true)));
  auto const weights = vit::encoder_weights(parameters.table, parameters.view, vit::BlockKind::parallel_scaling);
  auto pixels        = random_values(2 * 192, 5);
  pixels[17]         = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const image({2, 3, 8, 8}, pixels);
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output({2, 12});
  vit::encoder(Exec(), image.view(), weights, output.view(), {.heads = 2, .channel_agnostic = true});
  auto const got = output.values();
  for (std::size_t d = 0; d < 12; ++d) EXPECT_TRUE(std::isnan(got[d]) && !std::isnan(got[12 + d]));
}

TYPED_TEST(Encoder, behaves_with_a_workspace_and_says_when_it_is_too_small) {
  using Exec = typename TypeParam::Exec;
  RandomParameters<float, Exec> const parameters(vit::encoder_parameter_table(small_encoder(vit::BlockKind::standard, false)));
  auto const weights = vit::encoder_weights(parameters.table, parameters.view, vit::BlockKind::standard);
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const image({2, 3, 8, 8}, random_values(2 * 192));
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const output({2, 12});
  Exec const exec;
  vit::EncoderOptions const options{.heads = 2};
  auto const i           = image.view();
  auto const o           = output.view();
  std::size_t const size = vit::encoder_workspace_size(exec, i, weights, o, options);
  WorkspaceFor<Exec> workspace(exec, size), small(exec, size / 2);
  vit::encoder(exec, i, weights, o, options, workspace);
  expect_good_manners(record([&] { vit::encoder(exec, i, weights, o, options, workspace); }));
  exec.fence();
  EXPECT_NE(refusal([&] { vit::encoder(exec, i, weights, o, options, small); }).find("the workspace is too small"), std::string::npos);
}

TEST(Encoder, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  Exec const exec;
  auto configuration = small_encoder(vit::BlockKind::standard, false);
  RandomParameters<float, Exec> const plain(vit::encoder_parameter_table(configuration));
  configuration.channel_agnostic = true, configuration.class_token = false;
  RandomParameters<float, Exec> const agnostic(vit::encoder_parameter_table(configuration));
  auto const weights = vit::encoder_weights(plain.table, plain.view, vit::BlockKind::standard),
             other   = vit::encoder_weights(agnostic.table, agnostic.view, vit::BlockKind::standard);
  HostTensor<float****> const image("image", 1, 3, 8, 8), four("image", 1, 4, 8, 8), large("image", 1, 3, 8, 12), uneven("image", 1, 3, 8, 10);
  HostTensor<float**> const output("output", 1, 12), narrow("output", 1, 11);
  HostTensor<float***> const tokens("tokens", 1, 7, 12);
  auto const call = [&](auto const& i, auto const& w, auto const& o, vit::EncoderOptions options) {
    return refusal([&] { vit::encoder(exec, i, w, o, options); });
  };
  EXPECT_EQ(call(four, weights, output, {.heads = 2}), "ocellus::vit::encoder: image.extent(1) (channels) is 4 but patch_embed.proj.weight.extent(1) is 3");
  EXPECT_EQ(call(large, weights, output, {.heads = 2}), "ocellus::vit::encoder: pos_embed has 7 rows but the image gives 9 tokens");
  EXPECT_EQ(call(uneven, weights, output, {.heads = 2}),
            "ocellus::vit::encoder: image.extent(2) x image.extent(3) is 8 x 10, not a multiple of the patch, 4 x 4");
  EXPECT_EQ(call(four, other, output, {.heads = 2, .pool = vit::EncoderPool::avg, .channel_agnostic = true}),
            "ocellus::vit::encoder: image.extent(1) (channels) is 4 but pos_embed has rows for only 3 channels");
  EXPECT_EQ(call(image, other, output, {.heads = 2, .channel_agnostic = true}), "ocellus::vit::encoder: pool is token but the weights hold no cls_token");
  EXPECT_EQ(call(image, weights, output, {.heads = 2, .pool = vit::EncoderPool::map}), "ocellus::vit::encoder: pool is map but the weights hold no attn_pool");
  EXPECT_EQ(call(image, weights, narrow, {.heads = 2}), "ocellus::vit::encoder: the last extent of output is 11 but the width is 12");
  EXPECT_EQ(call(image, weights, tokens, {.heads = 2}), "ocellus::vit::encoder: output has rank 3 but this pool gives rank 2");
  EXPECT_EQ(call(image, weights, output, {.heads = 5}), "ocellus::vit::encoder: heads is 5, which does not divide the width, 12");
}

}  // namespace
}  // namespace ocellus::test
