// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/dino_head.hpp>

#include <array>

#include "ssl/heads.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// Three layers, one, and two without biases and g. 12 inputs.
std::vector<ParameterTable> heads() {
  std::vector<ParameterTable> tables{ssl::dino_head_parameter_table({.inputs = 12, .hidden = 20, .bottleneck = 7, .prototypes = 33}),
                                     ssl::dino_head_parameter_table({.inputs = 12, .bottleneck = 5, .prototypes = 17, .layers = 1}),
                                     {}};
  tables[2].add("mlp.0.weight", {9, 12}), tables[2].add("mlp.2.weight", {16, 9}), tables[2].add("last_layer.weight_v", {3, 16});
  return tables;
}

template <class C>
class DinoHead : public ::testing::Test {};
TYPED_TEST_SUITE(DinoHead, Configurations);

TYPED_TEST(DinoHead, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& table : heads()) {
    RandomParameters<Scalar, Exec> const w(table);
    std::int64_t const prototypes = table.find("last_layer.weight_v")->extents[0], rows = 5;
    auto const x = random_values(static_cast<std::size_t>(rows) * 12, 4), g = random_values(static_cast<std::size_t>(rows * prototypes), 5);
    auto const oracle = [&](auto const& inputs) { return head_reference(table, inputs[1], inputs[0], 12); };
    TestArray<Scalar, 2, Layout, Exec> const input({rows, 12}, x), logits({rows, prototypes}), slope({rows, prototypes}, g), back({rows, 12});
    TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(table.size())});
    auto const weights   = ssl::dino_head_weights(table, w.view);
    auto const gradients = ssl::dino_head_gradients(table, line.view());
    Arrays bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const i = input.view(), l = logits.view(), s = slope.view(), b = back.view();
      WorkspaceFor<Exec> workspace(exec, ssl::dino_head_workspace_size(exec, i, weights, l)),
          backward(exec, ssl::dino_head_backward_workspace_size(exec, i, weights, s, b, gradients));
      ssl::dino_head_backward(exec, i, weights, s, b, gradients, {}, backward);  // packing blocks grow once
      expect_good_manners(record([&] { ssl::dino_head(exec, i, weights, l, {}, workspace); }));
      expect_good_manners(record([&] { ssl::dino_head_backward(exec, i, weights, s, b, gradients, {}, backward); }));
      exec.fence();
      Arrays const now{logits.values(), back.values(), without_gaps(table, line.values())};
      if (bits.empty()) bits = now;
      for (std::size_t a = 0; a < 3; ++a) expect_same_bits(now[a], bits[a]);
    });
    auto const want = oracle(Arrays{x, w.values});
    expect_within(bits[0], want, machine_epsilon<Scalar>() * (1 + largest(want)), 100);
    expect_adjoint(oracle, {x, w.values}, g, {bits[1], bits[2]}, adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, {x, w.values}, g, {bits[1], bits[2]}, 1e-6);
    EXPECT_TRUE(logits.guards_intact() && back.guards_intact() && line.guards_intact());
  }
}

TYPED_TEST(DinoHead, gives_a_row_the_same_bits_alone_and_goes_on_from_a_batch_cut_in_two) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const table = heads()[0];
  auto const x = random_values(7 * 12, 4), g = random_values(7 * 33, 5);
  auto const length = static_cast<std::int64_t>(table.size());
  RandomParameters<Scalar, Exec> const w(table);
  auto const weights = ssl::dino_head_weights(table, w.view);
  TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const line({length}), parts({length});
  Exec const exec;
  auto const run = [&](std::int64_t from, std::int64_t to, auto const& flat, bool accumulate) {
    TestArray<Scalar, 2, Layout, Exec> const input({to - from, 12}, items(x, from, to, 12)), logits({to - from, 33}),
        slope({to - from, 33}, items(g, from, to, 33)), back({to - from, 12}, std::vector<double>(static_cast<std::size_t>((to - from) * 12)));
    ssl::dino_head(exec, input.view(), weights, logits.view());
    ssl::dino_head_backward(exec, input.view(), weights, slope.view(), back.view(), ssl::dino_head_gradients(table, flat.view()), {.accumulate = accumulate});
    return Arrays{logits.values(), back.values()};
  };
  auto const whole = run(0, 7, line, false), all = Arrays{without_gaps(table, line.values())};
  for (std::int64_t n = 0; n < 7; ++n) {
    auto const alone = run(n, n + 1, parts, false);
    expect_same_bits(alone[0], items(whole[0], n, n + 1, 33));
    expect_same_bits(alone[1], items(whole[1], n, n + 1, 12));
  }
  run(0, 3, parts, false), run(3, 7, parts, true);
  auto const got = without_gaps(table, parts.values());
  auto const end = table.find("last_layer.weight_g")->offset;  // of the linear layers
  expect_same_bits(items(got, 0, static_cast<std::int64_t>(end), 1), items(all[0], 0, static_cast<std::int64_t>(end), 1));
  expect_within(got, all[0], machine_epsilon<Scalar>() * largest(all[0]), 32);
}

TYPED_TEST(DinoHead, stands_no_rows_rows_of_nothing_and_gradients_that_are_not_wanted) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const table = heads()[0];
  RandomParameters<Scalar, Exec> const w(table);
  auto weights = ssl::dino_head_weights(table, w.view);
  TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> line({static_cast<std::int64_t>(table.size())});
  auto gradients = ssl::dino_head_gradients(table, line.view());
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const empty({0, 12}), no_logits({0, 33}), no_gradient({0, 12});
  ssl::dino_head(exec, empty.view(), weights, no_logits.view());
  ssl::dino_head_backward(exec, empty.view(), weights, no_logits.view(), no_gradient.view(), gradients);
  EXPECT_EQ(largest(without_gaps(table, line.values())), 0.0);

  // A row with NaN spoils itself alone.
  auto x = random_values(3 * 12, 4);
  TestArray<Scalar, 2, Layout, Exec> const input({3, 12}, x), logits({3, 33}), slope({3, 33}, random_values(3 * 33, 5)), back({3, 12});
  ssl::dino_head(exec, input.view(), weights, logits.view());
  auto const clean = logits.values();
  x[17]            = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Layout, Exec> const spoilt({3, 12}, x);
  ssl::dino_head(exec, spoilt.view(), weights, logits.view());
  expect_same_bits(items(logits.values(), 0, 1, 33), items(clean, 0, 1, 33));
  expect_same_bits(items(logits.values(), 2, 3, 33), items(clean, 2, 3, 33));
  for (double const value : items(logits.values(), 1, 2, 33)) EXPECT_TRUE(std::isnan(value));

  // What is not wanted is not written.
  line.assign(std::vector<double>(table.size(), 7.0));
  gradients.mlp.clear();
  gradients.weight_v = {};
  ssl::dino_head_backward(exec, input.view(), weights, slope.view(), none, gradients);
  auto const* const g = table.find("last_layer.weight_g");
  auto const got      = line.values();
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i] == 7.0, i < g->offset || i >= g->offset + 33) << i;
  ssl::dino_head_backward(exec, input.view(), weights, slope.view(), back.view(), gradients);

  // Without a bias a row of zeros has no direction: logits 0, and a gradient over epsilon.
  for (auto& layer : weights.mlp) layer.bias = {};
  TestArray<Scalar, 2, Layout, Exec> const zeros({3, 12}, std::vector<double>(36, 0.0));
  ssl::dino_head(exec, zeros.view(), weights, logits.view());
  EXPECT_EQ(largest(logits.values()), 0.0);
  ssl::dino_head_backward(exec, zeros.view(), weights, slope.view(), back.view(), gradients, {.epsilon = 1.0});
  for (double const value : back.values()) EXPECT_TRUE(std::isfinite(value));
  weights.weight_g = {};
  ssl::dino_head(exec, input.view(), weights, logits.view());
  EXPECT_LE(largest(logits.values()), 1.0 + 8 * machine_epsilon<Scalar>());  // g = 1: cosines
}

TEST(DinoHead, takes_sixteen_bit_storage) {
  using Exec       = Kokkos::Serial;
  auto const table = heads()[0];
  RandomParameters<bfloat16, Exec> const w(table);
  auto const x = rounded<bfloat16>(random_values(2 * 12, 4));
  TestArray<bfloat16, 2, Kokkos::LayoutRight, Exec> const input({2, 12}, x), logits({2, 33}), slope({2, 33}, random_values(2 * 33, 5)), back({2, 12});
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const line({static_cast<std::int64_t>(table.size())});
  auto const weights = ssl::dino_head_weights(table, w.view);
  ssl::dino_head(Exec(), input.view(), weights, logits.view());
  auto const want = head_reference(table, rounded<bfloat16>(w.values), x, 12);
  expect_within(logits.values(), want, machine_epsilon<bfloat16>() * largest(want), 2);
  ssl::dino_head_backward(Exec(), input.view(), weights, slope.view(), back.view(), ssl::dino_head_gradients(table, line.view()));
  EXPECT_GT(largest(back.values()), 0.0);
}

TEST(DinoHead, names_what_does_not_fit) {
  auto const table = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 5, .bottleneck = 4, .prototypes = 9});
  HostTensor<float*> const line("parameters", table.size());
  auto const weights   = ssl::dino_head_weights(table, line);
  auto const gradients = ssl::dino_head_gradients(table, line);
  HostTensor<float**> const wide("input", 2, 7), input("input", 2, 6), logits("logits", 2, 9), narrow("logits", 2, 8);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::dino_head(exec, wide, weights, logits); }), "ocellus::ssl::dino_head: input.extent(1) is 7 but mlp.0.weight.extent(1) is 6");
  EXPECT_EQ(refusal([&] { ssl::dino_head(exec, input, weights, narrow); }),
            "ocellus::ssl::dino_head: logits.extent(1) is 8 but last_layer.weight_v.extent(0) is 9");
  auto broken          = weights;
  broken.mlp[1].weight = weights.mlp[2].weight;
  EXPECT_EQ(refusal([&] { ssl::dino_head(exec, input, broken, logits); }),
            "ocellus::ssl::dino_head: mlp.2.bias.extent(0) is 5 but mlp.2.weight.extent(0) is 4");
  broken = weights;
  broken.mlp.pop_back();
  EXPECT_EQ(refusal([&] { ssl::dino_head(exec, input, broken, logits); }),
            "ocellus::ssl::dino_head: last_layer.weight_v.extent(1) is 4 but mlp.2.weight.extent(0) is 5");
  broken.mlp.clear();
  EXPECT_EQ(refusal([&] { ssl::dino_head(exec, input, broken, logits); }), "ocellus::ssl::dino_head: a head needs a linear layer and last_layer.weight_v");
  EXPECT_EQ(refusal([&] { ssl::dino_head_backward(exec, input, weights, narrow, input, gradients); }),
            "ocellus::ssl::dino_head_backward: logits_gradient.extent(1) is 8 but last_layer.weight_v.extent(0) is 9");
  EXPECT_EQ(refusal([&] { ssl::dino_head_backward(exec, input, weights, logits, wide, gradients); }),
            "ocellus::ssl::dino_head_backward: input_gradient.extent(1) is 7 but input.extent(1) is 6");
  auto other          = gradients;
  other.mlp[2].weight = gradients.mlp[1].weight;
  EXPECT_EQ(refusal([&] { ssl::dino_head_backward(exec, input, weights, logits, input, other); }),
            "ocellus::ssl::dino_head_backward: the gradient's mlp.4.weight.extent(0) is 5 but mlp.4.weight.extent(0) is 4");
}

TEST(DinoHead, costs_its_layers) {
  std::array<double, 3> const widths{8, 4, 2};
  auto const cost = ssl::dino_head_cost(10, widths, 6, 4);
  EXPECT_GE(cost.flops, 2 * 10 * (8 * 4 + 4 * 2 + 2 * 6));
  EXPECT_GT(ssl::dino_head_backward_cost(10, widths, 6, 4).flops, 2 * cost.flops);
}

}  // namespace
}  // namespace ocellus::test
