// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/gather_tokens.hpp>

#include "support/gradients.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class GatherTokens : public ::testing::Test {};
TYPED_TEST_SUITE(GatherTokens, Configurations);

TYPED_TEST(GatherTokens, copies_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 17}) {
    // The second image keeps a token twice.
    std::vector<std::int64_t> const keep{3, 0, 4, 2, 2, 1};
    auto const count  = static_cast<std::size_t>(width);
    auto const oracle = [&](auto const& inputs) {
      std::remove_cvref_t<decltype(inputs[0])> y;
      for (std::size_t n = 0; n < 2; ++n) {
        for (std::size_t k = 0; k < 3; ++k) {
          for (std::size_t d = 0; d < count; ++d) y.push_back(inputs[0][(n * 5 + static_cast<std::size_t>(keep[n * 3 + k])) * count + d]);
        }
      }
      return y;
    };
    auto const x = random_values(2 * 5 * count, 1), w = random_values(2 * 3 * count, 2);
    TestArray<Scalar, 3, Layout, Exec> const tokens({2, 5, width}, x), visible({2, 3, width}), gradient({2, 3, width}, w), back({2, 5, width});
    TestArray<std::int64_t, 2, Layout, Exec> const index({2, 3}, {keep.begin(), keep.end()});
    Exec const exec;
    auto const t = tokens.view(), v = visible.view(), g = gradient.view(), b = back.view();
    auto const k = index.view();
    expect_good_manners(record([&] { mae::gather_tokens(exec, t, k, v); }));
    expect_good_manners(record([&] { mae::gather_tokens_backward(exec, g, k, b); }));
    exec.fence();
    expect_same_bits(visible.values(), oracle(Arrays{x}));
    expect_adjoint(oracle, {x}, w, {back.values()}, adjoint_tolerance<Scalar>);
    EXPECT_TRUE(visible.guards_intact() && back.guards_intact());
  }
}

TYPED_TEST(GatherTokens, reads_nothing_out_of_range) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Layout, Exec> const tokens({1, 2, 1}, {5, 6}), visible({1, 3, 1}), back({1, 2, 1});
  TestArray<std::int64_t, 2, Layout, Exec> const index({1, 3}, {-1, 1, 2});
  Exec const exec;
  mae::gather_tokens(exec, tokens.view(), index.view(), visible.view());
  mae::gather_tokens_backward(exec, visible.view(), index.view(), back.view());
  exec.fence();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  expect_within(visible.values(), {nan, 6, nan}, 1e-30, 0);
  expect_same_bits(back.values(), {0, 6});
}

TEST(GatherTokens, names_what_does_not_fit) {
  HostTensor<float***> const tokens("tokens", 2, 6, 4), visible("visible", 2, 3, 5);
  HostTensor<std::int64_t**> const keep("keep", 3, 3), other("keep", 2, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::gather_tokens(exec, tokens, keep, visible); }), "ocellus::mae::gather_tokens: keep.extent(0) is 3 but tokens.extent(0) is 2");
  EXPECT_EQ(refusal([&] { mae::gather_tokens(exec, tokens, other, visible); }),
            "ocellus::mae::gather_tokens: visible.extent(2) is 5 but tokens.extent(2) is 4");
  EXPECT_EQ(refusal([&] { mae::gather_tokens_backward(exec, visible, other, tokens); }),
            "ocellus::mae::gather_tokens_backward: tokens_gradient.extent(2) is 4 but visible_gradient.extent(2) is 5");
}

}  // namespace
}  // namespace ocellus::test
