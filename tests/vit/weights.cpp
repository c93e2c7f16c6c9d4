// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/weights.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(Weights, has_the_number_of_parameters_that_timm_has) {
  auto const count = [](vit::EncoderConfiguration const& configuration) {
    std::size_t sum  = 0;
    auto const table = vit::encoder_parameter_table(configuration);
    for (auto const& entry : table.entries()) sum += entry.size();
    return sum;
  };
  // vit_{tiny,small,base,large}_patch16_224 without their heads
  EXPECT_EQ(count(vit::named_configuration("tiny")), 5524416u);
  EXPECT_EQ(count(vit::named_configuration("small")), 21665664u);
  EXPECT_EQ(count(vit::named_configuration("base")), 85798656u);
  EXPECT_EQ(count(vit::named_configuration("large")), 303301632u);
  EXPECT_EQ(refusal([] { (void)vit::named_configuration("giant"); }),
            "ocellus::vit::named_configuration: there is no size \"giant\"; known are tiny, small, base and large");
}

TEST(Weights, cuts_views_where_the_table_says_and_leaves_the_rest_null) {
  ParameterTable table;
  table.add("patch_embed.proj.weight", {4, 1, 2, 2});
  table.add("cls_token", {1, 1, 4});
  table.add("blocks.0.attn.qkv.weight", {12, 4});
  table.add("blocks.0.mlp.fc2.weight", {4, 8});
  HostTensor<double*> const flat("flat", table.size());
  for (std::size_t i = 0; i < flat.size(); ++i) flat(i) = static_cast<double>(i);
  auto const weights = vit::encoder_weights(table, flat, vit::BlockKind::standard);
  EXPECT_EQ(weights.width(), 4);
  EXPECT_EQ(weights.prefix_tokens(), 1);
  ASSERT_EQ(weights.blocks.size(), 1u);
  EXPECT_EQ(weights.cls_token(0, 3), static_cast<double>(table.find("cls_token")->offset + 3));
  EXPECT_EQ(weights.blocks[0].qkv.weight(11, 3), static_cast<double>(table.find("blocks.0.attn.qkv.weight")->offset + 47));
  EXPECT_EQ(weights.blocks[0].hidden(), 8);
  EXPECT_FALSE(weights.norm.is_present());
  EXPECT_FALSE(weights.blocks[0].norm1.is_present());
  EXPECT_EQ(weights.blocks[0].ls1.data(), nullptr);
  HostTensor<double*> const few("few", 3);
  EXPECT_NE(refusal([&] { (void)vit::encoder_weights(table, few, vit::BlockKind::standard); }).find("parameters.extent(0) is 3"), std::string::npos);
  EXPECT_EQ(refusal([&] { (void)vit::encoder_weights(ParameterTable(), flat, vit::BlockKind::standard); }),
            "ocellus::vit::encoder_weights: the table has no patch_embed.proj.weight");
}

TEST(Weights, starts_from_seeded_values) {
  vit::EncoderConfiguration const configuration{
      .image_size = 32, .patch_size = 8, .channels = 5, .width = 64, .depth = 1, .heads = 4, .qk_norm = true, .layer_scale = true};
  auto const table = vit::encoder_parameter_table(configuration);
  HostTensor<float*> const a("a", table.size()), b("b", table.size()), c("c", table.size());
  vit::initialize_encoder(table, a, 1);
  vit::initialize_encoder(table, b, 1);
  vit::initialize_encoder(table, c, 2);
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)), 0);
  EXPECT_NE(std::memcmp(a.data(), c.data(), a.size() * sizeof(float)), 0);
  auto const& weight = *table.find("blocks.0.attn.qkv.weight");
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    double const x = a(weight.offset + i);
    ASSERT_LE(std::abs(x), 0.04 + 1e-7);
    sum += x, squares += x * x;
  }
  EXPECT_NEAR(sum / static_cast<double>(weight.size()), 0.0, 1e-3);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(weight.size())), 0.0192, 1e-3);
  EXPECT_EQ(a(table.find("blocks.0.norm1.weight")->offset), 1.0f);
  EXPECT_EQ(a(table.find("blocks.0.attn.q_norm.bias")->offset), 0.0f);
  EXPECT_EQ(a(table.find("blocks.0.mlp.fc1.bias")->offset), 0.0f);
  EXPECT_EQ(a(table.find("blocks.0.ls2.gamma")->offset), 1e-4f);
}

TEST(Weights, refuses_shapes_that_do_not_divide) {
  EXPECT_EQ(refusal([] { (void)vit::encoder_parameter_table({.image_size = 30}); }),
            "ocellus::vit::encoder_parameter_table: image_size 30 is not a multiple of patch_size 16");
  EXPECT_EQ(refusal([] { (void)vit::encoder_parameter_table({.width = 100, .heads = 3}); }),
            "ocellus::vit::encoder_parameter_table: width 100 is not a multiple of heads 3");
}

}  // namespace
}  // namespace ocellus::test
