// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/set_mean.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SetMean : public ::testing::Test {};
TYPED_TEST_SUITE(SetMean, Configurations);

TYPED_TEST(SetMean, averages_each_set_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> const sets{2, 0, 2, 3, -1, 2, 0, 4};  // set 1 is empty, -1 and 4 are none
  auto const oracle = [&](auto const& inputs) {
    std::remove_cvref_t<decltype(inputs[0])> y(4 * 5, 0.0);
    for (std::size_t g = 0; g < 4; ++g) {
      double count = 0;
      for (double const set : sets) count += set == static_cast<double>(g) ? 1 : 0;
      for (std::size_t i = 0; i < 8; ++i) {
        for (std::size_t d = 0; d < 5 && sets[i] == static_cast<double>(g); ++d) y[g * 5 + d] += inputs[0][i * 5 + d] / count;
      }
    }
    return y;
  };
  auto const x = random_values(40, 1), w = random_values(20, 2);
  TestArray<Scalar, 2, Layout, Exec> const embeddings({8, 5}, x), mean({4, 5}), gradient({4, 5}, w), back({8, 5});
  TestArray<std::int64_t, 1, Layout, Exec> const set({8}, sets);
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const e = embeddings.view(), m = mean.view(), g = gradient.view(), b = back.view();
    auto const s = set.view();
    WorkspaceFor<Exec> workspace(exec, ssl::set_mean_backward_workspace_size(exec, g, s, b));
    expect_good_manners(record([&] { ssl::set_mean(exec, e, s, m); }));
    expect_good_manners(record([&] { ssl::set_mean_backward(exec, g, s, b, workspace); }));
    exec.fence();
    expect_within(mean.values(), oracle(Arrays{x}), machine_epsilon<Scalar>(), 8);
    expect_adjoint(oracle, {x}, w, {back.values()}, adjoint_tolerance<Scalar>);
  });
  EXPECT_TRUE(mean.guards_intact() && back.guards_intact());
}

TEST(SetMean, names_what_does_not_fit) {
  HostTensor<float**> const embeddings("embeddings", 3, 5), mean("mean", 2, 5), narrow("mean", 2, 4);
  HostTensor<std::int64_t*> const set("set", 3), longer("set", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::set_mean(exec, embeddings, longer, mean); }), "ocellus::ssl::set_mean: set.extent(0) is 4 but embeddings.extent(0) is 3");
  EXPECT_EQ(refusal([&] { ssl::set_mean(exec, embeddings, set, narrow); }), "ocellus::ssl::set_mean: mean.extent(1) is 4 but embeddings.extent(1) is 5");
  EXPECT_EQ(refusal([&] { ssl::set_mean_backward(exec, narrow, set, embeddings); }),
            "ocellus::ssl::set_mean_backward: embeddings_gradient.extent(1) is 5 but mean_gradient.extent(1) is 4");
}

}  // namespace
}  // namespace ocellus::test
