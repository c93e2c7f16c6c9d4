// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/attention_mil.hpp>

#include "dual.hpp"
#include "packed_inputs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct Shape {
  std::vector<std::int64_t> offsets;
  std::int64_t width, hidden, branches;
  bool gated;

  [[nodiscard]] std::int64_t rows() const { return offsets.back(); }
  [[nodiscard]] std::int64_t bags() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  [[nodiscard]] std::size_t inputs() const {
    return static_cast<std::size_t>(rows() * width + (gated ? 2 : 1) * hidden * (width + 1) + branches * (hidden + 1));
  }
};

/// The oracle of a line of all inputs: features, v, v_bias, w, w_bias, u, u_bias.
template <class Real>
std::pair<reference::Rows<Real>, reference::Rows<Real>> oracle(Shape const& s, std::vector<Real> const& line) {
  Cutter<Real> cut(line);
  auto const features = cut.rows(s.rows(), s.width);
  reference::MilWeights<Real> weights;
  weights.v      = cut.rows(s.hidden, s.width);
  weights.v_bias = cut.vector(s.hidden);
  weights.w      = cut.rows(s.branches, s.hidden);
  weights.w_bias = cut.vector(s.branches);
  if (s.gated) {
    weights.u      = cut.rows(s.hidden, s.width);
    weights.u_bias = cut.vector(s.hidden);
  }
  return reference::attention_mil(features, s.offsets, weights);
}

/// The arrays of a call, cut from such a line.
template <class Scalar, class Layout, class Exec>
struct Arrays {
  using Matrix  = TestArray<Scalar, 2, Layout, Exec>;
  using Vector  = TestArray<Scalar, 1, Layout, Exec>;
  using Weights = explain::AttentionMilWeights<typename Matrix::View, typename Vector::View>;
  Matrix features, v, w, u;
  Vector v_bias, w_bias, u_bias;
  TestArray<std::int64_t, 1, Layout, Exec> offsets;
  bool gated;

  explicit Arrays(Shape const& s)
      : features({s.rows(), s.width}),
        v({s.hidden, s.width}),
        w({s.branches, s.hidden}),
        u({s.hidden, s.width}),
        v_bias({s.hidden}),
        w_bias({s.branches}),
        u_bias({s.hidden}),
        offsets({s.bags() + 1}, std::vector<double>(s.offsets.begin(), s.offsets.end())),
        gated(s.gated) {}
  Arrays(Shape const& s, std::vector<double> const& line) : Arrays(s) {
    Cutter<double> cut(line);
    features.assign(cut.vector(s.rows() * s.width));
    v.assign(cut.vector(s.hidden * s.width)), v_bias.assign(cut.vector(s.hidden));
    w.assign(cut.vector(s.branches * s.hidden)), w_bias.assign(cut.vector(s.branches));
    if (gated) u.assign(cut.vector(s.hidden * s.width)), u_bias.assign(cut.vector(s.hidden));
  }
  [[nodiscard]] Weights weights() const {
    Weights result{v.view(), v_bias.view(), w.view(), w_bias.view(), {}, {}};
    if (gated) result.u_weight = u.view(), result.u_bias = u_bias.view();
    return result;
  }
  /// All gradients as one line, that of w_bias as 0.
  [[nodiscard]] std::vector<double> line() const {
    auto all = features.values();
    append(all, v.values()), append(all, v_bias.values()), append(all, w.values()), append(all, std::vector<double>(w_bias.size(), 0.0));
    if (gated) append(all, u.values()), append(all, u_bias.values());
    return all;
  }
};

std::vector<Shape> shapes() {
  return {{{0, 1}, 1, 1, 1, false},  {{0, 4, 4, 11}, 5, 3, 1, true}, {{0, 0, 7}, 33, 17, 2, false},
          {{0, 300}, 3, 2, 3, true}, {{0}, 2, 2, 1, true},           {{0, 0}, 2, 3, 1, false}};
}

template <class C>
class AttentionMil : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionMil, Configurations);

TYPED_TEST(AttentionMil, agrees_with_the_reference_at_awkward_sizes_and_pools_empty_bags_to_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.bags() << " bags, width " << s.width);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 1, 0.7));
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 2, Layout, Exec> const attention({s.rows(), s.branches});
    TestArray<Scalar, 3, Layout, Exec> const pooled({s.bags(), s.branches, s.width});
    explain::attention_mil(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), attention.view(), pooled.view());
    auto const want    = oracle(s, line);
    double const bound = static_cast<double>(s.width + s.hidden + 32) * 5;
    expect_within(attention.values(), want.first.values, machine_epsilon<Scalar>(), bound);
    expect_within(pooled.values(), want.second.values, machine_epsilon<Scalar>() * (1 + largest(line)), bound);
    EXPECT_TRUE(attention.guards_intact());
    EXPECT_TRUE(pooled.guards_intact());
  }
}

TYPED_TEST(AttentionMil, backward_is_the_adjoint_of_the_oracle_and_adds_when_told) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    if (s.rows() < 2) continue;
    SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.bags() << " bags, width " << s.width);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 2, 0.7));
    auto const w    = rounded<Scalar>(random_values(static_cast<std::size_t>(s.bags() * s.branches * s.width), 3));
    Arrays<Scalar, Layout, Exec> const arrays(s, line), gradients(s), added(s, std::vector<double>(s.inputs(), 1.0));
    TestArray<Scalar, 3, Layout, Exec> const pooled_gradient({s.bags(), s.branches, s.width}, w);
    explain::attention_mil_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(), gradients.features.view(),
                                    gradients.weights());
    explain::attention_mil_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(), added.features.view(),
                                    added.weights(), {.accumulate = true});
    auto const got = gradients.line();
    expect_adjoint([&](auto const& x) { return oracle(s, x).second.values; }, line, random_values(line.size(), 4), w, got, 64 * machine_epsilon<Scalar>());
    auto sum = got;
    for (double& value : sum) value += 1;
    auto again = added.line();
    for (std::size_t i = 0; i < again.size(); ++i) {
      if (got[i] == 0 && again[i] == 0) again[i] = 1;  // w_bias, which has no gradient
    }
    expect_within(again, sum, machine_epsilon<Scalar>() * (1 + largest(got)), 64);
    EXPECT_TRUE(gradients.features.guards_intact() && gradients.v.guards_intact() && gradients.w.guards_intact() && gradients.v_bias.guards_intact());
  }
}

TYPED_TEST(AttentionMil, keeps_a_nan_to_its_bag_and_bad_offsets_to_theirs) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const s{{0, 2, 4, 6}, 2, 3, 1, true};
  auto line = random_values(s.inputs(), 5);
  line[5]   = std::numeric_limits<double>::quiet_NaN();
  Arrays<Scalar, Layout, Exec> const arrays(s, line);
  TestArray<Scalar, 3, Layout, Exec> const pooled({3, 1, 2});
  explain::attention_mil(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), none, pooled.view());
  auto got = pooled.values();
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(got[i]), i == 2 || i == 3) << i;
  TestArray<std::int64_t, 1, Layout, Exec> const wrong({4}, {0, 9, 2, 6});
  explain::attention_mil(Exec(), arrays.features.view(), wrong.view(), arrays.weights(), none, pooled.view());
  got = pooled.values();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(got[i])) << i;
}

TYPED_TEST(AttentionMil, same_bits_whatever_the_other_bags_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t b = 0; b < 64; ++b) offsets.push_back(offsets.back() + 1 + b % 3);
  Shape const whole{offsets, 9, 5, 2, true};
  auto const line = random_values(whole.inputs(), 6);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::size_t const bags : {64u, 7u, 2u, 1u}) {
      Shape const s{{offsets.begin(), offsets.begin() + static_cast<std::ptrdiff_t>(bags) + 1}, 9, 5, 2, true};
      std::vector<double> part(line.begin(), line.begin() + s.rows() * 9);
      part.insert(part.end(), line.begin() + whole.rows() * 9, line.end());
      Arrays<Scalar, Layout, Exec> const arrays(s, part);
      TestArray<Scalar, 3, Layout, Exec> const pooled({s.bags(), 2, 9});
      explain::attention_mil(exec, arrays.features.view(), arrays.offsets.view(), arrays.weights(), none, pooled.view());
      auto const got = pooled.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(AttentionMil, behaves_but_for_the_one_fence_that_checks_the_offsets) {
  using Exec = typename TypeParam::Exec;
  Shape const s{{0, 3, 5}, 4, 3, 2, true};
  Arrays<float, Kokkos::LayoutRight, Exec> const arrays(s, random_values(s.inputs(), 7)), gradients(s);
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const pooled({2, 2, 4}, random_values(16));
  Exec const exec;
  auto const f       = arrays.features.view();
  auto const o       = arrays.offsets.view();
  auto const p       = pooled.view();
  auto const g       = gradients.features.view();
  auto const weights = arrays.weights(), slopes = gradients.weights();
  WorkspaceFor<Exec> backward(exec, explain::attention_mil_backward_workspace_size(exec, f, o, weights, p, g, slopes));
  auto const back = record([&] { explain::attention_mil_backward(exec, f, o, weights, p, g, slopes, {}, backward); });
  WorkspaceFor<Exec> workspace(exec, explain::attention_mil_workspace_size(exec, f, o, weights, none, p));
  auto const events = record([&] { explain::attention_mil(exec, f, o, weights, none, p, {}, workspace); });
  for (auto const& one : {back, events}) {
    expect_labels(one);
    EXPECT_TRUE(one.allocations.empty());
    EXPECT_FALSE(one.kernels.empty());
  }
  EXPECT_EQ(workspace.used() + backward.used(), 0u);
  exec.fence();
}

TEST(AttentionMil, names_what_does_not_fit) {
  using Matrix = HostTensor<float**>;
  using Vector = HostTensor<float*>;
  Matrix const features("features", 5, 4), v("v", 3, 4), wide("v", 3, 6), w("w", 2, 3), attention("attention", 5, 1);
  Vector const three("bias", 3), two("bias", 2);
  HostTensor<float***> const pooled("pooled", 2, 2, 4), short_pooled("pooled", 1, 2, 4);
  HostTensor<std::int64_t*> const offsets("offsets", 3), no_offsets("offsets", 0);
  offsets(1) = 2, offsets(2) = 6;
  Kokkos::Serial const exec;
  explain::AttentionMilWeights<Matrix, Vector> const good{v, three, w, two, {}, {}}, bad_v{wide, three, w, two, {}, {}}, bad_bias{v, two, w, two, {}, {}},
      bad_u{v, three, w, two, wide, three};
  auto const call = [&](auto const& weights, auto const& a, auto const& p, auto const& o) {
    return refusal([&] { explain::attention_mil(exec, features, o, weights, a, p); });
  };
  EXPECT_EQ(call(bad_v, none, pooled, offsets), "ocellus::explain::attention_mil: v_weight.extent(1) is 6 but features.extent(1) is 4");
  EXPECT_EQ(call(bad_bias, none, pooled, offsets), "ocellus::explain::attention_mil: v_bias.extent(0) is 2 but v_weight.extent(0) is 3");
  EXPECT_EQ(call(bad_u, none, pooled, offsets), "ocellus::explain::attention_mil: u_weight.extent(1) is 6 but features.extent(1) is 4");
  EXPECT_EQ(call(good, attention, pooled, offsets), "ocellus::explain::attention_mil: attention.extent(1) is 1 but w_weight.extent(0) is 2");
  EXPECT_EQ(call(good, none, short_pooled, offsets), "ocellus::explain::attention_mil: pooled.extent(0) is 1 but offsets.extent(0) - 1 is 2");
  EXPECT_EQ(call(good, none, pooled, offsets), "ocellus::explain::attention_mil: the last of offsets is 6 but features.extent(0) is 5");
  EXPECT_EQ(call(good, none, pooled, no_offsets), "ocellus::explain::attention_mil: offsets.extent(0) is 0 but must be the number of bags + 1");
  EXPECT_EQ(refusal([&] { explain::attention_mil_backward(exec, features, offsets, good, pooled, v, good); }),
            "ocellus::explain::attention_mil_backward: features_gradient.extent(0) is 3 but features.extent(0) is 5");
  EXPECT_EQ(refusal([&] { explain::attention_mil_backward(exec, features, offsets, good, pooled, features, bad_v); }),
            "ocellus::explain::attention_mil_backward: v_weight_gradient.extent(1) is 6 but v_weight.extent(1) is 4");
}

}  // namespace
}  // namespace ocellus::test
