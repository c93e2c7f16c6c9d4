// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/perceiver_pooling.hpp>

#include "dual.hpp"
#include "packed_inputs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct Shape {
  std::int64_t images, latents, latent_width, tokens, context_width, inner, heads;
  bool projected, appended, masked;

  [[nodiscard]] std::size_t inputs() const {
    return static_cast<std::size_t>(images * (latents * latent_width + tokens * context_width) + 2 * latent_width + 2 * inner * latent_width +
                                    (projected ? 2 * inner * context_width : 0));
  }
  /// The first image keeps some of its tokens, the last one none.
  [[nodiscard]] bool keeps(std::int64_t image, std::int64_t token) const { return !masked || (image + 1 < images && token % 3 != 1); }
  [[nodiscard]] std::vector<double> mask() const {
    std::vector<double> all;
    for (std::int64_t b = 0; b < images; ++b) {
      for (std::int64_t j = 0; j < tokens; ++j) all.push_back(keeps(b, j) ? 1 : 0);
    }
    return all;
  }
};

template <class Real>
std::vector<Real> oracle(Shape const& s, std::vector<Real> const& line) {
  Cutter<Real> cut(line);
  auto const latents = cut.rows(s.images * s.latents, s.latent_width), context = cut.rows(s.images * s.tokens, s.context_width);
  reference::Perceiver<Real> weights;
  weights.norm_weight = cut.vector(s.latent_width);
  weights.norm_bias   = cut.vector(s.latent_width);
  weights.q           = cut.rows(s.inner, s.latent_width);
  if (s.projected) weights.kv = cut.rows(2 * s.inner, s.context_width);
  weights.out = cut.rows(s.latent_width, s.inner);
  std::vector<Real> output;
  auto const image = [](reference::Rows<Real> const& from, std::int64_t b, std::int64_t rows) {
    auto const first = from.values.begin() + b * rows * from.columns;
    return reference::Rows<Real>(rows, from.columns, {first, first + rows * from.columns});
  };
  for (std::int64_t b = 0; b < s.images; ++b) {
    std::vector<bool> mask;
    for (std::int64_t j = 0; s.masked && j < s.tokens; ++j) mask.push_back(s.keeps(b, j));
    auto const one = reference::perceiver_pooling(image(latents, b, s.latents), image(context, b, s.tokens), weights, mask, s.heads, s.appended);
    output.insert(output.end(), one.values.begin(), one.values.end());
  }
  return output;
}

template <class Scalar, class Layout, class Exec>
struct Arrays {
  using Matrix  = TestArray<Scalar, 2, Layout, Exec>;
  using Vector  = TestArray<Scalar, 1, Layout, Exec>;
  using Weights = explain::PerceiverWeights<typename Matrix::View, typename Vector::View>;
  TestArray<Scalar, 3, Layout, Exec> latents, context;
  Vector norm_weight, norm_bias;
  Matrix q, kv, out;
  TestArray<bool, 2, Layout, Exec> mask;
  bool projected, masked;

  explicit Arrays(Shape const& s)
      : latents({s.images, s.latents, s.latent_width}),
        context({s.images, s.tokens, s.context_width}),
        norm_weight({s.latent_width}),
        norm_bias({s.latent_width}),
        q({s.inner, s.latent_width}),
        kv({2 * s.inner, s.context_width}),
        out({s.latent_width, s.inner}),
        mask({s.images, s.tokens}, s.mask()),
        projected(s.projected),
        masked(s.masked) {}
  Arrays(Shape const& s, std::vector<double> const& line) : Arrays(s) {
    Cutter<double> cut(line);
    latents.assign(cut.vector(static_cast<std::int64_t>(latents.size()))), context.assign(cut.vector(static_cast<std::int64_t>(context.size())));
    norm_weight.assign(cut.vector(s.latent_width)), norm_bias.assign(cut.vector(s.latent_width));
    q.assign(cut.vector(static_cast<std::int64_t>(q.size())));
    if (projected) kv.assign(cut.vector(static_cast<std::int64_t>(kv.size())));
    out.assign(cut.vector(static_cast<std::int64_t>(out.size())));
  }
  [[nodiscard]] Weights weights() const {
    Weights result{norm_weight.view(), norm_bias.view(), q.view(), {}, out.view()};
    if (projected) result.kv_weight = kv.view();
    return result;
  }
  [[nodiscard]] auto kept() const { return masked ? mask.view() : decltype(mask.view())(); }
  [[nodiscard]] std::vector<double> line() const {
    auto all = latents.values();
    append(all, context.values()), append(all, norm_weight.values()), append(all, norm_bias.values()), append(all, q.values());
    if (projected) append(all, kv.values());
    append(all, out.values());
    return all;
  }
};

std::vector<Shape> shapes() {
  return {{1, 1, 2, 1, 1, 1, 1, true, false, false},  {2, 3, 6, 7, 5, 8, 2, true, false, true},  {2, 3, 5, 70, 8, 8, 2, false, true, true},
          {1, 2, 5, 6, 8, 8, 4, false, false, false}, {2, 2, 17, 9, 3, 6, 3, true, true, false}, {1, 2, 3, 0, 4, 4, 2, true, true, false}};
}

template <class C>
class PerceiverPooling : public ::testing::Test {};
TYPED_TEST_SUITE(PerceiverPooling, Configurations);

TYPED_TEST(PerceiverPooling, agrees_with_the_reference_with_and_without_projection_appended_queries_and_masks) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    SCOPED_TRACE(::testing::Message() << s.latents << " latents, " << s.tokens << " tokens, projected " << s.projected << ", appended " << s.appended);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 1, 0.5));
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 3, Layout, Exec> const output({s.images, s.latents, s.latent_width});
    explain::perceiver_pooling(Exec(), arrays.latents.view(), arrays.context.view(), arrays.weights(), arrays.kept(), output.view(),
                               {.heads = s.heads, .append_queries = s.appended});
    auto const want = oracle(s, line);
    expect_within(output.values(), want, machine_epsilon<Scalar>() * (1 + largest(want)),
                  static_cast<double>(s.latent_width + s.context_width + s.inner + 32) * 4);
    EXPECT_TRUE(output.guards_intact());
  }
}

TYPED_TEST(PerceiverPooling, backward_is_the_adjoint_of_the_oracle_and_adds_when_told) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (Shape const& s : shapes()) {
    SCOPED_TRACE(::testing::Message() << s.latents << " latents, " << s.tokens << " tokens, projected " << s.projected << ", appended " << s.appended);
    auto const line = rounded<Scalar>(random_values(s.inputs(), 2, 0.5));
    auto const w    = rounded<Scalar>(random_values(static_cast<std::size_t>(s.images * s.latents * s.latent_width), 3));
    Arrays<Scalar, Layout, Exec> const arrays(s, line), gradients(s), added(s, std::vector<double>(s.inputs(), 1.0));
    TestArray<Scalar, 3, Layout, Exec> const output_gradient({s.images, s.latents, s.latent_width}, w);
    auto const call = [&](auto const& to, bool accumulate) {
      explain::perceiver_pooling_backward(Exec(), arrays.latents.view(), arrays.context.view(), arrays.weights(), arrays.kept(), output_gradient.view(),
                                          to.latents.view(), to.context.view(), to.weights(),
                                          {.heads = s.heads, .append_queries = s.appended, .accumulate = accumulate});
    };
    call(gradients, false);
    call(added, true);
    auto const got = gradients.line();
    expect_adjoint([&](auto const& x) { return oracle(s, x); }, line, random_values(line.size(), 4), w, got, 64 * machine_epsilon<Scalar>());
    auto sum = got;
    for (double& value : sum) value += 1;
    expect_within(added.line(), sum, machine_epsilon<Scalar>() * (1 + largest(got)), 64);
    EXPECT_TRUE(gradients.latents.guards_intact() && gradients.context.guards_intact() && gradients.q.guards_intact() && gradients.kv.guards_intact());
  }
}

TYPED_TEST(PerceiverPooling, a_permutation_of_the_context_changes_nothing_and_a_masked_nan_neither) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const s{2, 2, 4, 6, 3, 4, 2, true, false, true};
  auto line            = random_values(s.inputs(), 5, 0.5);
  auto const output_of = [&] {
    Arrays<Scalar, Layout, Exec> const arrays(s, line);
    TestArray<Scalar, 3, Layout, Exec> const output({2, 2, 4});
    explain::perceiver_pooling(Exec(), arrays.latents.view(), arrays.context.view(), arrays.weights(), arrays.kept(), output.view(), {.heads = 2});
    return output.values();
  };
  auto const before = output_of();
  for (std::size_t i = 8; i < 16; ++i) EXPECT_EQ(before[i], 0.0) << "nothing is kept in the last image";
  line[16 + 3] = std::numeric_limits<double>::quiet_NaN();  // token 1 of the first image, which is masked
  expect_same_bits(output_of(), before);
  for (std::size_t d = 0; d < 3; ++d) std::swap(line[16 + d], line[16 + 15 + d]);  // tokens 0 and 5, both kept
  expect_within(output_of(), before, machine_epsilon<Scalar>(), 16);
}

TYPED_TEST(PerceiverPooling, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Shape const whole{7, 3, 5, 20, 4, 6, 2, true, true, false};
  auto const line = random_values(whole.inputs(), 6, 0.5);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {7, 2, 1}) {
      Shape s  = whole;
      s.images = batch;
      std::vector<double> part(line.begin(), line.begin() + batch * 15);
      part.insert(part.end(), line.begin() + 7 * 15, line.begin() + 7 * 15 + batch * 80);
      part.insert(part.end(), line.begin() + 7 * 95, line.end());
      Arrays<Scalar, Layout, Exec> const arrays(s, part);
      TestArray<Scalar, 3, Layout, Exec> const output({batch, 3, 5});
      explain::perceiver_pooling(exec, arrays.latents.view(), arrays.context.view(), arrays.weights(), arrays.kept(), output.view(),
                                 {.heads = 2, .append_queries = true});
      auto const got = output.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(PerceiverPooling, behaves_and_clears_the_weights_gradients_of_no_image) {
  using Exec = typename TypeParam::Exec;
  Shape const s{2, 2, 4, 6, 3, 4, 2, true, true, true};
  Arrays<float, Kokkos::LayoutRight, Exec> const arrays(s, random_values(s.inputs(), 7)), gradients(s);
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const output({2, 2, 4}, random_values(16));
  Exec const exec;
  auto const l = arrays.latents.view(), c = arrays.context.view(), o = output.view(), gl = gradients.latents.view(), gc = gradients.context.view();
  auto const m       = arrays.kept();
  auto const weights = arrays.weights(), slopes = gradients.weights();
  explain::PerceiverPoolingOptions const options{.heads = 2, .append_queries = true};
  WorkspaceFor<Exec> backward(exec, explain::perceiver_pooling_backward_workspace_size(exec, l, c, weights, m, o, gl, gc, slopes, options));
  explain::perceiver_pooling_backward(exec, l, c, weights, m, o, gl, gc, slopes, options, backward);  // thread scratch grows on the first launch
  expect_good_manners(record([&] { explain::perceiver_pooling_backward(exec, l, c, weights, m, o, gl, gc, slopes, options, backward); }));
  WorkspaceFor<Exec> workspace(exec, explain::perceiver_pooling_workspace_size(exec, l, c, weights, m, o, options));
  expect_good_manners(record([&] { explain::perceiver_pooling(exec, l, c, weights, m, o, options, workspace); }));
  EXPECT_EQ(workspace.used() + backward.used(), 0u);
  exec.fence();
  Shape nothing  = s;
  nothing.images = 0;
  Arrays<float, Kokkos::LayoutRight, Exec> const empty(nothing), cleared(nothing);
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const no_output({0, 2, 4});
  explain::perceiver_pooling_backward(exec, empty.latents.view(), empty.context.view(), arrays.weights(), none, no_output.view(), cleared.latents.view(),
                                      cleared.context.view(), cleared.weights(), options);
  for (double const value : cleared.line()) EXPECT_EQ(value, 0.0);
}

TEST(PerceiverPooling, names_what_does_not_fit) {
  using Matrix = HostTensor<float**>;
  using Vector = HostTensor<float*>;
  HostTensor<float***> const latents("latents", 2, 3, 4), context("context", 2, 5, 6), other("context", 1, 5, 6), narrow("context", 2, 5, 5);
  Matrix const q("q", 6, 4), kv("kv", 12, 6), thin("kv", 12, 5), out("out", 4, 6);
  Vector const norm("norm", 4), longer("norm", 5);
  HostTensor<bool**> const mask("mask", 2, 4);
  Kokkos::Serial const exec;
  using Weights = explain::PerceiverWeights<Matrix, Vector>;
  Weights const good{norm, norm, q, kv, out}, bad_kv{norm, norm, q, thin, out}, bad_norm{longer, norm, q, kv, out}, direct{norm, norm, q, {}, out},
      bad_out{norm, norm, q, kv, q};
  auto const call = [&](auto const& weights, auto const& c, auto const& m, std::int64_t heads) {
    return refusal([&] { explain::perceiver_pooling(exec, latents, c, weights, m, latents, {.heads = heads}); });
  };
  EXPECT_EQ(call(good, context, none, 4), "ocellus::explain::perceiver_pooling: q_weight.extent(0) is 6, not a positive multiple of heads, which is 4");
  EXPECT_EQ(call(good, context, none, 0), "ocellus::explain::perceiver_pooling: heads is 0 but must be positive");
  EXPECT_EQ(call(good, other, none, 2), "ocellus::explain::perceiver_pooling: context.extent(0) is 1 but latents.extent(0) is 2");
  EXPECT_EQ(call(bad_kv, context, none, 2), "ocellus::explain::perceiver_pooling: kv_weight.extent(1) is 5 but context.extent(2) is 6");
  EXPECT_EQ(call(bad_norm, context, none, 2), "ocellus::explain::perceiver_pooling: norm_weight.extent(0) is 5 but latents.extent(2) is 4");
  EXPECT_EQ(call(bad_out, context, none, 2), "ocellus::explain::perceiver_pooling: out_weight.extent(0) is 6 but latents.extent(2) is 4");
  EXPECT_EQ(call(direct, narrow, none, 2), "ocellus::explain::perceiver_pooling: context.extent(2) is 5 but q_weight.extent(0) (without kv_weight) is 6");
  EXPECT_EQ(call(good, context, mask, 2), "ocellus::explain::perceiver_pooling: mask.extent(1) is 4 but context.extent(1) is 5");
  EXPECT_EQ(refusal([&] { explain::perceiver_pooling_backward(exec, latents, context, good, none, latents, latents, narrow, good, {.heads = 2}); }),
            "ocellus::explain::perceiver_pooling_backward: context_gradient.extent(2) is 5 but context.extent(2) is 6");
}

}  // namespace
}  // namespace ocellus::test
