// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/cpa_latent.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::DoseResponse;
double const nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class CpaLatent : public ::testing::Test {};
TYPED_TEST_SUITE(CpaLatent, TransportConfigurations);

TYPED_TEST(CpaLatent, agrees_with_the_formula_for_every_response) {
  constexpr std::int64_t n = 5, k = 7, p = 3, c = 4, j = 2;
  auto const basal = random_values(n * k, 1), doses = uniform_values(n * p, 2, 0.0, 3.0), drugs = random_values(p * k, 3), covariates = random_values(c * k, 4),
             beta = random_values(p, 5), bias = random_values(p, 6);
  std::vector<double> const rows = {0, 1, 2, 3, 3, 3, 1, 0, 2, 4};  // the last is out of range
  auto const logistic            = [](double z) { return 1 / (1 + std::exp(-z)); };
  for (int response = 0; response < 3; ++response) {
    std::vector<double> want(basal);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t d = 0; d < k; ++d) {
        for (std::size_t q = 0; q < p; ++q) {
          double const dose = doses[i * p + q], x = response == 2 ? std::log(1 + dose) : dose;
          want[i * k + d] += (response == 0 ? dose : logistic(beta[q] * x + bias[q]) - logistic(bias[q])) * drugs[q * k + d];
        }
        for (std::size_t s = 0; s < j; ++s) want[i * k + d] += rows[i * j + s] < c ? covariates[static_cast<std::size_t>(rows[i * j + s]) * k + d] : nan;
      }
    }
    Array<TypeParam, 2> const state({n, k}, basal), dose({n, p}, doses), drug({p, k}, drugs), covariate({c, k}, covariates), treated({n, k});
    Array<TypeParam, 1> const b({p}, beta), o({p}, bias);
    Indices<TypeParam, 2> const which({n, j}, rows);
    Exec_<TypeParam> const exec;
    transport::cpa_latent(exec, state.view(), dose.view(), drug.view(), covariate.view(), which.view(), b.view(), o.view(), treated.view(),
                          {.dose_response = static_cast<DoseResponse>(response)});
    exec.fence();
    expect_near(treated.values(), want, 64 * machine_epsilon<typename TypeParam::Scalar>());
    EXPECT_TRUE(treated.guards_intact());
  }
}

TEST(CpaLatent, names_what_does_not_fit_and_behaves) {
  HostTensor<double**> const basal("basal", 3, 2), doses("doses", 3, 1), drugs("drugs", 1, 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::cpa_latent(exec, basal, doses, drugs, none, none, none, none, basal, {.dose_response = DoseResponse::sigmoid}); }),
            "ocellus::transport::cpa_latent: a sigmoid response needs dose_beta and dose_bias");
  EXPECT_EQ(refusal([&] { transport::cpa_latent(exec, basal, doses, drugs, drugs, none, none, none, basal); }),
            "ocellus::transport::cpa_latent: covariates and covariate_embeddings go together");
  expect_good_manners(record([&] { transport::cpa_latent(exec, basal, doses, drugs, none, none, none, none, basal); }));
}

}  // namespace
}  // namespace ocellus::test
