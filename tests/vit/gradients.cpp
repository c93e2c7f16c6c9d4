// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/gradients.hpp>

#include "support/arrays.hpp"

namespace ocellus::test {
namespace {

TEST(Gradients, stand_where_their_parameters_do_and_can_be_written) {
  auto const table = vit::encoder_parameter_table({.image_size = 8, .patch_size = 4, .channels = 1, .width = 4, .depth = 2, .heads = 2, .mlp_ratio = 2.0});
  HostTensor<float*> const parameters("parameters", table.size()), gradients("gradients", table.size());
  auto const weights = vit::encoder_weights(table, parameters, vit::BlockKind::standard);
  auto const cut     = vit::encoder_gradients(table, gradients, vit::BlockKind::standard);
  ASSERT_EQ(cut.blocks.size(), 2u);
  auto const same_place = [&](auto const& weight, auto const& gradient) {
    EXPECT_EQ(weight.data() - parameters.data(), gradient.data() - gradients.data());
    EXPECT_EQ(weight.size(), gradient.size());
  };
  same_place(weights.patch_weight, cut.patch_weight);
  same_place(weights.pos_embed, cut.pos_embed);
  same_place(weights.blocks[1].fc2.bias, cut.blocks[1].fc2.bias);
  same_place(vit::transformer_block_weights(table, parameters, vit::BlockKind::standard, "blocks.1.").qkv.weight,
             vit::transformer_block_gradients(table, gradients, vit::BlockKind::standard, "blocks.1.").qkv.weight);
  EXPECT_EQ(cut.fc_norm.weight.data(), nullptr);
  cut.blocks[1].fc2.bias(3) = 5;
  EXPECT_EQ(gradients(table.find("blocks.1.mlp.fc2.bias")->offset + 3), 5);
}

}  // namespace
}  // namespace ocellus::test
