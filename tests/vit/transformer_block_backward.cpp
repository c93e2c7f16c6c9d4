// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/transformer_block_backward.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"
#include "vit/block_table.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {
namespace {

template <class C>
class TransformerBlockBackward : public ::testing::Test {};
TYPED_TEST_SUITE(TransformerBlockBackward, RowMajorConfigurations);

TYPED_TEST(TransformerBlockBackward, is_the_transpose_of_the_derivative_for_every_weight) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (auto const& mlp : block_mlps) {
    auto const kind  = mlp.kind;
    bool const gated = mlp.gated;
    for (bool const full : {true, false}) {
      for (std::int64_t const tokens : {1, 7}) {
        SCOPED_TRACE(::testing::Message() << (kind == vit::BlockKind::standard ? "standard" : "parallel") << (gated ? ", gated" : "")
                                          << (full ? ", full, " : ", bare, ") << tokens);
        RandomParameters<Scalar, Exec> const p(block_table(kind, full, gated));
        TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(p.values.size())});
        auto const weights   = vit::transformer_block_weights(p.table, p.view, kind);
        auto const gradients = vit::transformer_block_gradients(p.table, line.view(), kind);
        auto const x = random_values(static_cast<std::size_t>(3 * tokens * 12), 4), g = random_values(x.size(), 5);
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const input({3, tokens, 12}, x), output_gradient({3, tokens, 12}, g), input_gradient({3, tokens, 12});
        Exec const exec;
        vit::TransformerBlockOptions const options{.heads = 3, .epsilon = 1e-3};
        vit::transformer_block_backward(exec, output_gradient.view(), input.view(), weights, input_gradient.view(), gradients, options);
        EXPECT_TRUE(input_gradient.guards_intact() && line.guards_intact());
        Arrays const got{input_gradient.values(), without_gaps(p.table, line.values())};
        bool const parallel = kind != vit::BlockKind::standard;
        expect_adjoint(
            [&](DualArrays const& in) {
              std::vector<reference::Dual> all;
              for (std::int64_t n = 0; n < 3; ++n) {
                auto const one =
                    reference::transformer_block(items(in[0], n, n + 1, tokens * 12), NamedTensors<reference::Dual>{p.table, in[1]}, "", parallel, 12, 3, 1e-3);
                all.insert(all.end(), one.begin(), one.end());
              }
              return all;
            },
            {x, p.values}, g, got, adjoint_tolerance<Scalar>);
        if (sizeof(Scalar) == 8) {
          expect_central_differences(
              [&](Arrays const& in) {
                TestArray<double, 3, Kokkos::LayoutRight, Exec> const at({3, tokens, 12}, in[0]), output({3, tokens, 12});
                TestArray<double, 1, Kokkos::LayoutRight, Exec> const parameters({static_cast<std::int64_t>(in[1].size())}, in[1]);
                vit::transformer_block(exec, at.view(), vit::transformer_block_weights(p.table, parameters.view(), kind), output.view(), options);
                return output.values();
              },
              {x, p.values}, g, got);
        }
        // In place, and with weights' gradients left out.
        vit::TransformerBlockGradients<Scalar, typename Exec::memory_space> unwanted;
        unwanted.kind = kind;
        vit::transformer_block_backward(exec, output_gradient.view(), input.view(), weights, output_gradient.view(), unwanted, options);
        expect_same_bits(output_gradient.values(), got[0]);
      }
    }
  }
}

TYPED_TEST(TransformerBlockBackward, over_a_batch_cut_in_two_equals_the_whole_for_every_thread_count_and_behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (auto const kind : {vit::BlockKind::standard, vit::BlockKind::parallel_scaling}) {
    RandomParameters<Scalar, Exec> const p(block_table(kind, true));
    auto const weights = vit::transformer_block_weights(p.table, p.view, kind);
    auto const x = random_values(7 * 5 * 12, 4), g = random_values(7 * 5 * 12, 5);
    Arrays whole;
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const cut : {0, 1, 4, 7}) {
        TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(p.values.size())});
        auto const gradients = vit::transformer_block_gradients(p.table, line.view(), kind);
        std::vector<double> input_gradients;
        for (bool const second : {false, true}) {
          std::int64_t const from = second ? cut : 0, to = second ? 7 : cut;
          TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const input({to - from, 5, 12}, items(x, from, to, 60)),
              gradient({to - from, 5, 12}, items(g, from, to, 60)),
              input_gradient({to - from, 5, 12}, std::vector<double>(static_cast<std::size_t>((to - from) * 60)));
          auto const i = input.view(), o = gradient.view(), d = input_gradient.view();
          vit::TransformerBlockOptions const options{.heads = 3, .accumulate = second};
          WorkspaceFor<Exec> workspace(exec, vit::transformer_block_backward_workspace_size(exec, i, weights, options));
          vit::transformer_block_backward(exec, o, i, weights, d, gradients, options, workspace);
          exec.fence();
          auto const part = input_gradient.values();
          input_gradients.insert(input_gradients.end(), part.begin(), part.end());
          if (cut == 4 && second)
            expect_good_manners(record([&] {
              vit::transformer_block_backward(exec, o, i, weights, d, vit::TransformerBlockGradients<Scalar, typename Exec::memory_space>(), options,
                                              workspace);
            }));
          exec.fence();
        }
        Arrays const got{input_gradients, without_gaps(p.table, line.values())};
        if (whole.empty()) whole = got;
        for (std::size_t k = 0; k < 2; ++k) expect_same_bits(got[k], whole[k]);
      }
    });
  }
}

TEST(TransformerBlockBackward, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const p(block_table(vit::BlockKind::standard, true)), bare(block_table(vit::BlockKind::standard, false));
  Tensor<float*, Kokkos::HostSpace> const line("line", p.values.size());
  auto const weights = vit::transformer_block_weights(p.table, p.view, vit::BlockKind::standard);
  auto gradients     = vit::transformer_block_gradients(p.table, line, vit::BlockKind::standard);
  HostTensor<float***> const input("input", 1, 2, 12), longer("longer", 1, 3, 12);
  Exec const exec;
  std::string const function = "ocellus::vit::transformer_block_backward: ";
  auto const call            = [&](auto const& g, auto const& d, std::int64_t heads) {
    return refusal([&] { vit::transformer_block_backward(exec, g, input, weights, d, gradients, {.heads = heads}); });
  };
  EXPECT_EQ(call(input, input, 5), function + "heads is 5, which does not divide the width, 12");
  EXPECT_EQ(call(longer, input, 3), function + "output_gradient.extent(1) is 3 but input.extent(1) is 2");
  EXPECT_EQ(call(input, longer, 3), function + "input_gradient.extent(1) is 3 but input.extent(1) is 2");
  gradients.fc1.bias = gradients.ls1;
  EXPECT_EQ(call(input, input, 3), function + "the gradient of mlp.fc1.bias.extent(0) is 12 but mlp.fc1.bias.extent(0) is 20");
}

}  // namespace
}  // namespace ocellus::test
