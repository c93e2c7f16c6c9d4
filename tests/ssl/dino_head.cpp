// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/dino_head.hpp>

#include "reference/self_supervised.hpp"
#include "ssl/heads.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DinoHead : public ::testing::Test {};
TYPED_TEST_SUITE(DinoHead, Configurations);

TYPED_TEST(DinoHead, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  struct Size {
    std::int64_t rows;
    std::vector<std::int64_t> widths;
    std::int64_t prototypes;
  };
  for (auto const& size : {Size{1, {1, 1}, 1}, Size{5, {6, 7}, 33}, Size{9, {5, 17, 16, 4}, 12}}) {
    auto const table = head_table(size.widths, size.prototypes);
    auto const x = random_values(static_cast<std::size_t>(size.rows * size.widths[0]), 1), w = random_values(table.size(), 2, 0.5),
               slope  = random_values(static_cast<std::size_t>(size.rows * size.prototypes), 3);
    auto const oracle = [&](auto const& inputs) {
      using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
      return reference::dino_head<Real>(inputs[0], static_cast<std::size_t>(size.widths[0]), {inputs.begin() + 1, inputs.end()});
    };
    TestArray<Scalar, 2, Layout, Exec> const input({size.rows, size.widths[0]}, x), logits({size.rows, size.prototypes}),
        logits_gradient({size.rows, size.prototypes}, slope), input_gradient({size.rows, size.widths[0]});
    auto const flat = flat_of<Scalar, Exec>(w), flat_gradients = flat_of<Scalar, Exec>(std::vector<double>(table.size(), 0.0));
    auto const weights = ssl::dino_head_weights(table, flat), gradients = ssl::dino_head_weights(table, flat_gradients);
    std::vector<double> first, bits, weight_bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const in = input.view(), out = logits.view(), out_gradient = logits_gradient.view(), in_gradient = input_gradient.view();
      WorkspaceFor<Exec> workspace(exec, ssl::dino_head_workspace_size(exec, in, weights, out));
      expect_good_manners(record([&] { ssl::dino_head(exec, in, weights, out, workspace); }));
      WorkspaceFor<Exec> other(exec, ssl::dino_head_backward_workspace_size(exec, out_gradient, in, weights, in_gradient, gradients));
      expect_good_manners(record([&] { ssl::dino_head_backward(exec, out_gradient, in, weights, in_gradient, gradients, {}, other); }));
      exec.fence();
      if (first.empty()) first = logits.values(), bits = input_gradient.values(), weight_bits = flat_values(flat_gradients);
      expect_same_bits(logits.values(), first);
      expect_same_bits(input_gradient.values(), bits);
      expect_same_bits(flat_values(flat_gradients), weight_bits);
    });
    Arrays inputs = tensors_of(table, w), got = tensors_of(table, weight_bits);
    inputs.insert(inputs.begin(), x);
    got.insert(got.begin(), bits);
    auto const want = oracle(inputs);
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(first[i], want[i], 256 * machine_epsilon<Scalar>() * (1 + std::abs(want[i]))) << i;
    expect_adjoint(oracle, inputs, slope, got, sizeof(Scalar) == 4 ? 1e-4 : 1e-12);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, inputs, slope, got, 1e-6);
    EXPECT_TRUE(logits.guards_intact() && input_gradient.guards_intact());
  }
}

TYPED_TEST(DinoHead, keeps_a_rows_bits_in_any_batch_and_adds_to_gradients) {
  using Scalar       = typename TypeParam::Scalar;
  using Layout       = typename TypeParam::Layout;
  using Exec         = typename TypeParam::Exec;
  auto const table   = head_table({6, 9, 4}, 7);
  auto const flat    = flat_of<Scalar, Exec>(random_values(table.size(), 4, 0.5));
  auto const weights = ssl::dino_head_weights(table, flat);
  auto const x = random_values(64 * 6, 5), slope = random_values(64 * 7, 6);
  std::vector<double> alone;
  for (std::int64_t const rows : {1, 2, 7, 64}) {
    TestArray<Scalar, 2, Layout, Exec> const input({rows, 6}, {x.begin(), x.begin() + rows * 6}), logits({rows, 7});
    ssl::dino_head(Exec(), input.view(), weights, logits.view());
    auto const all = logits.values();
    std::vector<double> const first(all.begin(), all.begin() + 7);
    if (alone.empty()) alone = first;
    expect_same_bits(first, alone);
  }
  // Two halves, the second added to the first, against the whole.
  auto const whole = flat_of<Scalar, Exec>(std::vector<double>(table.size(), 0.0)), parts = flat_of<Scalar, Exec>(std::vector<double>(table.size(), 0.0));
  TestArray<Scalar, 2, Layout, Exec> const input({64, 6}, x), gradient({64, 7}, slope), input_gradient({64, 6}), part_gradient({64, 6});
  ssl::dino_head_backward(Exec(), gradient.view(), input.view(), weights, input_gradient.view(), ssl::dino_head_weights(table, whole));
  for (int half = 0; half < 2; ++half) {
    auto const rows = Kokkos::make_pair(half * 32, half * 32 + 32);
    ssl::dino_head_backward(Exec(), Kokkos::subview(gradient.view(), rows, Kokkos::ALL), Kokkos::subview(input.view(), rows, Kokkos::ALL), weights,
                            Kokkos::subview(part_gradient.view(), rows, Kokkos::ALL), ssl::dino_head_weights(table, parts), {.accumulate = half == 1});
  }
  expect_same_bits(part_gradient.values(), input_gradient.values());
  auto const got = flat_values(parts), want = flat_values(whole);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1024 * machine_epsilon<Scalar>() * (1 + std::abs(want[i])));
}

TYPED_TEST(DinoHead, of_no_rows_has_no_gradient) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const table = head_table({3, 4, 2}, 5);
  auto const flat = flat_of<Scalar, Exec>(random_values(table.size(), 7)), gradients = flat_of<Scalar, Exec>(std::vector<double>(table.size(), 3.0));
  TestArray<Scalar, 2, Layout, Exec> const input({0, 3}), logits({0, 5});
  auto const weights = ssl::dino_head_weights(table, flat);
  ssl::dino_head(Exec(), input.view(), weights, logits.view());
  ssl::dino_head_backward(Exec(), logits.view(), input.view(), weights, none, ssl::dino_head_weights(table, gradients));
  for (auto const& tensor : tensors_of(table, flat_values(gradients))) {
    for (double const value : tensor) EXPECT_EQ(value, 0.0);
  }
}

TEST(DinoHead, names_what_does_not_fit) {
  using Exec       = Kokkos::Serial;
  auto const table = head_table({3, 4, 2}, 5);
  HostTensor<float*> const flat("flat", table.size()), short_flat("flat", 3);
  auto const weights = ssl::dino_head_weights(table, flat);
  HostTensor<float**> const input("input", 2, 3), wide("input", 2, 4), logits("logits", 2, 5), few("logits", 2, 4);
  EXPECT_EQ(refusal([&] { ssl::dino_head(Exec(), wide, weights, logits); }),
            "ocellus::ssl::dino_head: layers[0].weight.extent(1) is 3 but input.extent(1) is 4");
  EXPECT_EQ(refusal([&] { ssl::dino_head(Exec(), input, weights, few); }), "ocellus::ssl::dino_head: logits.extent(1) is 4 but weight_v.extent(0) is 5");
  EXPECT_EQ(refusal([&] { ssl::dino_head_backward(Exec(), logits, input, weights, wide, weights); }),
            "ocellus::ssl::dino_head_backward: input_gradient.extent(1) is 4 but input.extent(1) is 3");
  ParameterTable other;
  other.add("fc.weight", {2, 3});
  EXPECT_EQ(refusal([&] { static_cast<void>(ssl::dino_head_weights(other, flat)); }),
            "ocellus::ssl::dino_head_weights: the table has neither mlp.0.weight nor mlp.weight");
  EXPECT_NE(refusal([&] { static_cast<void>(ssl::dino_head_weights(table, short_flat)); }).find("parameters.extent(0) is 3"), std::string::npos);
}

}  // namespace
}  // namespace ocellus::test
