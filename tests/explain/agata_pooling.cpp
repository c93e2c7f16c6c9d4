// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/agata_pooling.hpp>

#include "dual.hpp"
#include "packed_inputs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct Shape {
  std::vector<std::int64_t> offsets;
  std::int64_t width, hidden, values, queries;
  bool gelu, scaled, absolute;

  [[nodiscard]] std::int64_t rows() const { return offsets.back(); }
  [[nodiscard]] std::int64_t bags() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  [[nodiscard]] std::size_t inputs() const {
    return static_cast<std::size_t>(rows() * width + hidden * (width + 1) + values * (hidden + 1) + queries * hidden);
  }
  [[nodiscard]] explain::AgataPoolingOptions options() const {
    return {.activation = gelu ? linalg::Activation::gelu : linalg::Activation::relu, .scaled = scaled, .absolute = absolute};
  }
};

/// The oracle of a line of all inputs.
template <class Real>
std::pair<reference::Rows<Real>, reference::Rows<Real>> oracle(Shape const& s, std::vector<Real> const& line) {
  Cutter<Real> cut(line);
  auto const features = cut.rows(s.rows(), s.width);
  reference::Agata<Real> weights;
  weights.weight1 = cut.rows(s.hidden, s.width);
  weights.bias1   = cut.vector(s.hidden);
  weights.weight2 = cut.rows(s.values, s.hidden);
  weights.bias2   = cut.vector(s.values);
  weights.queries = cut.rows(s.queries, s.hidden);
  return reference::agata_pooling(features, s.offsets, weights, s.gelu, s.scaled, s.absolute);
}

template <class Scalar, class Layout, class Exec>
struct Arrays {
  using Matrix  = TestArray<Scalar, 2, Layout, Exec>;
  using Vector  = TestArray<Scalar, 1, Layout, Exec>;
  using Weights = explain::AgataWeights<typename Matrix::View, typename Vector::View>;
  Matrix features, weight1, weight2, queries;
  Vector bias1, bias2;
  TestArray<std::int64_t, 1, Layout, Exec> offsets;

  explicit Arrays(Shape const& s)
      : features({s.rows(), s.width}),
        weight1({s.hidden, s.width}),
        weight2({s.values, s.hidden}),
        queries({s.queries, s.hidden}),
        bias1({s.hidden}),
        bias2({s.values}),
        offsets({s.bags() + 1}, std::vector<double>(s.offsets.begin(), s.offsets.end())) {}
  Arrays(Shape const& s, std::vector<double> const& line) : Arrays(s) {
    Cutter<double> cut(line);
    features.assign(cut.vector(s.rows() * s.width));
    weight1.assign(cut.vector(s.hidden * s.width)), bias1.assign(cut.vector(s.hidden));
    weight2.assign(cut.vector(s.values * s.hidden)), bias2.assign(cut.vector(s.values));
    queries.assign(cut.vector(s.queries * s.hidden));
  }
  [[nodiscard]] Weights weights() const { return {weight1.view(), bias1.view(), weight2.view(), bias2.view(), queries.view()}; }
  [[nodiscard]] std::vector<double> line() const {
    auto all = features.values();
    append(all, weight1.values()), append(all, bias1.values()), append(all, weight2.values()), append(all, bias2.values()), append(all, queries.values());
    return all;
  }
};

std::vector<Shape> shapes() {
  return {{{0, 1}, 1, 1, 1, 1, true, false, false},    {{0, 4, 4, 11}, 5, 3, 4, 1, false, false, false},
          {{0, 0, 7}, 33, 17, 5, 3, true, true, true}, {{0, 300}, 3, 2, 33, 2, false, false, true},
          {{0}, 2, 2, 1, 1, true, false, false},       {{0, 5}, 4, 6, 3, 2, true, false, false}};
}

template <class C>
class AgataPooling : public ::testing::Test {};
TYPED_TEST_SUITE(AgataPooling, Configurations);

TYPED_TEST(AgataPooling, agrees_with_the_reference_at_awkward_sizes_and_pools_empty_bags_to_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.bags() << " bags, width " << s.width);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 1, 0.5));
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 2, Layout, Exec> const scores({s.rows(), s.queries}), pooled({s.bags(), s.values});
    explain::agata_pooling(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), scores.view(), pooled.view(), s.options());
    auto const want   = oracle(s, line);
    double const unit = machine_epsilon<Scalar>() * (1 + largest(want.first.values)) * (1 + largest(want.second.values));
    expect_within(scores.values(), want.first.values, unit, static_cast<double>(s.width + s.hidden + 32));
    expect_within(pooled.values(), want.second.values, unit, static_cast<double>(s.width + s.hidden + 32) * 4);
    EXPECT_TRUE(scores.guards_intact());
    EXPECT_TRUE(pooled.guards_intact());
  }
}

TYPED_TEST(AgataPooling, backward_is_the_adjoint_of_the_oracle_and_adds_when_told) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    if (s.rows() < 2) continue;
    SCOPED_TRACE(::testing::Message() << s.rows() << " rows, " << s.bags() << " bags, width " << s.width);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 2, 0.5));
    auto const w    = rounded<Scalar>(random_values(static_cast<std::size_t>(s.bags() * s.values), 3));
    Arrays<Scalar, Layout, Exec> const arrays(s, line), gradients(s), added(s, std::vector<double>(s.inputs(), 1.0));
    TestArray<Scalar, 2, Layout, Exec> const pooled_gradient({s.bags(), s.values}, w);
    auto options = s.options();
    explain::agata_pooling_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(), gradients.features.view(),
                                    gradients.weights(), options);
    options.accumulate = true;
    explain::agata_pooling_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(), added.features.view(),
                                    added.weights(), options);
    auto const got = gradients.line();
    expect_adjoint([&](auto const& x) { return oracle(s, x).second.values; }, line, random_values(line.size(), 4), w, got, 64 * machine_epsilon<Scalar>());
    auto sum = got;
    for (double& value : sum) value += 1;
    expect_within(added.line(), sum, machine_epsilon<Scalar>() * (1 + largest(got)), 64);
    EXPECT_TRUE(gradients.features.guards_intact() && gradients.weight1.guards_intact() && gradients.queries.guards_intact());
  }
}

TYPED_TEST(AgataPooling, the_slopes_of_relu_and_of_the_absolute_value_at_zero_are_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const s{{0, 1}, 1, 1, 1, 1, false, false, true};
  Arrays<Scalar, Layout, Exec> const arrays(s, std::vector<double>(s.inputs(), 0.0)), gradients(s);
  TestArray<Scalar, 2, Layout, Exec> const pooled_gradient({1, 1}, {1});
  explain::agata_pooling_backward(Exec(), arrays.features.view(), arrays.offsets.view(), arrays.weights(), pooled_gradient.view(), gradients.features.view(),
                                  gradients.weights(), s.options());
  for (double const value : gradients.line()) EXPECT_EQ(value, 0.0);
}

TYPED_TEST(AgataPooling, keeps_a_nan_to_its_bag_and_gives_the_same_bits_for_every_thread_count_and_number_of_bags) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const whole{{0, 2, 5, 9, 12, 13, 20, 26}, 6, 5, 4, 2, true, false, false};
  auto line   = random_values(whole.inputs(), 6, 0.5);
  line[3 * 6] = std::numeric_limits<double>::quiet_NaN();  // a row of the second bag
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::size_t const bags : {7u, 2u}) {
      Shape s = whole;
      s.offsets.resize(bags + 1);
      std::vector<double> part(line.begin(), line.begin() + s.rows() * 6);
      part.insert(part.end(), line.begin() + whole.rows() * 6, line.end());
      Arrays<Scalar, Layout, Exec> const arrays(s, part);
      TestArray<Scalar, 2, Layout, Exec> const pooled({s.bags(), 4});
      explain::agata_pooling(exec, arrays.features.view(), arrays.offsets.view(), arrays.weights(), none, pooled.view(), s.options());
      auto const got = pooled.values();
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(std::isnan(got[i]), i / 4 == 1) << i;
        EXPECT_TRUE(i / 4 == 1 || got[i] == first[i]) << i;
      }
    }
  });
}

TYPED_TEST(AgataPooling, behaves_but_for_the_one_fence_that_checks_the_offsets) {
  using Exec = typename TypeParam::Exec;
  Shape const s{{0, 3, 5}, 4, 3, 2, 2, false, true, false};
  Arrays<float, Kokkos::LayoutRight, Exec> const arrays(s, random_values(s.inputs(), 7)), gradients(s);
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const pooled({2, 2}, random_values(4));
  Exec const exec;
  auto const f = arrays.features.view(), g = gradients.features.view(), p = pooled.view();
  auto const o       = arrays.offsets.view();
  auto const weights = arrays.weights(), slopes = gradients.weights();
  WorkspaceFor<Exec> backward(exec, explain::agata_pooling_backward_workspace_size(exec, f, o, weights, p, g, slopes, s.options()));
  auto const back = record([&] { explain::agata_pooling_backward(exec, f, o, weights, p, g, slopes, s.options(), backward); });
  WorkspaceFor<Exec> workspace(exec, explain::agata_pooling_workspace_size(exec, f, o, weights, none, p, s.options()));
  auto const events = record([&] { explain::agata_pooling(exec, f, o, weights, none, p, s.options(), workspace); });
  for (auto const& one : {back, events}) {
    expect_labels(one);
    EXPECT_TRUE(one.allocations.empty());
    EXPECT_FALSE(one.kernels.empty());
  }
  EXPECT_EQ(workspace.used() + backward.used(), 0u);
  exec.fence();
}

TEST(AgataPooling, names_what_does_not_fit) {
  using Matrix = HostTensor<float**>;
  using Vector = HostTensor<float*>;
  Matrix const features("features", 5, 4), one("weight1", 3, 4), wide("weight1", 3, 6), two("weight2", 2, 3), queries("queries", 1, 3), pooled("pooled", 2, 2),
      scores("scores", 4, 1);
  Vector const three("bias", 3), pair("bias", 2);
  HostTensor<std::int64_t*> const offsets("offsets", 3);
  offsets(2) = 5;
  Kokkos::Serial const exec;
  explain::AgataWeights<Matrix, Vector> const good{one, three, two, pair, queries}, bad{wide, three, two, pair, queries},
      bad_bias{one, three, two, three, queries}, bad_queries{one, three, two, pair, wide};
  auto const call = [&](auto const& weights, auto const& s, auto const& p) {
    return refusal([&] { explain::agata_pooling(exec, features, offsets, weights, s, p); });
  };
  EXPECT_EQ(call(bad, none, pooled), "ocellus::explain::agata_pooling: weight1.extent(1) is 6 but features.extent(1) is 4");
  EXPECT_EQ(call(bad_bias, none, pooled), "ocellus::explain::agata_pooling: bias2.extent(0) is 3 but weight2.extent(0) is 2");
  EXPECT_EQ(call(bad_queries, none, pooled), "ocellus::explain::agata_pooling: queries.extent(1) is 6 but weight1.extent(0) is 3");
  EXPECT_EQ(call(good, scores, pooled), "ocellus::explain::agata_pooling: scores.extent(0) is 4 but features.extent(0) is 5");
  EXPECT_EQ(call(good, none, scores), "ocellus::explain::agata_pooling: pooled.extent(0) is 4 but offsets.extent(0) - 1 is 2");
  offsets(2) = 4;
  EXPECT_EQ(call(good, none, pooled), "ocellus::explain::agata_pooling: the last of offsets is 4 but features.extent(0) is 5");
  EXPECT_EQ(refusal([&] { explain::agata_pooling_backward(exec, features, offsets, good, pooled, features, bad); }),
            "ocellus::explain::agata_pooling_backward: weight1_gradient.extent(1) is 6 but weight1.extent(1) is 4");
}

}  // namespace
}  // namespace ocellus::test
