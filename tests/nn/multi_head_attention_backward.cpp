// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/multi_head_attention.hpp>

#include "reference/multi_head_attention.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using reference::AttentionShape;

/// One problem on the device: inputs, what the forward pass gives, gradients.
template <class Scalar, class Layout, class Exec>
struct Problem {
  using Heads = TestArray<Scalar, 4, Layout, Exec>;

  AttentionShape s;
  std::vector<double> q, k, v, g;
  Heads query, key, value, output_gradient, output, query_gradient, key_gradient, value_gradient;
  TestArray<Scalar, 3, Layout, Exec> log_sum_exp;

  /// `whole`: values for a larger batch, of which the first items are taken.
  explicit Problem(AttentionShape const& shape, std::int64_t seed_batch = 0)
      : s(shape),
        q(cut(shape.queries * shape.width, 1, seed_batch)),
        k(cut(shape.keys * shape.width, 2, seed_batch)),
        v(cut(shape.keys * shape.value_width, 3, seed_batch)),
        g(cut(shape.queries * shape.value_width, 4, seed_batch)),
        query({s.batch, s.heads, s.queries, s.width}, q),
        key({s.batch, s.heads, s.keys, s.width}, k),
        value({s.batch, s.heads, s.keys, s.value_width}, v),
        output_gradient({s.batch, s.heads, s.queries, s.value_width}, g),
        output({s.batch, s.heads, s.queries, s.value_width}),
        query_gradient({s.batch, s.heads, s.queries, s.width}),
        key_gradient({s.batch, s.heads, s.keys, s.width}),
        value_gradient({s.batch, s.heads, s.keys, s.value_width}),
        log_sum_exp({s.batch, s.heads, s.queries}) {}

  std::vector<double> cut(std::int64_t size, std::uint32_t sample, std::int64_t seed_batch) const {
    auto values = random_values(static_cast<std::size_t>(std::max(seed_batch, s.batch) * s.heads * size), sample);
    values.resize(static_cast<std::size_t>(s.batch * s.heads * size));
    return values;
  }

  template <class Mask, class KeyMask>
  void run(Exec const& exec, Mask const& mask, KeyMask const& key_mask, nn::MultiHeadAttentionOptions const& options = {}) const {
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), mask, key_mask, output.view(), log_sum_exp.view(), options);
    nn::multi_head_attention_backward(exec, output_gradient.view(), query.view(), key.view(), value.view(), mask, key_mask, output.view(), log_sum_exp.view(),
                                      query_gradient.view(), key_gradient.view(), value_gradient.view(), options);
  }
  /// The kernels that devices run.
  template <class Mask, class KeyMask>
  void run_portable(Exec const& exec, Mask const& mask, KeyMask const& key_mask, nn::MultiHeadAttentionOptions const& options = {}) const {
    using Real = accumulate_t<Scalar>;
    Tensor<Real***, typename Exec::memory_space> const delta("delta", log_sum_exp.view().extent(0), log_sum_exp.view().extent(1), log_sum_exp.view().extent(2));
    auto const inputs = nn::detail::attention_inputs<Real>(query.view(), key.view(), value.view(), mask, key_mask, options);
    nn::detail::launch_attention_backward_rows(
        exec, nn::detail::attention_backward(inputs, output_gradient.view(), output.view(), log_sum_exp.view(), delta, query_gradient.view(),
                                             key_gradient.view(), value_gradient.view(), options.accumulate));
    exec.fence();
  }
  [[nodiscard]] Arrays gradients() const { return {query_gradient.values(), key_gradient.values(), value_gradient.values()}; }
};

constexpr auto all  = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return true; };
constexpr auto zero = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return 0.0; };

template <class C>
class MultiHeadAttentionBackward : public ::testing::Test {};
TYPED_TEST_SUITE(MultiHeadAttentionBackward, Configurations);

TYPED_TEST(MultiHeadAttentionBackward, is_the_transpose_of_the_derivative_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (AttentionShape const& s : {AttentionShape{1, 1, 1, 1, 1, 1}, AttentionShape{2, 3, 5, 63, 20, 20}, AttentionShape{1, 2, 33, 64, 16, 7},
                                  AttentionShape{1, 2, 67, 65, 5, 33}, AttentionShape{2, 1, 2, 131, 65, 3}, AttentionShape{1, 1, 130, 3, 17, 64}}) {
    SCOPED_TRACE(::testing::Message() << s.queries << " x " << s.keys << ", head " << s.width << ", " << s.value_width);
    Problem<Scalar, Layout, Exec> const p(s);
    Exec const exec;
    double const scale = 1 / std::sqrt(static_cast<double>(s.width));
    p.run(exec, none, none);
    EXPECT_TRUE(p.query_gradient.guards_intact() && p.key_gradient.guards_intact() && p.value_gradient.guards_intact());
    expect_adjoint([&](DualArrays const& in) { return reference::multi_head_attention(s, in[0], in[1], in[2], scale, all, zero).output; }, {p.q, p.k, p.v}, p.g,
                   p.gradients(), adjoint_tolerance<Scalar>);
    p.run_portable(exec, none, none);
    EXPECT_TRUE(p.query_gradient.guards_intact() && p.key_gradient.guards_intact() && p.value_gradient.guards_intact());
    expect_adjoint([&](DualArrays const& in) { return reference::multi_head_attention(s, in[0], in[1], in[2], scale, all, zero).output; }, {p.q, p.k, p.v}, p.g,
                   p.gradients(), adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) {
      expect_central_differences(
          [&](Arrays const& in) {
            Problem<Scalar, Layout, Exec> at(s);
            at.query.assign(in[0]), at.key.assign(in[1]), at.value.assign(in[2]);
            nn::multi_head_attention(exec, at.query.view(), at.key.view(), at.value.view(), none, none, at.output.view(), none);
            exec.fence();
            return at.output.values();
          },
          {p.q, p.k, p.v}, p.g, p.gradients());
    }
  }
}

TYPED_TEST(MultiHeadAttentionBackward, keeps_out_what_is_masked_in_every_way_at_once) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  AttentionShape const s{2, 2, 69, 70, 8, 3};
  double const nan      = std::numeric_limits<double>::quiet_NaN();
  auto const mask_value = [](std::int64_t h, std::int64_t n, std::int64_t m) { return (h + 2 * n + 3 * m) % 5 != 0; };
  auto const key_value  = [](std::int64_t b, std::int64_t m) { return b == 0 || m % 7 != 3; };
  std::vector<double> mask_values, key_values, added_values;
  for (std::int64_t h = 0; h < s.heads; ++h) {
    for (std::int64_t n = 0; n < s.queries; ++n) {
      for (std::int64_t m = 0; m < s.keys; ++m) {
        mask_values.push_back(mask_value(h, n, m) ? 1 : 0);
        added_values.push_back(mask_value(h, n, m) ? 0.25 * static_cast<double>((n + m) % 4) : -std::numeric_limits<double>::infinity());
      }
    }
  }
  for (std::int64_t b = 0; b < s.batch; ++b) {
    for (std::int64_t m = 0; m < s.keys; ++m) key_values.push_back(key_value(b, m) ? 1 : 0);
  }
  TestArray<bool, 4, Layout, Exec> const mask({1, s.heads, s.queries, s.keys}, mask_values);
  TestArray<Scalar, 4, Layout, Exec> const added({1, s.heads, s.queries, s.keys}, added_values);
  TestArray<bool, 2, Layout, Exec> const key_mask({s.batch, s.keys}, key_values);
  for (std::int64_t const offset : {std::int64_t{0}, std::int64_t{-4}, std::int64_t{61}}) {
    for (bool const real : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "offset " << offset << (real ? ", real" : ", boolean"));
      Problem<Scalar, Layout, Exec> p(s);
      Exec const exec;
      nn::MultiHeadAttentionOptions const options{.scale = -0.5, .causal = true, .causal_offset = offset};
      auto const keep = [&](auto b, auto h, auto n, auto m) { return mask_value(h, n, m) && key_value(b, m) && m <= n + offset; };
      auto const adds = [&](auto, auto, auto n, auto m) { return real ? 0.25 * static_cast<double>((n + m) % 4) : 0.0; };
      auto const run  = [&] { real ? p.run(exec, added.view(), key_mask.view(), options) : p.run(exec, mask.view(), key_mask.view(), options); };
      run();
      auto const clean = p.gradients();
      expect_adjoint([&](DualArrays const& in) { return reference::multi_head_attention(s, in[0], in[1], in[2], -0.5, keep, adds).output; }, {p.q, p.k, p.v},
                     p.g, clean, adjoint_tolerance<Scalar>);
      // Keys that no query of an item keeps hold NaN: nothing changes, and their own gradients are zero.
      auto k = p.k, v = p.v;
      for (std::int64_t h = 0; h < s.heads; ++h) {
        for (std::int64_t m = 3; m < s.keys; m += 7) {
          for (std::int64_t d = 0; d < s.width; ++d) k[static_cast<std::size_t>(((s.heads + h) * s.keys + m) * s.width + d)] = nan;
          for (std::int64_t e = 0; e < s.value_width; ++e) v[static_cast<std::size_t>(((s.heads + h) * s.keys + m) * s.value_width + e)] = nan;
        }
      }
      p.key.assign(k), p.value.assign(v);
      run();
      auto const spoiled = p.gradients();
      for (std::size_t i = 0; i < 3; ++i) expect_same_bits(spoiled[i], clean[i]);
      EXPECT_EQ(spoiled[1][static_cast<std::size_t>((s.heads * s.keys + 3) * s.width)], 0.0);
      real ? p.run_portable(exec, added.view(), key_mask.view(), options) : p.run_portable(exec, mask.view(), key_mask.view(), options);
      expect_adjoint([&](DualArrays const& in) { return reference::multi_head_attention(s, in[0], in[1], in[2], -0.5, keep, adds).output; }, {p.q, p.k, p.v},
                     p.g, p.gradients(), adjoint_tolerance<Scalar>);
    }
  }
}

TYPED_TEST(MultiHeadAttentionBackward, spoils_the_gradient_of_the_query_that_holds_a_nan_and_adds_to_what_is_there) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Problem<Scalar, Layout, Exec> p(AttentionShape{2, 1, 20, 30, 4, 3});
  Exec const exec;
  p.run(exec, none, none);
  auto const clean = p.gradients();
  nn::multi_head_attention_backward(exec, p.output_gradient.view(), p.query.view(), p.key.view(), p.value.view(), none, none, p.output.view(),
                                    p.log_sum_exp.view(), p.query_gradient.view(), p.key_gradient.view(), p.value_gradient.view(), {.accumulate = true});
  auto const twice = p.gradients();
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t e = 0; e < clean[i].size(); ++e) EXPECT_EQ(twice[i][e], 2 * clean[i][e]);
  }
  auto q = p.q;
  q[0]   = nan;
  p.query.assign(q);
  p.run(exec, none, none);
  auto const spoiled = p.gradients();
  for (std::size_t e = 0; e < clean[0].size(); ++e) EXPECT_TRUE(e < 4 ? std::isnan(spoiled[0][e]) : spoiled[0][e] == clean[0][e]) << e;
  for (std::size_t i = 1; i < 3; ++i) {
    for (std::size_t e = 0; e < clean[i].size(); ++e) EXPECT_TRUE(e < clean[i].size() / 2 ? std::isnan(spoiled[i][e]) : spoiled[i][e] == clean[i][e]) << e;
  }
}

TYPED_TEST(MultiHeadAttentionBackward, gives_zeros_without_queries_and_touches_nothing_without_keys) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  Problem<Scalar, Layout, Exec> const no_queries(AttentionShape{1, 2, 0, 3, 4, 2}), no_keys(AttentionShape{1, 2, 3, 0, 4, 2});
  no_queries.run(exec, none, none);
  expect_same_bits(no_queries.key_gradient.values(), std::vector<double>(24, 0.0));
  expect_same_bits(no_queries.value_gradient.values(), std::vector<double>(12, 0.0));
  no_keys.run(exec, none, none);
  expect_same_bits(no_keys.query_gradient.values(), std::vector<double>(24, 0.0));
}

TYPED_TEST(MultiHeadAttentionBackward, same_bits_whatever_the_batch_the_thread_count_and_what_else_is_wanted) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Arrays first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      Problem<Scalar, Layout, Exec> const p(AttentionShape{batch, 2, 19, 67, 9, 4}, 64);
      p.run(exec, none, none);
      auto const got = p.gradients();
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < 3; ++i) expect_same_bits(got[i], {first[i].begin(), first[i].begin() + static_cast<std::ptrdiff_t>(got[i].size())});
      if (batch != 2) continue;
      auto const only = [&](auto const& dq, auto const& dk, auto const& dv) {
        nn::multi_head_attention_backward(exec, p.output_gradient.view(), p.query.view(), p.key.view(), p.value.view(), none, none, p.output.view(),
                                          p.log_sum_exp.view(), dq, dk, dv);
      };
      only(p.query_gradient.view(), none, none), only(none, p.key_gradient.view(), none), only(none, none, p.value_gradient.view());
      auto const alone = p.gradients();
      for (std::size_t i = 0; i < 3; ++i) expect_same_bits(alone[i], got[i]);
    }
  });
}

TYPED_TEST(MultiHeadAttentionBackward, behaves_with_a_workspace_and_says_when_it_is_too_small) {
  using Exec = typename TypeParam::Exec;
  Problem<float, Kokkos::LayoutRight, Exec> const p(AttentionShape{2, 2, 3, 5, 4, 4});
  Exec const exec;
  p.run(exec, none, none);  // thread scratch is Kokkos' own and grows on the first launch
  auto const g = p.output_gradient.view(), q = p.query.view(), k = p.key.view(), v = p.value.view(), o = p.output.view(), dq = p.query_gradient.view(),
             dk = p.key_gradient.view(), dv = p.value_gradient.view();
  auto const lse = p.log_sum_exp.view();
  WorkspaceFor<Exec> workspace(exec, nn::multi_head_attention_backward_workspace_size(exec, q)), empty;
  auto const call = [&](auto& space) { nn::multi_head_attention_backward(exec, g, q, k, v, none, none, o, lse, dq, dk, dv, {}, space); };
  expect_good_manners(record([&] { call(workspace); }));
  exec.fence();
  EXPECT_NE(refusal([&] { call(empty); }).find("ocellus::nn::multi_head_attention_backward: the workspace is too small"), std::string::npos);
}

TEST(MultiHeadAttentionBackward, names_what_does_not_fit) {
  HostTensor<float****> const query("query", 2, 3, 4, 8), key("key", 2, 3, 5, 8), value("value", 2, 3, 5, 6), output("output", 2, 3, 4, 6),
      narrow("narrow", 2, 3, 5, 4), tall("tall", 2, 3, 7, 6);
  HostTensor<float***> const rows("rows", 2, 3, 4), short_rows("rows", 2, 3, 3);
  HostTensor<bool****> const mask("mask", 2, 2, 1, 1);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& g, auto const& k, auto const& m, auto const& lse, auto const& dq, auto const& dk) {
    return refusal([&] { nn::multi_head_attention_backward(exec, g, query, k, value, m, none, output, lse, dq, dk, none); });
  };
  std::string const function = "ocellus::nn::multi_head_attention_backward: ";
  EXPECT_EQ(call(output, narrow, none, rows, query, key), function + "query.extent(3) (head dim) is 8 but key.extent(3) is 4");
  EXPECT_EQ(call(output, key, mask, rows, query, key), function + "mask.extent(1) is 2, neither 1 nor query.extent(1), which is 3");
  EXPECT_EQ(call(tall, key, none, rows, query, key), function + "output_gradient.extent(2) is 7 but query.extent(2) is 4");
  EXPECT_EQ(call(query, key, none, rows, query, key), function + "output_gradient.extent(3) is 8 but value.extent(3) is 6");
  EXPECT_EQ(call(output, key, none, short_rows, query, key), function + "log_sum_exp.extent(2) is 3 but query.extent(2) is 4");
  EXPECT_EQ(call(output, key, none, rows, output, key), function + "query_gradient.extent(3) is 6 but query.extent(3) is 8");
  EXPECT_EQ(call(output, key, none, rows, query, value), function + "key_gradient.extent(3) is 6 but key.extent(3) is 8");
}

}  // namespace
}  // namespace ocellus::test
