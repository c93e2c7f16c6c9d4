// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/weights.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(MaeWeights, are_cut_by_name_and_absent_ones_are_null) {
  RandomParameters<float, Kokkos::Serial> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(false)));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, false);
  EXPECT_EQ(weights.encoder.blocks.size(), 2U);
  EXPECT_EQ(weights.decoder.blocks.size(), 1U);
  EXPECT_EQ(weights.decoder.width(), 16);
  EXPECT_EQ(weights.patch(), 4);
  EXPECT_EQ(weights.prediction_width(), 32);
  EXPECT_EQ(weights.decoder.mask_token.data(), parameters.view.data() + parameters.table.find("mask_token")->offset);
  EXPECT_EQ(weights.decoder.blocks[0].ls1.data(), nullptr);
  RandomParameters<float, Kokkos::Serial> const recursion(recursion_table(small_autoencoder(false)));
  auto const decoder = mae::decoder_weights(recursion.table, recursion.view, mae::DecoderNames::recursion);
  EXPECT_EQ(decoder.embed.weight.data(), nullptr);
  EXPECT_EQ(decoder.pos_embed.extent(0), 5U);
  EXPECT_EQ(decoder.blocks.size(), 1U);
}

TEST(MaeWeights, of_channel_agnostic_models) {
  RandomParameters<float, Kokkos::Serial> const parameters(mae::masked_autoencoder_parameter_table(small_autoencoder(true)));
  auto const weights = mae::masked_autoencoder_weights(parameters.table, parameters.view, true);
  EXPECT_EQ(weights.encoder.blocks.size(), 2U);
  EXPECT_EQ(weights.encoder.blocks[1].kind, vit::BlockKind::parallel_scaling);
  EXPECT_EQ(weights.channel_agnostic_decoder.channels(), 2);
  EXPECT_EQ(weights.channel_agnostic_decoder.decoders[1].size(), 1U);
  EXPECT_EQ(weights.channel_agnostic_decoder.kv.weight.extent(0), 32U);
  EXPECT_EQ(weights.prediction_width(), 16);
}

TEST(MaeWeights, names_what_is_missing) {
  ParameterTable table;
  table.add("nothing", {2});
  HostTensor<float*> const parameters("parameters", 16);
  EXPECT_EQ(refusal([&] { static_cast<void>(mae::decoder_weights(table, parameters, mae::DecoderNames::fair)); }),
            "ocellus::mae::decoder_weights: the table has no mask_token");
  EXPECT_EQ(refusal([&] { static_cast<void>(mae::channel_agnostic_decoder_weights(table, parameters, "decoder.")); }),
            "ocellus::mae::channel_agnostic_decoder_weights: the table has no decoder.mask_token");
  EXPECT_EQ(refusal([&] { static_cast<void>(mae::masked_autoencoder_weights(table, parameters, true)); }),
            "ocellus::mae::masked_autoencoder_weights: the table has no encoder.vit_backbone.patch_embed.proj.weight");
}

}  // namespace
}  // namespace ocellus::test
