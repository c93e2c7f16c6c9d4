// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/configuration.hpp>

#include "mae/models.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(MaeConfiguration, flags_what_decays_and_what_is_trained) {
  for (bool const agnostic : {false, true}) {
    auto const table = mae::masked_autoencoder_parameter_table(small_autoencoder(agnostic));
    for (auto const& entry : table.entries()) {
      bool const fixed = entry.name.find("pos_embed") != std::string::npos || entry.name.find("placeholder") != std::string::npos;
      bool const token = entry.name.find("cls_token") != std::string::npos || entry.name.find("mask_token") != std::string::npos ||
                         entry.name.find("modality_tokens") != std::string::npos;
      EXPECT_EQ(entry.flags.trainable, !fixed) << entry.name;
      EXPECT_EQ(entry.flags.decay, !fixed && (token || entry.extents.size() > 1)) << entry.name;
    }
  }
}

TEST(MaeConfiguration, starts_from_seeded_values_and_fixed_positions) {
  for (bool const agnostic : {false, true}) {
    auto const c     = small_autoencoder(agnostic);
    auto const table = mae::masked_autoencoder_parameter_table(c);
    auto const a = make_host_tensor<float*>("a", table.size()), b = make_host_tensor<float*>("b", table.size());
    mae::initialize_masked_autoencoder(c, table, a, 1);
    mae::initialize_masked_autoencoder(c, table, b, 1);
    for (auto const& entry : table.entries()) {
      for (std::size_t i = 0; i < entry.size(); ++i) EXPECT_EQ(a(entry.offset + i), b(entry.offset + i)) << entry.name;
    }
    // Position (row 0, column 1) of a table of width 12: frequencies 1, 10000^(-1/3), ...
    auto const offset = table.find(agnostic ? "encoder.vit_backbone.pos_embed" : "pos_embed")->offset;
    EXPECT_EQ(a(offset), 0);
    std::size_t const column_half = agnostic ? 6 : 0;
    EXPECT_NEAR(a(offset + 2 * 12 + column_half), std::sin(1.0), 1e-6);
    EXPECT_NEAR(a(offset + 2 * 12 + column_half + 3), std::cos(1.0), 1e-6);
    EXPECT_EQ(a(offset + 2 * 12 + 6 - column_half), 0);
    EXPECT_EQ(a(table.find("decoder_pred.bias")->offset), 0);
    EXPECT_NE(a(table.find("decoder_pred.weight")->offset), 0);
  }
}

TEST(MaeConfiguration, names_what_does_not_fit) {
  auto c          = small_autoencoder(false);
  c.decoder_heads = 3;
  EXPECT_EQ(refusal([&] { static_cast<void>(mae::masked_autoencoder_parameter_table(c)); }),
            "ocellus::mae::masked_autoencoder_parameter_table: decoder_width 16 is not a multiple of decoder_heads 3");
  c.image_size = 9;
  EXPECT_EQ(refusal([&] { static_cast<void>(mae::masked_autoencoder_parameter_table(c)); }),
            "ocellus::mae::masked_autoencoder_parameter_table: image_size 9 is not a multiple of patch_size 4");
}

}  // namespace
}  // namespace ocellus::test
