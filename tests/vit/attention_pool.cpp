// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/attention_pool.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {
namespace {

ParameterTable pool_table(bool biases) {
  ParameterTable table;
  table.add("latent", {1, 1, 12});
  auto const linear = [&](std::string const& name, std::int64_t out, std::int64_t in, bool bias) {
    table.add(name + ".weight", {out, in});
    if (bias) table.add(name + ".bias", {out});
  };
  linear("q", 12, 12, biases), linear("kv", 24, 12, biases), linear("proj", 12, 12, true);
  table.add("norm.weight", {12}), table.add("norm.bias", {12});
  linear("mlp.fc1", 20, 12, true), linear("mlp.fc2", 12, 20, true);
  return table;
}

template <class C>
class AttentionPool : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionPool, RowMajorConfigurations);

TYPED_TEST(AttentionPool, agrees_with_plain_loops) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const biases : {true, false}) {
    RandomParameters<Scalar, Exec> const w(pool_table(biases));
    auto const x = random_values(2 * 5 * 12, 4);
    std::vector<double> want;
    for (std::int64_t n = 0; n < 2; ++n) {
      std::vector<double> const tokens(x.begin() + n * 60, x.begin() + (n + 1) * 60);
      auto const q  = reference::linear<double>(w("latent"), w("q.weight"), w("q.bias"), 12);
      auto const kv = reference::linear<double>(tokens, w("kv.weight"), w("kv.bias"), 12);
      auto y        = reference::linear<double>(reference::attention<double>(q, reference::columns(kv, 24, 0, 12), reference::columns(kv, 24, 12, 12), 12, 3),
                                         w("proj.weight"), w("proj.bias"), 12);
      auto mlp      = reference::linear<double>(reference::norm<double>(y, w, "norm", 12, 1e-6), w("mlp.fc1.weight"), w("mlp.fc1.bias"), 12);
      reference::gelu_in_place(mlp);
      auto const added = reference::linear<double>(mlp, w("mlp.fc2.weight"), w("mlp.fc2.bias"), 20);
      for (std::size_t d = 0; d < 12; ++d) want.push_back(y[d] + added[d]);
    }
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const tokens({2, 5, 12}, x);
    TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output({2, 12});
    Exec const exec;
    auto const weights = vit::attention_pool_weights(w.table, w.view);
    vit::attention_pool(exec, tokens.view(), weights, output.view(), {.heads = 3});
    expect_within(output.values(), want, machine_epsilon<Scalar>(), 200);
    EXPECT_TRUE(output.guards_intact());
    auto const t = tokens.view();
    auto const o = output.view();
    WorkspaceFor<Exec> workspace(exec, vit::attention_pool_workspace_size(exec, t, weights));
    expect_good_manners(record([&] { vit::attention_pool(exec, t, weights, o, {.heads = 3}, workspace); }));
    exec.fence();
  }
}
/// The oracle over all images.
template <class Real>
std::vector<Real> pool_reference(std::vector<Real> const& tokens, NamedTensors<Real> const& w, std::int64_t images) {
  std::vector<Real> all;
  for (std::int64_t n = 0; n < images; ++n) {
    auto const q  = reference::linear<Real>(w("latent"), w("q.weight"), w("q.bias"), 12);
    auto const kv = reference::linear<Real>(items(tokens, n, n + 1, 60), w("kv.weight"), w("kv.bias"), 12);
    auto const y  = reference::linear<Real>(reference::attention<Real>(q, reference::columns(kv, 24, 0, 12), reference::columns(kv, 24, 12, 12), 12, 3),
                                           w("proj.weight"), w("proj.bias"), 12);
    auto mlp      = reference::linear<Real>(reference::norm<Real>(y, w, "norm", 12, 1e-3), w("mlp.fc1.weight"), w("mlp.fc1.bias"), 12);
    reference::gelu_in_place(mlp);
    auto const added = reference::linear<Real>(mlp, w("mlp.fc2.weight"), w("mlp.fc2.bias"), 20);
    for (std::size_t d = 0; d < 12; ++d) all.push_back(y[d] + added[d]);
  }
  return all;
}

TYPED_TEST(AttentionPool, backward_is_the_transpose_of_the_derivative_and_goes_on_from_a_batch_cut_in_two) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (bool const biases : {true, false}) {
    RandomParameters<Scalar, Exec> const w(pool_table(biases));
    auto const x = random_values(3 * 5 * 12, 4), g = random_values(3 * 12, 5);
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const tokens({3, 5, 12}, x), tokens_gradient({3, 5, 12});
    TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const output_gradient({3, 12}, g);
    TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(w.values.size())});
    Exec const exec;
    auto const weights   = vit::attention_pool_weights(w.table, w.view);
    auto const gradients = vit::attention_pool_gradients(w.table, line.view());
    vit::attention_pool_backward(exec, output_gradient.view(), tokens.view(), weights, tokens_gradient.view(), gradients, {.heads = 3, .epsilon = 1e-3});
    EXPECT_TRUE(tokens_gradient.guards_intact() && line.guards_intact());
    Arrays const got{tokens_gradient.values(), without_gaps(w.table, line.values())};
    expect_adjoint(
        [&](DualArrays const& in) {
          return pool_reference(in[0], NamedTensors<reference::Dual>{w.table, in[1]}, 3);
        },
        {x, w.values}, g, got, adjoint_tolerance<Scalar>);
    std::vector<double> parts;
    for (bool const second : {false, true}) {
      std::int64_t const from = second ? 1 : 0, to = second ? 3 : 1;
      TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const some({to - from, 5, 12}, items(x, from, to, 60)),
          some_gradient({to - from, 5, 12}, std::vector<double>(static_cast<std::size_t>((to - from) * 60)));
      TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const some_output({to - from, 12}, items(g, from, to, 12));
      vit::attention_pool_backward(exec, some_output.view(), some.view(), weights, some_gradient.view(), gradients,
                                   {.heads = 3, .epsilon = 1e-3, .accumulate = second});
      auto const part = some_gradient.values();
      parts.insert(parts.end(), part.begin(), part.end());
    }
    expect_same_bits(parts, got[0]);
    expect_same_bits(without_gaps(w.table, line.values()), got[1]);
    auto const t = tokens.view(), dt = tokens_gradient.view();
    auto const o = output_gradient.view();
    WorkspaceFor<Exec> workspace(exec, vit::attention_pool_backward_workspace_size(exec, t, weights, {.heads = 3}));
    vit::attention_pool_backward(exec, o, t, weights, dt, gradients, {.heads = 3}, workspace);
    expect_good_manners(record([&] { vit::attention_pool_backward(exec, o, t, weights, dt, gradients, {.heads = 3}, workspace); }));
    exec.fence();
  }
}

TEST(AttentionPool, names_what_does_not_fit) {
  using Exec = Kokkos::Serial;
  RandomParameters<float, Exec> const w(pool_table(true));
  auto const weights = vit::attention_pool_weights(w.table, w.view);
  HostTensor<float***> const tokens("tokens", 2, 5, 12), wide("tokens", 2, 5, 15);
  HostTensor<float**> const output("output", 2, 12), long_output("output", 2, 15);
  Exec const exec;
  EXPECT_EQ(refusal([&] { vit::attention_pool(exec, tokens, weights, output, {.heads = 5}); }),
            "ocellus::vit::attention_pool: heads is 5, which does not divide the width, 12");
  EXPECT_EQ(refusal([&] { vit::attention_pool(exec, wide, weights, long_output, {.heads = 3}); }),
            "ocellus::vit::attention_pool: latent (last axis) is 12 but tokens.extent(2) is 15");
}

}  // namespace
}  // namespace ocellus::test
