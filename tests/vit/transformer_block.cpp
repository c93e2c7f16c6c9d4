// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/transformer_block.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"
#include "vit/block_table.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {
namespace {

template <class C>
class TransformerBlock : public ::testing::Test {};
TYPED_TEST_SUITE(TransformerBlock, RowMajorConfigurations);

TYPED_TEST(TransformerBlock, agrees_with_plain_loops_and_leaves_out_what_is_absent) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (auto const& mlp : block_mlps) {
    auto const kind = mlp.kind;
    for (bool const full : {true, false}) {
      for (std::int64_t const tokens : {1, 7}) {
        SCOPED_TRACE(::testing::Message() << (kind == vit::BlockKind::standard ? "standard" : "parallel") << (mlp.gated ? ", gated" : "")
                                          << (full ? ", full, " : ", bare, ") << tokens);
        RandomParameters<Scalar, Exec> const parameters(block_table(kind, full, mlp.gated));
        auto const weights = vit::transformer_block_weights(parameters.table, parameters.view, kind);
        auto const x       = random_values(static_cast<std::size_t>(3 * tokens * 12), 4);
        std::vector<double> want;
        for (std::int64_t n = 0; n < 3; ++n) {
          auto const one = reference::transformer_block<double>({x.begin() + n * tokens * 12, x.begin() + (n + 1) * tokens * 12}, parameters, "",
                                                                kind != vit::BlockKind::standard, 12, 3, 1e-5);
          want.insert(want.end(), one.begin(), one.end());
        }
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const input({3, tokens, 12}, x), output({3, tokens, 12});
        Exec const exec;
        vit::transformer_block(exec, input.view(), weights, output.view(), {.heads = 3, .epsilon = 1e-5});
        expect_within(output.values(), want, machine_epsilon<Scalar>(), 400);
        EXPECT_TRUE(output.guards_intact());
        vit::transformer_block(exec, input.view(), weights, input.view(), {.heads = 3, .epsilon = 1e-5});
        expect_same_bits(input.values(), output.values());
      }
    }
  }
}

TYPED_TEST(TransformerBlock, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  RandomParameters<Scalar, Exec> const parameters(block_table(vit::BlockKind::parallel_scaling, true));
  auto const weights = vit::transformer_block_weights(parameters.table, parameters.view, vit::BlockKind::parallel_scaling);
  auto const x       = random_values(64 * 5 * 12, 4);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const input({images, 5, 12}, {x.begin(), x.begin() + images * 60}), output({images, 5, 12});
      auto const i = input.view(), o = output.view();
      vit::TransformerBlockOptions const options{.heads = 3};
      WorkspaceFor<Exec> workspace(exec, vit::transformer_block_workspace_size(exec, i, weights, options));
      vit::transformer_block(exec, i, weights, o, options, workspace);  // an instance allocates Kokkos' own scratch on its first launch
      expect_good_manners(record([&] { vit::transformer_block(exec, i, weights, o, options, workspace); }));
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 60});
    }
  });
}

TEST(TransformerBlock, bfloat16_products_round_what_enters_a_layer) {
  using Exec = ParallelExec;
  Exec const exec;
  for (auto const& mlp : block_mlps) {
    SCOPED_TRACE(::testing::Message() << (mlp.kind == vit::BlockKind::standard ? "standard" : "parallel") << (mlp.gated ? ", gated" : ""));
    RandomParameters<bfloat16, Exec> const parameters(block_table(mlp.kind, true, mlp.gated));
    auto const weights = vit::transformer_block_weights(parameters.table, parameters.view, mlp.kind);
    auto const x       = random_values(3 * 7 * 12, 4);
    TestArray<float, 3, Kokkos::LayoutRight, Exec> const input({3, 7, 12}, x), output({3, 7, 12}), one({1, 7, 12}),
        first({1, 7, 12}, {x.begin(), x.begin() + 84});
    vit::transformer_block(exec, input.view(), weights, output.view(), {.heads = 3});
    auto const exact = output.values();
    vit::transformer_block(exec, input.view(), weights, output.view(), {.heads = 3, .bfloat16_products = true});
    auto const rounded = output.values();
    double largest = 0, furthest = 0;
    for (std::size_t i = 0; i < exact.size(); ++i) {
      largest  = std::max(largest, std::abs(exact[i]));
      furthest = std::max(furthest, std::abs(exact[i] - rounded[i]));
    }
    EXPECT_GT(furthest, 1e-6 * largest);
    EXPECT_LT(furthest, 2e-2 * largest);
    vit::transformer_block(exec, first.view(), weights, one.view(), {.heads = 3, .bfloat16_products = true});
    expect_same_bits(one.values(), {rounded.begin(), rounded.begin() + 84});
  }
  RandomParameters<float, Exec> const parameters(block_table(vit::BlockKind::standard, true));
  auto const weights = vit::transformer_block_weights(parameters.table, parameters.view, vit::BlockKind::standard);
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const input({3, 7, 12}), output({3, 7, 12});
  EXPECT_EQ(refusal([&] { vit::transformer_block(exec, input.view(), weights, output.view(), {.heads = 3, .bfloat16_products = true}); }),
            "ocellus::vit::transformer_block: bfloat16_products is set, but the weights are not of bfloat16");
}

TEST(TransformerBlock, reads_swiglu_under_the_names_of_dinov2_too) {
  ParameterTable const packed = block_table(vit::BlockKind::standard, true, true);
  ParameterTable own;
  for (auto const& entry : packed.entries()) {
    std::string name = entry.name;
    if (auto const at = name.find("mlp.fc1"); at != std::string::npos) name.replace(at, 7, "mlp.w12");
    if (auto const at = name.find("mlp.fc2"); at != std::string::npos) name.replace(at, 7, "mlp.w3");
    own.add(name, entry.extents);
  }
  HostTensor<float*> const line("line", packed.size());
  auto const a = vit::transformer_block_weights(packed, line, vit::BlockKind::standard),
             b = vit::transformer_block_weights(own, line, vit::BlockKind::standard);
  EXPECT_TRUE(a.gated() && b.gated());
  EXPECT_EQ(b.fc1.weight.data(), a.fc1.weight.data());
  EXPECT_EQ(b.fc1.bias.data(), a.fc1.bias.data());
  EXPECT_EQ(b.fc2.weight.data(), a.fc2.weight.data());
  EXPECT_EQ(b.hidden(), 20);
}

TEST(TransformerBlock, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const parameters(block_table(vit::BlockKind::standard, true));
  auto const weights = vit::transformer_block_weights(parameters.table, parameters.view, vit::BlockKind::standard);
  HostTensor<float***> const input("input", 1, 2, 12), wide("input", 1, 2, 15), output("output", 1, 3, 12);
  Exec const exec;
  EXPECT_EQ(refusal([&] { vit::transformer_block(exec, input, weights, input, {.heads = 5}); }),
            "ocellus::vit::transformer_block: heads is 5, which does not divide the width, 12");
  EXPECT_EQ(refusal([&] { vit::transformer_block(exec, wide, weights, wide, {.heads = 3}); }),
            "ocellus::vit::transformer_block: weights attn.qkv are (36, 12) but (45, 15) is needed");
  EXPECT_EQ(refusal([&] { vit::transformer_block(exec, input, weights, output, {.heads = 3}); }),
            "ocellus::vit::transformer_block: output.extent(1) is 3 but input.extent(1) is 2");
}

}  // namespace
}  // namespace ocellus::test
