// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/slice_context_pooling.hpp>

#include "dual.hpp"
#include "packed_inputs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct Shape {
  std::vector<std::int64_t> offsets;
  std::int64_t width, embedded, hidden;
  bool gated;

  [[nodiscard]] std::int64_t rows() const { return offsets.back(); }
  [[nodiscard]] std::int64_t slices() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  [[nodiscard]] std::size_t inputs() const {
    return static_cast<std::size_t>(rows() * width + embedded * (width + 1) + (gated ? 2 : 1) * hidden * (embedded + 1) + hidden + 1 + embedded + 1);
  }
};

template <class Real>
reference::SliceResult<Real> oracle(Shape const& s, int method, std::vector<Real> const& line) {
  Cutter<Real> cut(line);
  auto const features = cut.rows(s.rows(), s.width);
  reference::SliceContext<Real> weights;
  weights.fc         = cut.rows(s.embedded, s.width);
  weights.fc_bias    = cut.vector(s.embedded);
  weights.mil.v      = cut.rows(s.hidden, s.embedded);
  weights.mil.v_bias = cut.vector(s.hidden);
  weights.mil.w      = cut.rows(1, s.hidden);
  weights.mil.w_bias = cut.vector(1);
  if (s.gated) {
    weights.mil.u      = cut.rows(s.hidden, s.embedded);
    weights.mil.u_bias = cut.vector(s.hidden);
  }
  weights.slice      = cut.rows(1, s.embedded);
  weights.slice_bias = cut.vector(1);
  return reference::slice_context_pooling(features, s.offsets, weights, method);
}

template <class Scalar, class Layout, class Exec>
struct Arrays {
  using Matrix  = TestArray<Scalar, 2, Layout, Exec>;
  using Vector  = TestArray<Scalar, 1, Layout, Exec>;
  using Weights = explain::SliceContextWeights<typename Matrix::View, typename Vector::View>;
  Matrix features, fc, v, w, u, slice;
  Vector fc_bias, v_bias, w_bias, u_bias, slice_bias;
  TestArray<std::int64_t, 1, Layout, Exec> offsets;
  bool gated;

  explicit Arrays(Shape const& s)
      : features({s.rows(), s.width}),
        fc({s.embedded, s.width}),
        v({s.hidden, s.embedded}),
        w({1, s.hidden}),
        u({s.hidden, s.embedded}),
        slice({1, s.embedded}),
        fc_bias({s.embedded}),
        v_bias({s.hidden}),
        w_bias({1}),
        u_bias({s.hidden}),
        slice_bias({1}),
        offsets({s.slices() + 1}, std::vector<double>(s.offsets.begin(), s.offsets.end())),
        gated(s.gated) {}
  Arrays(Shape const& s, std::vector<double> const& line) : Arrays(s) {
    Cutter<double> cut(line);
    features.assign(cut.vector(s.rows() * s.width));
    fc.assign(cut.vector(s.embedded * s.width)), fc_bias.assign(cut.vector(s.embedded));
    v.assign(cut.vector(s.hidden * s.embedded)), v_bias.assign(cut.vector(s.hidden));
    w.assign(cut.vector(s.hidden)), w_bias.assign(cut.vector(1));
    if (gated) u.assign(cut.vector(s.hidden * s.embedded)), u_bias.assign(cut.vector(s.hidden));
    slice.assign(cut.vector(s.embedded)), slice_bias.assign(cut.vector(1));
  }
  [[nodiscard]] Weights weights() const {
    Weights result{fc.view(), fc_bias.view(), {v.view(), v_bias.view(), w.view(), w_bias.view(), {}, {}}, slice.view(), slice_bias.view()};
    if (gated) result.mil.u_weight = u.view(), result.mil.u_bias = u_bias.view();
    return result;
  }
  /// All gradients as one line; those that a method does not have as 0.
  [[nodiscard]] std::vector<double> line(bool attends) const {
    auto all = features.values();
    append(all, fc.values()), append(all, fc_bias.values()), append(all, v.values()), append(all, v_bias.values()), append(all, w.values());
    all.push_back(0);
    if (gated) append(all, u.values()), append(all, u_bias.values());
    if (attends)
      append(all, slice.values()), append(all, slice_bias.values());
    else
      all.insert(all.end(), slice.size() + 1, 0.0);
    return all;
  }
};

std::vector<Shape> shapes() {
  return {{{0, 1}, 1, 1, 1, false}, {{0, 4, 4, 11}, 5, 7, 3, true}, {{0, 3, 7}, 33, 17, 9, false}, {{0, 100, 290}, 3, 34, 2, true}};
}

constexpr explain::SliceContext methods[] = {explain::SliceContext::mean, explain::SliceContext::attention, explain::SliceContext::all_patches};

template <class C>
class SliceContextPooling : public ::testing::Test {};
TYPED_TEST_SUITE(SliceContextPooling, Configurations);

TYPED_TEST(SliceContextPooling, agrees_with_the_reference_for_every_method) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    auto const line = rounded<Scalar>(random_values(s.inputs(), 1, 0.5));
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    for (int const method : {0, 1, 2}) {
      SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.slices() << " slices, method " << method);
      TestArray<Scalar, 1, Layout, Exec> const pooled({s.embedded}), attention({s.slices()});
      TestArray<Scalar, 2, Layout, Exec> const slices({s.slices(), s.embedded});
      auto const want   = oracle(s, method, line);
      double const unit = machine_epsilon<Scalar>() * (1 + largest(want.slices.values)), bound = static_cast<double>(s.width + 2 * s.embedded + s.hidden + 64);
      auto const call = [&](auto const& m, auto const& a) {
        explain::slice_context_pooling(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled.view(), m, a,
                                       {.method = methods[method]});
      };
      if (method == 1)
        call(slices.view(), attention.view());
      else if (method == 0)
        call(slices.view(), none);
      else
        call(none, none);
      expect_within(pooled.values(), want.pooled, unit, bound);
      if (method < 2) expect_within(slices.values(), want.slices.values, unit, bound);
      if (method == 1) expect_within(attention.values(), want.attention.values, unit, bound);
      EXPECT_TRUE(pooled.guards_intact() && slices.guards_intact() && attention.guards_intact());
    }
  }
}

TYPED_TEST(SliceContextPooling, backward_is_the_adjoint_of_the_oracle_for_every_method_and_adds_when_told) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    if (s.rows() < 2) continue;
    auto const line = rounded<Scalar>(random_values(s.inputs(), 2, 0.5));
    auto const w    = rounded<Scalar>(random_values(static_cast<std::size_t>(s.embedded), 3));
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 1, Layout, Exec> const pooled_gradient({s.embedded}, w);
    for (int const method : {0, 1, 2}) {
      SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.slices() << " slices, method " << method);
      Arrays<Scalar, Layout, Exec> const gradients(s), added(s, std::vector<double>(s.inputs(), 1.0));
      explain::slice_context_pooling_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(),
                                              gradients.features.view(), gradients.weights(), {.method = methods[method]});
      explain::slice_context_pooling_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(),
                                              added.features.view(), added.weights(), {.method = methods[method], .accumulate = true});
      auto const got = gradients.line(method == 1);
      expect_adjoint([&](auto const& x) { return oracle(s, method, x).pooled; }, line, random_values(line.size(), 4), w, got, 64 * machine_epsilon<Scalar>());
      auto again = added.line(method == 1);
      for (std::size_t i = 0; i < again.size(); ++i) again[i] -= got[i] == 0 && again[i] == 0 ? 0 : 1;
      expect_within(again, got, machine_epsilon<Scalar>() * (1 + largest(got)), 64);
      EXPECT_TRUE(gradients.features.guards_intact() && gradients.fc.guards_intact() && gradients.slice.guards_intact());
    }
  }
}

TYPED_TEST(SliceContextPooling, a_permutation_of_the_slices_changes_nothing_and_a_nan_spoils_the_result) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const s{{0, 2, 4, 6}, 3, 4, 2, true};
  auto line            = random_values(s.inputs(), 5, 0.5);
  auto const pooled_of = [&] {
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 1, Layout, Exec> const pooled({4});
    explain::slice_context_pooling(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled.view(), none, none);
    return pooled.values();
  };
  auto const before = pooled_of();
  std::rotate(line.begin(), line.begin() + 6, line.begin() + 18);
  expect_within(pooled_of(), before, machine_epsilon<Scalar>(), 16);
  line[0] = std::numeric_limits<double>::quiet_NaN();
  for (double const value : pooled_of()) EXPECT_TRUE(std::isnan(value));
}

TYPED_TEST(SliceContextPooling, same_bits_for_every_thread_count_and_behaves_but_for_the_one_fence_that_checks_the_offsets) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Shape const s{{0, 9, 30, 31}, 5, 6, 4, true};
  Arrays<Scalar, Kokkos::LayoutRight, Exec> const arrays(s, random_values(s.inputs(), 6, 0.5)), gradients(s);
  TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const pooled({6});
  auto const f = arrays.features.view(), g = gradients.features.view();
  auto const o       = arrays.offsets.view();
  auto const p       = pooled.view();
  auto const weights = arrays.weights(), slopes = gradients.weights();
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    WorkspaceFor<Exec> workspace(exec, explain::slice_context_pooling_workspace_size(exec, f, o, weights, p, none, none));
    WorkspaceFor<Exec> backward(exec, explain::slice_context_pooling_backward_workspace_size(exec, f, o, weights, p, g, slopes));
    auto const events = record([&] { explain::slice_context_pooling(exec, f, o, weights, p, none, none, {}, workspace); });
    auto const back   = record([&] { explain::slice_context_pooling_backward(exec, f, o, weights, p, g, slopes, {}, backward); });
    for (auto const& one : {events, back}) {
      expect_labels(one);
      EXPECT_TRUE(one.allocations.empty());
      EXPECT_FALSE(one.kernels.empty());
    }
    EXPECT_EQ(workspace.used() + backward.used(), 0u);
    exec.fence();
    auto all = pooled.values();
    append(all, gradients.line(true));
    if (first.empty()) first = all;
    expect_same_bits(all, first);
  });
}

TEST(SliceContextPooling, names_what_does_not_fit) {
  using Matrix = HostTensor<float**>;
  using Vector = HostTensor<float*>;
  Matrix const features("features", 5, 4), fc("fc", 3, 4), wide("fc", 3, 5), v("v", 2, 3), w("w", 1, 2), two("w", 2, 2), slice("slice", 1, 3),
      slices("slices", 2, 3);
  Vector const three("bias", 3), pair("bias", 2), one("bias", 1);
  HostTensor<std::int64_t*> const offsets("offsets", 3);
  offsets(2) = 5;
  Kokkos::Serial const exec;
  using Weights = explain::SliceContextWeights<Matrix, Vector>;
  Weights const good{fc, three, {v, pair, w, one, {}, {}}, slice, one}, bad_fc{wide, three, {v, pair, w, one, {}, {}}, slice, one},
      branches{fc, three, {v, pair, two, pair, {}, {}}, slice, one}, bad_slice{fc, three, {v, pair, w, one, {}, {}}, wide, one};
  auto const call = [&](auto const& weights, auto const& pooled, auto const& m, auto const& a, explain::SliceContext method) {
    return refusal([&] { explain::slice_context_pooling(exec, features, offsets, weights, pooled, m, a, {.method = method}); });
  };
  auto const attention = explain::SliceContext::attention, mean = explain::SliceContext::mean, all = explain::SliceContext::all_patches;
  EXPECT_EQ(call(bad_fc, three, none, none, mean), "ocellus::explain::slice_context_pooling: fc_weight.extent(1) is 5 but features.extent(1) is 4");
  EXPECT_EQ(call(branches, three, none, none, mean), "ocellus::explain::slice_context_pooling: w_weight.extent(0) is 2 but must be 1");
  EXPECT_EQ(call(bad_slice, three, none, none, attention),
            "ocellus::explain::slice_context_pooling: slice_weight.extent(0) is 3 but the number of scores a slice is 1");
  EXPECT_EQ(call(good, pair, none, none, mean), "ocellus::explain::slice_context_pooling: pooled.extent(0) is 2 but fc_weight.extent(0) is 3");
  EXPECT_EQ(call(good, three, slices, none, all), "ocellus::explain::slice_context_pooling: slices is given, but the method all_patches has none");
  EXPECT_EQ(call(good, three, none, pair, mean), "ocellus::explain::slice_context_pooling: slice_attention is given, but only the method attention has one");
  EXPECT_EQ(call(good, three, none, three, attention),
            "ocellus::explain::slice_context_pooling: slice_attention.extent(0) is 3 but offsets.extent(0) - 1 is 2");
  offsets(2) = 6;
  EXPECT_EQ(call(good, three, none, none, attention), "ocellus::explain::slice_context_pooling: the last of offsets is 6 but features.extent(0) is 5");
  EXPECT_EQ(refusal([&] { explain::slice_context_pooling_backward(exec, features, offsets, good, three, features, bad_slice); }),
            "ocellus::explain::slice_context_pooling_backward: slice_weight_gradient.extent(0) is 3 but slice_weight.extent(0) is 1");
}

}  // namespace
}  // namespace ocellus::test
