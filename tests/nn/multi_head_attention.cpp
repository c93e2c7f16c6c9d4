// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/multi_head_attention.hpp>

#include "reference/multi_head_attention.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using reference::AttentionShape;

/// The arrays of one problem.
struct Problem {
  AttentionShape shape;
  std::vector<double> query, key, value;

  explicit Problem(AttentionShape const& s) : shape(s) {
    auto const count = [](std::int64_t a, std::int64_t b, std::int64_t c, std::int64_t d) { return static_cast<std::size_t>(a * b * c * d); };
    query            = random_values(count(s.batch, s.heads, s.queries, s.width), 1);
    key              = random_values(count(s.batch, s.heads, s.keys, s.width), 2);
    value            = random_values(count(s.batch, s.heads, s.keys, s.value_width), 3);
  }
  [[nodiscard]] std::array<std::int64_t, 4> query_extents() const { return {shape.batch, shape.heads, shape.queries, shape.width}; }
  [[nodiscard]] std::array<std::int64_t, 4> key_extents() const { return {shape.batch, shape.heads, shape.keys, shape.width}; }
  [[nodiscard]] std::array<std::int64_t, 4> value_extents() const { return {shape.batch, shape.heads, shape.keys, shape.value_width}; }
  [[nodiscard]] std::array<std::int64_t, 4> output_extents() const { return {shape.batch, shape.heads, shape.queries, shape.value_width}; }
  [[nodiscard]] std::array<std::int64_t, 3> row_extents() const { return {shape.batch, shape.heads, shape.queries}; }
};

constexpr auto all  = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return true; };
constexpr auto zero = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) { return 0.0; };

/// Scores of random problems stay below 8 in absolute value after scaling; values below 5.
double stated_bound(AttentionShape const& s) { return (static_cast<double>(s.width + s.keys) + 16) * 9 * 5; }

/// The kernel that devices run.
template <class Exec, class Heads, class Mask, class KeyMask, class Rows>
void portable(Exec const& exec, Heads const& query, Heads const& key, Heads const& value, Mask const& mask, KeyMask const& key_mask, Heads const& output,
              Rows const& log_sum_exp, nn::MultiHeadAttentionOptions const& options = {}) {
  using Real = accumulate_of_t<typename Heads::View>;
  nn::detail::launch_attention_rows(exec, nn::detail::attention_inputs<Real>(query.view(), key.view(), value.view(), mask, key_mask, options),
                                    strided4(output.view()), log_sum_exp.view());
  exec.fence();
}

template <class C>
class MultiHeadAttention : public ::testing::Test {};
TYPED_TEST_SUITE(MultiHeadAttention, Configurations);

TYPED_TEST(MultiHeadAttention, agrees_with_the_whole_matrix_of_scores_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (AttentionShape const& s : {AttentionShape{1, 1, 1, 1, 1, 1}, AttentionShape{2, 3, 5, 63, 20, 20}, AttentionShape{1, 2, 3, 64, 16, 7},
                                  AttentionShape{1, 2, 4, 65, 80, 33}, AttentionShape{2, 1, 2, 131, 5, 512}, AttentionShape{1, 1, 2, 3, 512, 1},
                                  AttentionShape{1, 2, 47, 96, 15, 16}, AttentionShape{1, 1, 49, 97, 17, 31}, AttentionShape{1, 1, 97, 200, 64, 64}}) {
    SCOPED_TRACE(::testing::Message() << s.queries << " x " << s.keys << ", head " << s.width << ", " << s.value_width);
    Problem const p(s);
    TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
        output(p.output_extents());
    TestArray<Scalar, 3, Layout, Exec> const log_sum_exp(p.row_extents());
    Exec const exec;
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, none, output.view(), log_sum_exp.view());
    exec.fence();
    auto const want = reference::multi_head_attention(s, p.query, p.key, p.value, 1 / std::sqrt(static_cast<double>(s.width)), all, zero);
    expect_within(output.values(), want.output, machine_epsilon<Scalar>(), stated_bound(s));
    expect_within(log_sum_exp.values(), want.log_sum_exp, machine_epsilon<Scalar>(), stated_bound(s));
    EXPECT_TRUE(output.guards_intact());
    EXPECT_TRUE(log_sum_exp.guards_intact());
    portable(exec, query, key, value, none, none, output, log_sum_exp);
    expect_within(output.values(), want.output, machine_epsilon<Scalar>(), stated_bound(s));
    expect_within(log_sum_exp.values(), want.log_sum_exp, machine_epsilon<Scalar>(), stated_bound(s));
    EXPECT_TRUE(output.guards_intact());
  }
}

TYPED_TEST(MultiHeadAttention, applies_all_masks_together_and_gives_zeros_where_nothing_is_kept) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  AttentionShape const s{2, 2, 53, 130, 8, 3};
  Problem const p(s);
  auto const mask_value = [](std::int64_t h, std::int64_t n, std::int64_t m) { return (h + 2 * n + 3 * m) % 5 != 0; };
  auto const key_value  = [](std::int64_t b, std::int64_t m) { return b == 0 || m % 7 != 3; };
  for (std::int64_t const offset : {std::int64_t{0}, std::int64_t{-4}, std::int64_t{61}}) {
    SCOPED_TRACE(offset);
    std::vector<double> mask_values, key_values;
    for (std::int64_t h = 0; h < s.heads; ++h) {
      for (std::int64_t n = 0; n < s.queries; ++n) {
        for (std::int64_t m = 0; m < s.keys; ++m) mask_values.push_back(mask_value(h, n, m) ? 1 : 0);
      }
    }
    for (std::int64_t b = 0; b < s.batch; ++b) {
      for (std::int64_t m = 0; m < s.keys; ++m) key_values.push_back(key_value(b, m) ? 1 : 0);
    }
    TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
        output(p.output_extents());
    TestArray<Scalar, 3, Layout, Exec> const log_sum_exp(p.row_extents());
    TestArray<bool, 4, Layout, Exec> const mask({1, s.heads, s.queries, s.keys}, mask_values);
    TestArray<bool, 2, Layout, Exec> const key_mask({s.batch, s.keys}, key_values);
    Exec const exec;
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), mask.view(), key_mask.view(), output.view(), log_sum_exp.view(),
                             {.scale = -0.5, .causal = true, .causal_offset = offset});
    exec.fence();
    auto const want = reference::multi_head_attention(
        s, p.query, p.key, p.value, -0.5, [&](auto b, auto h, auto n, auto m) { return mask_value(h, n, m) && key_value(b, m) && m <= n + offset; }, zero);
    expect_within(output.values(), want.output, machine_epsilon<Scalar>(), stated_bound(s));
    expect_within(log_sum_exp.values(), want.log_sum_exp, machine_epsilon<Scalar>(), stated_bound(s));
    portable(exec, query, key, value, mask.view(), key_mask.view(), output, log_sum_exp, {.scale = -0.5, .causal = true, .causal_offset = offset});
    expect_within(output.values(), want.output, machine_epsilon<Scalar>(), stated_bound(s));
    expect_within(log_sum_exp.values(), want.log_sum_exp, machine_epsilon<Scalar>(), stated_bound(s));
  }
}

TYPED_TEST(MultiHeadAttention, adds_a_real_mask_whose_infinity_masks_and_whose_lowest_number_does_not) {
  using Scalar          = typename TypeParam::Scalar;
  using Layout          = typename TypeParam::Layout;
  using Exec            = typename TypeParam::Exec;
  double const infinity = std::numeric_limits<double>::infinity(), lowest = std::numeric_limits<float>::lowest();
  TestArray<Scalar, 4, Layout, Exec> const query({1, 1, 3, 1}, {0, 0, 0}), key({1, 1, 2, 1}, {1, 2}), value({1, 1, 2, 1}, {3, 5}), output({1, 1, 3, 1}),
      mask({1, 1, 3, 2}, {-infinity, 0, lowest, lowest, -infinity, -infinity});
  TestArray<Scalar, 3, Layout, Exec> const log_sum_exp({1, 1, 3});
  Exec const exec;
  nn::multi_head_attention(exec, query.view(), key.view(), value.view(), mask.view(), none, output.view(), log_sum_exp.view());
  exec.fence();
  expect_within(output.values(), {5, 4, 0}, machine_epsilon<Scalar>(), 16);
  expect_within(log_sum_exp.values(), {0, lowest, -infinity}, {1e-6, 1e-6 * -lowest, 1}, 1);
}

TYPED_TEST(MultiHeadAttention, keeps_what_stands_behind_a_mask_out_and_spoils_only_the_query_that_holds_a_nan) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  TestArray<Scalar, 4, Layout, Exec> const query({1, 1, 3, 2}, {1, 0, nan, 0, 0, 1}), key({1, 1, 3, 2}, {1, 1, nan, infinity, 1, 1}),
      value({1, 1, 3, 2}, {2, 4, nan, infinity, 4, 8}), output({1, 1, 3, 2});
  TestArray<bool, 2, Layout, Exec> const key_mask({1, 3}, {1, 0, 1});
  Exec const exec;
  nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, key_mask.view(), output.view(), none);
  exec.fence();
  expect_within(output.values(), {3, 6, nan, nan, 3, 6}, machine_epsilon<Scalar>(), 16);
}

TYPED_TEST(MultiHeadAttention, passes_a_nan_of_a_value_whose_weight_underflows) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 4, Layout, Exec> const query({1, 1, 1, 1}, {1}), key({1, 1, 2, 1}, {0, -5000}), value({1, 1, 2, 1}, {2, nan}), output({1, 1, 1, 1});
  Exec const exec;
  nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, none, output.view(), none);
  exec.fence();
  EXPECT_TRUE(std::isnan(output.values()[0]));
}

TYPED_TEST(MultiHeadAttention, takes_masks_that_repeat_along_any_axis) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  AttentionShape const s{2, 2, 50, 101, 4, 3};
  Problem const p(s);
  TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
      output(p.output_extents());
  Exec const exec;
  for (int repeated = 0; repeated < 16; ++repeated) {
    SCOPED_TRACE(repeated);
    std::array<std::int64_t, 4> extents{s.batch, s.heads, s.queries, s.keys};
    for (int axis = 0; axis < 4; ++axis) {
      if ((repeated >> axis & 1) != 0) extents[static_cast<std::size_t>(axis)] = 1;
    }
    auto const at = [&](std::int64_t b, std::int64_t h, std::int64_t n, std::int64_t m) {
      return static_cast<std::size_t>(((b % extents[0] * extents[1] + h % extents[1]) * extents[2] + n % extents[2]) * extents[3] + m % extents[3]);
    };
    auto const added = random_values(static_cast<std::size_t>(extents[0] * extents[1] * extents[2] * extents[3]), 9);
    std::vector<double> kept;
    for (double const x : added) kept.push_back(x > -0.5 ? 1 : 0);
    TestArray<Scalar, 4, Layout, Exec> const real(extents, added);
    TestArray<bool, 4, Layout, Exec> const boolean(extents, kept);
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), real.view(), none, output.view(), none);
    exec.fence();
    auto const want =
        reference::multi_head_attention(s, p.query, p.key, p.value, 0.5, all, [&](auto b, auto h, auto n, auto m) { return added[at(b, h, n, m)]; });
    expect_within(output.values(), want.output, machine_epsilon<Scalar>(), stated_bound(s));
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), boolean.view(), none, output.view(), none);
    exec.fence();
    auto const wanted = reference::multi_head_attention(
        s, p.query, p.key, p.value, 0.5, [&](auto b, auto h, auto n, auto m) { return kept[at(b, h, n, m)] != 0; }, zero);
    expect_within(output.values(), wanted.output, machine_epsilon<Scalar>(), stated_bound(s));
  }
}

TYPED_TEST(MultiHeadAttention, a_value_that_is_not_finite_reaches_those_queries_only_that_keep_it) {
  using Scalar          = typename TypeParam::Scalar;
  using Layout          = typename TypeParam::Layout;
  using Exec            = typename TypeParam::Exec;
  double const infinity = std::numeric_limits<double>::infinity();
  AttentionShape const s{1, 1, 67, 140, 4, 5};
  Problem const p(s);
  std::vector<double> kept;
  for (std::int64_t n = 0; n < s.queries; ++n) {
    for (std::int64_t m = 0; m < s.keys; ++m) kept.push_back((m == 3 || m == 120) && n % 2 == 0 ? 0 : 1);
  }
  auto spoiled = p.value;
  for (std::int64_t const m : {3, 120}) {
    for (std::int64_t e = 0; e < s.value_width; ++e) spoiled[static_cast<std::size_t>(m * s.value_width + e)] = infinity;
  }
  TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), spoiled),
      clean(p.value_extents(), p.value), output(p.output_extents());
  TestArray<bool, 4, Layout, Exec> const mask({1, 1, s.queries, s.keys}, kept);
  Exec const exec;
  nn::multi_head_attention(exec, query.view(), key.view(), value.view(), mask.view(), none, output.view(), none);
  exec.fence();
  auto const got = output.values();
  nn::multi_head_attention(exec, query.view(), key.view(), clean.view(), mask.view(), none, output.view(), none);
  exec.fence();
  auto const want = output.values();
  for (std::size_t i = 0; i < got.size(); ++i) {
    bool const keeps = i / static_cast<std::size_t>(s.value_width) % 2 == 1;
    EXPECT_TRUE(keeps ? got[i] == infinity : got[i] == want[i]) << "element " << i << ": " << got[i] << ", clean " << want[i];
  }
}

TYPED_TEST(MultiHeadAttention, a_query_has_the_same_bits_wherever_it_stands) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  AttentionShape const s{1, 1, 131, 210, 20, 9};
  Problem const p(s);
  TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
      output(p.output_extents());
  Exec const exec;
  for (bool const causal : {false, true}) {
    nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, none, output.view(), none, {.causal = causal, .causal_offset = 40});
    exec.fence();
    auto const whole = output.values();
    for (std::int64_t const n : {0, 1, 15, 16, 40, 47, 48, 100, 130}) {
      TestArray<Scalar, 4, Layout, Exec> const one({1, 1, 1, 20}, {p.query.begin() + n * 20, p.query.begin() + (n + 1) * 20}), alone({1, 1, 1, 9});
      nn::multi_head_attention(exec, one.view(), key.view(), value.view(), none, none, alone.view(), none, {.causal = causal, .causal_offset = 40 + n});
      exec.fence();
      expect_same_bits(alone.values(), {whole.begin() + n * 9, whole.begin() + (n + 1) * 9});
    }
  }
}

TYPED_TEST(MultiHeadAttention, gives_zeros_without_keys) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 4, Layout, Exec> const query({1, 1, 2, 1}, {1, 2}), key({1, 1, 0, 1}), value({1, 1, 0, 2}), output({1, 1, 2, 2});
  Exec const exec;
  nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, none, output.view(), none);
  exec.fence();
  expect_same_bits(output.values(), {0, 0, 0, 0});
}

TYPED_TEST(MultiHeadAttention, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Problem const whole(AttentionShape{64, 2, 3, 67, 9, 4});
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      Problem p(AttentionShape{batch, 2, 3, 67, 9, 4});
      auto const cut = [&](std::vector<double> const& from, std::vector<double>& to) {
        to.assign(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(to.size()));
      };
      cut(whole.query, p.query), cut(whole.key, p.key), cut(whole.value, p.value);
      TestArray<Scalar, 4, Layout, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
          output(p.output_extents());
      nn::multi_head_attention(exec, query.view(), key.view(), value.view(), none, none, output.view(), none);
      exec.fence();
      auto const got = output.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(MultiHeadAttention, behaves) {
  using Exec = typename TypeParam::Exec;
  Problem const p(AttentionShape{2, 2, 3, 5, 4, 4});
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const query(p.query_extents(), p.query), key(p.key_extents(), p.key), value(p.value_extents(), p.value),
      output(p.output_extents());
  Exec const exec;
  auto const q = query.view(), k = key.view(), v = value.view(), o = output.view();
  nn::multi_head_attention(exec, q, k, v, none, none, o, none);  // thread scratch is Kokkos' own and grows on the first launch
  expect_good_manners(record([&] { nn::multi_head_attention(exec, q, k, v, none, none, o, none); }));
  exec.fence();
}

TEST(MultiHeadAttention, names_what_does_not_fit) {
  HostTensor<float****> const query("query", 2, 3, 4, 8), key("key", 2, 3, 5, 8), value("value", 2, 3, 5, 6), output("output", 2, 3, 4, 6),
      narrow("narrow", 2, 3, 5, 4), short_value("value", 2, 3, 4, 6), empty("empty", 2, 3, 4, 0), no_width("empty", 2, 3, 5, 0);
  HostTensor<bool****> const mask("mask", 2, 2, 1, 1);
  HostTensor<bool**> const key_mask("key_mask", 2, 4);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& q, auto const& k, auto const& v, auto const& m, auto const& km, auto const& o) {
    return refusal([&] { nn::multi_head_attention(exec, q, k, v, m, km, o, none); });
  };
  EXPECT_EQ(call(query, narrow, value, none, none, output), "ocellus::nn::multi_head_attention: query.extent(3) (head dim) is 8 but key.extent(3) is 4");
  EXPECT_EQ(call(query, key, short_value, none, none, output), "ocellus::nn::multi_head_attention: value.extent(2) is 4 but key.extent(2) (keys) is 5");
  EXPECT_EQ(call(query, key, value, mask, none, output), "ocellus::nn::multi_head_attention: mask.extent(1) is 2, neither 1 nor query.extent(1), which is 3");
  EXPECT_EQ(call(query, key, value, none, key_mask, output), "ocellus::nn::multi_head_attention: key_mask.extent(1) is 4 but key.extent(2) is 5");
  EXPECT_EQ(call(query, key, value, none, none, query), "ocellus::nn::multi_head_attention: output.extent(3) is 8 but value.extent(3) is 6");
  EXPECT_EQ(call(empty, no_width, value, none, none, output), "ocellus::nn::multi_head_attention: query.extent(3) (head dim) is 0");
}

}  // namespace
}  // namespace ocellus::test
