// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/weights.hpp>

#include "support/arrays.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(DinoHeadWeights, are_cut_by_name_and_written_where_the_parameters_stand) {
  auto const table = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 5, .bottleneck = 4, .prototypes = 7}, "head.");
  HostTensor<float*> const line("parameters", table.size());
  for (std::size_t i = 0; i < table.size(); ++i) line(i) = static_cast<float>(i);
  auto const weights = ssl::dino_head_weights(table, line, "head.");
  ASSERT_EQ(weights.mlp.size(), 3u);
  EXPECT_EQ(weights.prototypes(), 7);
  EXPECT_EQ(weights.bottleneck(), 4);
  EXPECT_EQ(weights.mlp[1].weight(2, 3), static_cast<float>(table.find("head.mlp.2.weight")->offset + 13));
  EXPECT_EQ(weights.mlp[2].bias(1), static_cast<float>(table.find("head.mlp.4.bias")->offset + 1));
  EXPECT_EQ(weights.weight_g(6), static_cast<float>(table.find("head.last_layer.weight_g")->offset + 6));
  EXPECT_FALSE(table.find("head.last_layer.weight_g")->flags.trainable);
  ssl::dino_head_gradients(table, line, "head.").weight_v(1, 2) = -3;
  EXPECT_EQ(weights.weight_v(1, 2), -3);
  static_assert(std::is_const_v<typename decltype(weights.weight_v)::value_type>);
}

TEST(DinoHeadWeights, of_one_layer_have_no_number_and_may_lack_bias_and_g) {
  ParameterTable table;
  table.add("mlp.weight", {4, 6}), table.add("last_layer.weight_v", {7, 4}), table.add("blocks.0.mlp.fc1.weight", {2, 2});
  HostTensor<float*> const line("parameters", table.size());
  auto const weights = ssl::dino_head_weights(table, line);
  ASSERT_EQ(weights.mlp.size(), 1u);
  EXPECT_FALSE(is_present(weights.mlp[0].bias) || is_present(weights.weight_g));
  EXPECT_NE(ssl::dino_head_parameter_table({.layers = 1}).find("mlp.weight"), nullptr);
}

TEST(DinoHeadWeights, names_what_does_not_fit) {
  HostTensor<float*> const line("parameters", 1000);
  ParameterTable bare, normed, flat, whole;
  bare.add("last_layer.weight_v", {7, 4});
  EXPECT_EQ(refusal([&] { (void)ssl::dino_head_weights(bare, line); }), "ocellus::ssl::dino_head_weights: the table has no mlp.0.weight");
  normed.add("mlp.0.weight", {4, 6}), normed.add("mlp.1.weight", {4}), normed.add("last_layer.weight_v", {7, 4});
  EXPECT_EQ(refusal([&] { (void)ssl::dino_head_weights(normed, line); }),
            "ocellus::ssl::dino_head_weights: the table has mlp.1.weight, which this head does not apply");
  flat.add("mlp.0.weight", {4, 6}), flat.add("last_layer.weight_v", {28});
  EXPECT_EQ(refusal([&] { (void)ssl::dino_head_gradients(flat, line); }),
            "ocellus::ssl::dino_head_gradients: \"last_layer.weight_v\" has 1 axes, 2 are expected");
  whole.add("mlp.0.weight", {40, 60}), whole.add("last_layer.weight_v", {7, 4});
  EXPECT_EQ(refusal([&] { (void)ssl::dino_head_weights(whole, line); }),
            "ocellus::ssl::dino_head_weights: parameters.extent(0) is 1000 but the table has 2432 (contiguous)");
  EXPECT_EQ(refusal([&] { (void)ssl::dino_head_parameter_table({.layers = 0}); }), "ocellus::ssl::dino_head_parameter_table: layers is 0 but must be positive");
}

}  // namespace
}  // namespace ocellus::test
