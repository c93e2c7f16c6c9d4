// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/patch_embed.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PatchEmbed : public ::testing::Test {};
TYPED_TEST_SUITE(PatchEmbed, Configurations);

TYPED_TEST(PatchEmbed, agrees_with_plain_loops_for_any_number_of_channels) {
  using Scalar              = typename TypeParam::Scalar;
  using Layout              = typename TypeParam::Layout;
  using Exec                = typename TypeParam::Exec;
  std::int64_t const images = 2, height = 6, width = 8, p = 3, q = 2, features = 5;
  for (std::int64_t const channels : {1, 3, 7}) {
    for (bool const agnostic : {false, true}) {
      SCOPED_TRACE(::testing::Message() << channels << " channels" << (agnostic ? ", agnostic" : ""));
      std::int64_t const own = agnostic ? 1 : channels, count = 8 * (agnostic ? channels : 1), pixels = channels * height * width;
      auto const x = random_values(static_cast<std::size_t>(images * pixels), 1), w = random_values(static_cast<std::size_t>(features * own * p * q), 2),
                 b = random_values(static_cast<std::size_t>(features), 3);
      std::vector<double> want, plain;
      for (std::int64_t n = 0; n < images; ++n) {
        std::vector<double> const one(x.begin() + n * pixels, x.begin() + (n + 1) * pixels);
        auto const with    = reference::patch_embed<double>(one, {channels, height, width}, w, b, features, p, q, agnostic),
                   without = reference::patch_embed<double>(one, {channels, height, width}, w, {}, features, p, q, agnostic);
        want.insert(want.end(), with.begin(), with.end()), plain.insert(plain.end(), without.begin(), without.end());
      }
      TestArray<Scalar, 4, Layout, Exec> const image({images, channels, height, width}, x), weight({features, own, p, q}, w);
      TestArray<Scalar, 1, Layout, Exec> const bias({features}, b);
      TestArray<Scalar, 3, Layout, Exec> const tokens({images, count, features});
      Exec const exec;
      double const unit = machine_epsilon<Scalar>() * 20;  // no sum of absolute terms here exceeds it
      vit::patch_embed(exec, image.view(), weight.view(), bias.view(), tokens.view(), {.channel_agnostic = agnostic});
      expect_within(tokens.values(), want, unit, static_cast<double>(own * p * q + 2));
      EXPECT_TRUE(tokens.guards_intact());
      vit::patch_embed(exec, image.view(), weight.view(), none, tokens.view(), {.channel_agnostic = agnostic});
      expect_within(tokens.values(), plain, unit, static_cast<double>(own * p * q + 2));
    }
  }
}

TYPED_TEST(PatchEmbed, behaves_and_gives_the_same_bits_for_every_batch) {
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(7 * 2 * 16);
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const weight({3, 2, 2, 2}, random_values(24, 2));
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<float, 4, Kokkos::LayoutRight, Exec> const image({images, 2, 4, 4}, {x.begin(), x.begin() + images * 32});
      TestArray<float, 3, Kokkos::LayoutRight, Exec> const tokens({images, 4, 3});
      auto const i = image.view(), w = weight.view();
      auto const t = tokens.view();
      WorkspaceFor<Exec> workspace(exec, vit::patch_embed_workspace_size(exec, i, w, none, t));
      vit::patch_embed(exec, i, w, none, t, {}, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { vit::patch_embed(exec, i, w, none, t, {}, workspace); }));
      exec.fence();
      auto const got = tokens.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 12});
    }
  });
}
TYPED_TEST(PatchEmbed, backward_is_the_transpose_of_the_derivative_and_goes_on_from_a_batch_cut_in_two) {
  using Scalar              = typename TypeParam::Scalar;
  using Layout              = typename TypeParam::Layout;
  using Exec                = typename TypeParam::Exec;
  std::int64_t const images = 3, height = 6, width = 8, p = 3, q = 2, features = 5;
  for (std::int64_t const channels : {1, 3}) {
    for (bool const agnostic : {false, true}) {
      SCOPED_TRACE(::testing::Message() << channels << " channels" << (agnostic ? ", agnostic" : ""));
      std::int64_t const own = agnostic ? 1 : channels, count = 8 * (agnostic ? channels : 1), pixels = channels * height * width;
      auto const size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
      auto const x = random_values(size(images * pixels), 1), w = random_values(size(features * own * p * q), 2), b = random_values(size(features), 3),
                 g = random_values(size(images * count * features), 4);
      TestArray<Scalar, 4, Layout, Exec> const image({images, channels, height, width}, x), weight({features, own, p, q}, w),
          image_gradient({images, channels, height, width}), weight_gradient({features, own, p, q});
      TestArray<Scalar, 1, Layout, Exec> const bias_gradient({features});
      TestArray<Scalar, 3, Layout, Exec> const tokens_gradient({images, count, features}, g);
      Exec const exec;
      vit::patch_embed_backward(exec, tokens_gradient.view(), image.view(), weight.view(), image_gradient.view(), weight_gradient.view(), bias_gradient.view(),
                                {.channel_agnostic = agnostic});
      EXPECT_TRUE(image_gradient.guards_intact() && weight_gradient.guards_intact() && bias_gradient.guards_intact());
      Arrays const got{image_gradient.values(), weight_gradient.values(), bias_gradient.values()};
      expect_adjoint(
          [&](DualArrays const& in) {
            std::vector<reference::Dual> all;
            for (std::int64_t n = 0; n < images; ++n) {
              std::vector<reference::Dual> const one(in[0].begin() + n * pixels, in[0].begin() + (n + 1) * pixels);
              auto const tokens = reference::patch_embed(one, {channels, height, width}, in[1], in[2], features, p, q, agnostic);
              all.insert(all.end(), tokens.begin(), tokens.end());
            }
            return all;
          },
          {x, w, b}, g, got, adjoint_tolerance<Scalar>);
      for (bool const second : {false, true}) {
        auto const part = Kokkos::make_pair(std::size_t{second ? 1u : 0u}, std::size_t{second ? 3u : 1u});
        vit::patch_embed_backward(exec, Kokkos::subview(tokens_gradient.view(), part, Kokkos::ALL, Kokkos::ALL),
                                  Kokkos::subview(image.view(), part, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL), weight.view(), none, weight_gradient.view(),
                                  bias_gradient.view(), {.channel_agnostic = agnostic, .accumulate = second});
      }
      expect_same_bits(weight_gradient.values(), got[1]);
      expect_same_bits(bias_gradient.values(), got[2]);
      vit::patch_embed_backward(exec, tokens_gradient.view(), image.view(), weight.view(), image_gradient.view(), none, none,
                                {.channel_agnostic = agnostic, .accumulate = true});
      auto const twice = image_gradient.values();
      for (std::size_t i = 0; i < twice.size(); ++i) EXPECT_EQ(twice[i], 2 * got[0][i]);
    }
  }
}

TYPED_TEST(PatchEmbed, backward_behaves_with_a_workspace_and_says_when_it_is_too_small) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const image({2, 3, 4, 4}, random_values(96)), weight({5, 3, 2, 2}, random_values(60)),
      image_gradient({2, 3, 4, 4}), weight_gradient({5, 3, 2, 2});
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const tokens_gradient({2, 4, 5}, random_values(40));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const bias_gradient({5});
  Exec const exec;
  auto const g = tokens_gradient.view();
  auto const x = image.view(), w = weight.view(), dx = image_gradient.view(), dw = weight_gradient.view();
  auto const db = bias_gradient.view();
  WorkspaceFor<Exec> workspace(exec, vit::patch_embed_backward_workspace_size(exec, g, x, w)), empty;
  vit::patch_embed_backward(exec, g, x, w, dx, dw, db, {}, workspace);
  expect_good_manners(record([&] { vit::patch_embed_backward(exec, g, x, w, dx, dw, db, {}, workspace); }));
  exec.fence();
  EXPECT_NE(refusal([&] { vit::patch_embed_backward(exec, g, x, w, dx, dw, db, {}, empty); }).find("the workspace is too small"), std::string::npos);
}

TEST(PatchEmbed, backward_names_what_does_not_fit) {
  HostTensor<float****> const image("image", 2, 3, 4, 6), weight("weight", 5, 3, 2, 2), other("weight", 5, 2, 2, 2), tall("weight", 5, 3, 3, 2);
  HostTensor<float***> const tokens("tokens", 2, 6, 5), longer("tokens", 2, 7, 5);
  HostTensor<float*> const bias("bias", 4);
  Kokkos::Serial const exec;
  std::string const function = "ocellus::vit::patch_embed_backward: ";
  auto const call            = [&](auto const& g, auto const& w, auto const& dx, auto const& dw, auto const& db) {
    return refusal([&] { vit::patch_embed_backward(exec, g, image, w, dx, dw, db); });
  };
  EXPECT_EQ(call(tokens, tall, none, none, none), function + "image.extent(2) is 4, not a multiple of weight.extent(2), which is 3");
  EXPECT_EQ(call(tokens, other, none, none, none), function + "image.extent(1) (channels) is 3 but weight.extent(1) is 2");
  EXPECT_EQ(call(longer, weight, none, none, none), function + "tokens_gradient.extent(1) is 7 but the number of patches is 6");
  EXPECT_EQ(call(tokens, weight, weight, none, none), function + "image_gradient.extent(0) is 5 but image.extent(0) is 2");
  EXPECT_EQ(call(tokens, weight, none, other, none), function + "weight_gradient.extent(1) is 2 but weight.extent(1) is 3");
  EXPECT_EQ(call(tokens, weight, none, none, bias), function + "bias_gradient.extent(0) is 4 but weight.extent(0) is 5");
}

TEST(PatchEmbed, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 2, 4, 6), weight("weight", 3, 2, 2, 2), tall("weight", 3, 2, 3, 2), wide("weight", 3, 2, 2, 4),
      other("weight", 3, 1, 2, 2);
  HostTensor<float***> const tokens("tokens", 1, 6, 3), few("tokens", 1, 5, 3);
  HostTensor<float*> const bias("bias", 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, tall, none, tokens); }),
            "ocellus::vit::patch_embed: image.extent(2) is 4, not a multiple of weight.extent(2), which is 3");
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, wide, none, tokens); }),
            "ocellus::vit::patch_embed: image.extent(3) is 6, not a multiple of weight.extent(3), which is 4");
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, other, none, tokens); }),
            "ocellus::vit::patch_embed: image.extent(1) (channels) is 2 but weight.extent(1) is 1");
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, weight, none, tokens, {.channel_agnostic = true}); }),
            "ocellus::vit::patch_embed: weight.extent(1) is 2 but must be 1 when channel-agnostic");
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, weight, bias, tokens); }), "ocellus::vit::patch_embed: bias.extent(0) is 2 but weight.extent(0) is 3");
  EXPECT_EQ(refusal([&] { vit::patch_embed(exec, image, weight, none, few); }),
            "ocellus::vit::patch_embed: tokens.extent(1) is 5 but the number of patches is 6");
}

}  // namespace
}  // namespace ocellus::test
