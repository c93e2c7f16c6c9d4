// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/ensemble_uncertainty.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

double entropy(double p) { return (p == 0 ? 0 : -p * std::log(p)) + (p == 1 ? 0 : -(1 - p) * std::log1p(-p)); }

template <class C>
class EnsembleUncertainty : public ::testing::Test {};
TYPED_TEST_SUITE(EnsembleUncertainty, Configurations);

TYPED_TEST(EnsembleUncertainty, agrees_with_the_formulas_certain_pixels_included) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const members : {1, 5}) {
    std::size_t const pixels = 2 * 3 * 7;
    auto p                   = random_values(static_cast<std::size_t>(members) * pixels, 6);
    for (double& value : p) value = static_cast<double>(static_cast<float>(0.5 + 0.5 * std::tanh(3 * value)));
    for (std::int64_t m = 0; m < members; ++m) {
      p[static_cast<std::size_t>(m) * pixels]     = 0;
      p[static_cast<std::size_t>(m) * pixels + 1] = 1;
      p[static_cast<std::size_t>(m) * pixels + 2] = static_cast<double>(m % 2);
      p[static_cast<std::size_t>(m) * pixels + 3] = static_cast<double>(std::nextafter(1.0F, 0.0F));
    }
    std::vector<double> mean(pixels), total(pixels), information(pixels), variance(pixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      double own = 0;
      for (std::size_t m = 0; m < static_cast<std::size_t>(members); ++m) mean[i] += p[m * pixels + i] / static_cast<double>(members);
      for (std::size_t m = 0; m < static_cast<std::size_t>(members); ++m) {
        own += entropy(p[m * pixels + i]) / static_cast<double>(members);
        variance[i] += (p[m * pixels + i] - mean[i]) * (p[m * pixels + i] - mean[i]) / static_cast<double>(members);
      }
      total[i]       = entropy(mean[i]);
      information[i] = total[i] - own;
    }
    TestArray<Scalar, 4, Layout, Exec> const probability({members, 2, 3, 7}, p);
    TestArray<Scalar, 3, Layout, Exec> const a({2, 3, 7}), b({2, 3, 7}), c({2, 3, 7}), d({2, 3, 7});
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const in = probability.view();
      auto const m = a.view(), e = b.view(), i = c.view(), v = d.view();
      mae::ensemble_uncertainty(exec, in, m, e, i, v);
      expect_good_manners(record([&] { mae::ensemble_uncertainty(exec, in, m, e, i, v); }));
      exec.fence();
      double const unit = machine_epsilon<Scalar>(), bound = static_cast<double>(members) + 8;
      expect_within(a.values(), mean, unit, bound);
      expect_within(b.values(), total, unit, bound);
      expect_within(c.values(), information, unit, bound);
      expect_within(d.values(), variance, unit, bound);
      EXPECT_TRUE(a.guards_intact() && b.guards_intact() && c.guards_intact() && d.guards_intact());
    });
    TestArray<Scalar, 3, Layout, Exec> const alone({2, 3, 7});
    mae::ensemble_uncertainty(Exec(), probability.view(), none, alone.view(), none, none);
    Exec().fence();
    expect_same_bits(alone.values(), b.values());
  }
}

TEST(EnsembleUncertainty, names_what_does_not_fit) {
  HostTensor<float****> const probability("probability", 2, 1, 3, 4), nobody("probability", 0, 1, 3, 4);
  HostTensor<float***> const map("map", 1, 3, 5);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::ensemble_uncertainty(exec, probability, none, map, none, none); }),
            "ocellus::mae::ensemble_uncertainty: entropy.extent(2) is 5 but probability.extent(3) is 4");
  EXPECT_EQ(refusal([&] { mae::ensemble_uncertainty(exec, nobody, none, none, none, none); }),
            "ocellus::mae::ensemble_uncertainty: probability.extent(0) (members) is 0");
}

}  // namespace
}  // namespace ocellus::test
