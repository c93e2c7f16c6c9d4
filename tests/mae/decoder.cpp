// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/decoder.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Decoder : public ::testing::Test {};
TYPED_TEST_SUITE(Decoder, RowMajorConfigurations);

TYPED_TEST(Decoder, agrees_with_plain_loops_under_both_names) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const c = small_autoencoder(false);
  for (auto const names : {mae::DecoderNames::fair, mae::DecoderNames::recursion}) {
    bool const fair = names == mae::DecoderNames::fair;
    RandomParameters<Scalar, Exec> const parameters(fair ? mae::masked_autoencoder_parameter_table(c) : recursion_table(c));
    auto const weights                = mae::decoder_weights(parameters.table, parameters.view, names);
    std::int64_t const width          = fair ? 12 : 16;
    std::vector<double> const restore = random_restore(3, 4);
    for (std::int64_t const kept : {0, 1, 4}) {
      SCOPED_TRACE(::testing::Message() << (fair ? "fair, " : "recursion, ") << kept << " kept");
      auto const x = random_values(static_cast<std::size_t>(3 * (1 + kept) * width), 4);
      std::vector<double> want;
      for (std::int64_t n = 0; n < 3; ++n) {
        auto const one = reference::decoder<double>(row_of(x, n, (1 + kept) * width), integers(row_of(restore, n, 4)), parameters, fair, 2, 1e-5);
        want.insert(want.end(), one.begin(), one.end());
      }
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({3, 1 + kept, width}, x), prediction({3, fair ? 4 : 5, fair ? 32 : 16});
      TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({3, 4}, restore);
      mae::decoder(Exec(), latent.view(), index.view(), weights, prediction.view(), {.heads = 2, .epsilon = 1e-5});
      expect_within(prediction.values(), want, machine_epsilon<Scalar>(), 400);
      EXPECT_TRUE(prediction.guards_intact());
    }
  }
}

TYPED_TEST(Decoder, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::decoder_weights(parameters.table, parameters.view, mae::DecoderNames::fair);
  auto const x       = random_values(64 * 3 * 12, 4);
  auto const restore = random_restore(64, 4);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({images, 3, 12}, {x.begin(), x.begin() + images * 36}), prediction({images, 4, 32});
      TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({images, 4}, {restore.begin(), restore.begin() + images * 4});
      auto const l = latent.view(), p = prediction.view();
      auto const r = index.view();
      mae::DecoderOptions const options{.heads = 2};
      WorkspaceFor<Exec> workspace(exec, mae::decoder_workspace_size(exec, l, r, weights, p, options));
      mae::decoder(exec, l, r, weights, p, options, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { mae::decoder(exec, l, r, weights, p, options, workspace); }));
      exec.fence();
      auto const got = prediction.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 128});
    }
  });
}

TYPED_TEST(Decoder, gives_nan_for_a_place_that_does_not_exist) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::decoder_weights(parameters.table, parameters.view, mae::DecoderNames::fair);
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const latent({2, 2, 12}, random_values(48)), prediction({2, 4, 32});
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({2, 4}, {0, 1, 2, -1, 0, 1, 2, 3});
  mae::decoder(Exec(), latent.view(), index.view(), weights, prediction.view(), {.heads = 2});
  auto const got = prediction.values();
  for (std::size_t i = 0; i < 128; ++i) EXPECT_TRUE(std::isnan(got[i]) && !std::isnan(got[128 + i]));
}

TEST(Decoder, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::decoder_weights(parameters.table, parameters.view, mae::DecoderNames::fair);
  HostTensor<float***> const latent("latent", 1, 3, 12), narrow("latent", 1, 3, 10), long_latent("latent", 1, 6, 12), prediction("prediction", 1, 4, 32);
  HostTensor<std::int64_t**> const restore("restore", 1, 4), more("restore", 2, 4), longer("restore", 1, 5);
  Exec const exec;
  EXPECT_EQ(refusal([&] { mae::decoder(exec, latent, more, weights, prediction, {.heads = 2}); }),
            "ocellus::mae::decoder: restore.extent(0) is 2 but latent.extent(0) is 1");
  EXPECT_EQ(refusal([&] { mae::decoder(exec, latent, longer, weights, prediction, {.heads = 2}); }),
            "ocellus::mae::decoder: the rows of the position table is 5 but 1 + restore.extent(1) is 6");
  EXPECT_EQ(refusal([&] { mae::decoder(exec, narrow, restore, weights, prediction, {.heads = 2}); }),
            "ocellus::mae::decoder: weights decoder_embed are (16, 12) but (16, 10) is needed");
  EXPECT_EQ(refusal([&] { mae::decoder(exec, long_latent, restore, weights, prediction, {.heads = 2}); }),
            "ocellus::mae::decoder: latent.extent(1) is 6, not a class token and at most restore.extent(1), which is 4, visible tokens");
  EXPECT_EQ(refusal([&] { mae::decoder(exec, latent, restore, weights, latent, {.heads = 2}); }),
            "ocellus::mae::decoder: prediction.extent(1) is 3 but restore.extent(1) is 4");
  EXPECT_EQ(refusal([&] { mae::decoder(exec, latent, restore, weights, prediction, {.heads = 3}); }),
            "ocellus::mae::decoder: heads is 3, which does not divide the width, 16");
}

}  // namespace
}  // namespace ocellus::test
