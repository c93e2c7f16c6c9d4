// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/window_attention.hpp>

#include "reference/window_attention.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using Three = std::array<std::int64_t, 3>;

reference::WindowAttention problem(Three size, Three window, Three shift, std::int64_t width, std::int64_t heads) {
  auto const table = static_cast<std::size_t>((2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1) * heads), w = static_cast<std::size_t>(width);
  return {size,
          window,
          shift,
          width,
          heads,
          random_values(3 * w * w, 1, 0.4),
          random_values(3 * w, 2, 0.4),
          random_values(w * w, 3, 0.4),
          random_values(w, 4),
          random_values(table, 5)};
}

template <class C>
class WindowAttention : public ::testing::Test {};

/// The outputs of a batch.
template <class C>
std::vector<double> attend(reference::WindowAttention const& p, std::vector<double> const& x, std::int64_t batch,
                           typename C::Exec const& exec = typename C::Exec()) {
  using Scalar = typename C::Scalar;
  using Layout = typename C::Layout;
  using Exec   = typename C::Exec;
  std::array<std::int64_t, 5> const extents{batch, p.size[0], p.size[1], p.size[2], p.width};
  std::int64_t const table = static_cast<std::int64_t>(p.position_bias.size()) / p.heads;
  TestArray<Scalar, 5, Layout, Exec> const input(extents, x), output(extents);
  TestArray<Scalar, 2, Layout, Exec> const qkv({3 * p.width, p.width}, p.qkv_weight), proj({p.width, p.width}, p.proj_weight),
      bias({table, p.heads}, p.position_bias);
  TestArray<Scalar, 1, Layout, Exec> const qkv_bias({3 * p.width}, p.qkv_bias), proj_bias({p.width}, p.proj_bias);
  video::window_attention(exec, input.view(), qkv.view(), qkv_bias.view(), proj.view(), proj_bias.view(), bias.view(), output.view(),
                          {.window = p.window, .shift = p.shift});
  EXPECT_TRUE(output.guards_intact());
  return output.values();
}
TYPED_TEST_SUITE(WindowAttention, Configurations);

TYPED_TEST(WindowAttention, agrees_with_whole_padded_rolled_arrays) {
  for (auto const& p :
       {problem({1, 1, 1}, {1, 1, 1}, {0, 0, 0}, 2, 1), problem({1, 6, 6}, {1, 3, 3}, {0, 0, 0}, 4, 2), problem({1, 5, 7}, {1, 4, 4}, {0, 2, 2}, 6, 3),
        problem({3, 5, 4}, {2, 3, 3}, {1, 1, 2}, 4, 1), problem({2, 2, 5}, {4, 3, 2}, {3, 1, 1}, 4, 4)}) {
    SCOPED_TRACE(::testing::Message() << p.size[0] << " x " << p.size[1] << " x " << p.size[2]);
    auto const count = static_cast<std::size_t>(p.size[0] * p.size[1] * p.size[2] * p.width);
    auto const x     = random_values(count, 6);
    expect_within(attend<TypeParam>(p, x, 1), p(x), 400 * machine_epsilon<typename TypeParam::Scalar>(), 1.0);
  }
}

TYPED_TEST(WindowAttention, same_bits_whatever_the_batch_and_the_thread_count) {
  using Exec       = typename TypeParam::Exec;
  auto const p     = problem({2, 5, 7}, {2, 3, 4}, {0, 1, 2}, 4, 2);
  std::size_t each = 2 * 5 * 7 * 4;
  auto const x     = random_values(3 * each, 7);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {3, 1}) {
      auto const part = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(batch) * each);
      auto const got  = attend<TypeParam>(p, {x.begin(), x.begin() + part}, batch, exec);
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + part});
    }
  });
}

TYPED_TEST(WindowAttention, behaves_without_biases_and_keeps_a_nan_in_its_window) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto p       = problem({1, 4, 6}, {1, 2, 3}, {0, 0, 0}, 2, 1);
  auto x       = random_values(4 * 6 * 2, 8);
  p.qkv_bias.clear();
  p.proj_bias.clear();
  TestArray<Scalar, 5, Kokkos::LayoutRight, Exec> input({1, 1, 4, 6, 2}, x);
  TestArray<Scalar, 5, Kokkos::LayoutRight, Exec> const output({1, 1, 4, 6, 2});
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const qkv({6, 2}, p.qkv_weight), proj({2, 2}, p.proj_weight), bias({15, 1}, p.position_bias);
  Exec const exec;
  auto const i = input.view(), o = output.view();
  auto const q = qkv.view(), w = proj.view(), b = bias.view();
  video::WindowAttentionOptions const options{.window = {1, 2, 3}};
  WorkspaceFor<Exec> workspace(exec, video::window_attention_workspace_size(exec, i, q, none, w, none, b, o, options));
  expect_good_manners(record([&] { video::window_attention(exec, i, q, none, w, none, b, o, options, workspace); }));
  exec.fence();
  expect_within(output.values(), p(x), 400 * machine_epsilon<Scalar>(), 1.0);
  x[(1 * 6 + 4) * 2] = std::nan("");
  input.assign(x);
  video::window_attention(exec, i, q, none, w, none, b, o, options, workspace);
  exec.fence();
  auto const got = output.values();
  for (int k = 0; k < 24; ++k) EXPECT_EQ(std::isnan(got[static_cast<std::size_t>(2 * k)]), k / 6 < 2 && k % 6 >= 3) << k;
}

TEST(WindowAttention, names_what_does_not_fit) {
  HostTensor<float*****> const x("x", 1, 1, 4, 4, 6);
  HostTensor<float**> const qkv("qkv", 18, 6), proj("proj", 6, 6), table("table", 9, 2), four("four", 9, 4);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::window_attention: ";
  auto const refused     = [&](auto const& q, auto const& t, video::WindowAttentionOptions const& options) {
    return refusal([&] { video::window_attention(exec, x, q, none, proj, none, t, x, options); });
  };
  EXPECT_EQ(refused(qkv, table, {.window = {1, 3, 3}}), name + "position_bias.extent(0) is 9 but a window of 1 x 3 x 3 has 25 displacements");
  EXPECT_EQ(refused(qkv, four, {.window = {1, 2, 2}}), name + "x.extent(4) is 6, not divisible by the heads, position_bias.extent(1), which are 4");
  EXPECT_EQ(refused(proj, table, {.window = {1, 2, 2}}), name + "qkv_weight.extent(0) is 6 but 3 x.extent(4) is 18");
  EXPECT_EQ(refused(qkv, table, {.window = {1, 2, 0}}), name + "window[2] is 0 but must be at least 1");
  EXPECT_EQ(refused(qkv, table, {.window = {1, 2, 2}, .shift = {0, 2, 0}}),
            name + "shift[1] is 2 but must not be negative and must be below window[1], which is 2");
  EXPECT_EQ(video::window_attention_cost(10, 6, 2, 4, 4).special, 80);
}

}  // namespace
}  // namespace ocellus::test
