// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/dsb_chain.hpp>

namespace ocellus::transport {

enum class DoseResponse {
  linear,       ///< r(d) = d
  sigmoid,      ///< r(d) = s(beta d + bias) - s(bias),  s(z) = 1 / (1 + exp(-z))
  log_sigmoid,  ///< the same of log(1 + d)
};

struct CpaLatentOptions {
  DoseResponse dose_response = DoseResponse::linear;
};

namespace detail {

template <class Member, class Basal, class Doses, class Drugs, class Covariates, class Rows, class Beta, class Bias, class Treated>
struct ComposeLatent {
  Basal basal;
  Doses doses;
  Drugs drugs;
  Covariates covariates;
  Rows rows;
  Beta beta;
  Bias bias;
  DoseResponse response;
  Treated treated;

  using Real = accumulate_of_t<Treated>;

  KOKKOS_INLINE_FUNCTION Real response_at(std::int64_t i, std::int64_t p) const {
    Real const dose = static_cast<Real>(doses(i, p));
    if (response == DoseResponse::linear) return dose;
    if constexpr (!std::is_same_v<Beta, None> && !std::is_same_v<Bias, None>) {
      Real const x = response == DoseResponse::log_sigmoid ? Kokkos::log1p(dose) : dose, shift = static_cast<Real>(bias(p));
      return Real(1) / (Real(1) + Kokkos::exp(-(static_cast<Real>(beta(p)) * x + shift))) - Real(1) / (Real(1) + Kokkos::exp(-shift));
    }
    return Kokkos::Experimental::quiet_NaN_v<Real>;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(treated, 1)), [&](std::int64_t const k) {
      Real sum = static_cast<Real>(basal(i, k));
      for (std::int64_t p = 0; p < extent(doses, 1); ++p) sum += response_at(i, p) * static_cast<Real>(drugs(p, k));
      if constexpr (!std::is_same_v<Covariates, None> && !std::is_same_v<Rows, None>) {
        for (std::int64_t j = 0; is_present(rows) && j < extent(rows, 1); ++j) {
          std::int64_t const c = static_cast<std::int64_t>(rows(i, j));
          sum += c >= 0 && c < extent(covariates, 0) ? static_cast<Real>(covariates(c, k)) : Kokkos::Experimental::quiet_NaN_v<Real>;
        }
      }
      treated(i, k) = static_cast<element_t<Treated>>(sum);
    });
  }
};

}  // namespace detail

/// A cell's latent state under drugs and covariates, put together from its basal state.
///
///     treated = basal + sum_p r_p(dose_p) e_p + sum_j e_{covariates_j},   r as `dose_response` says
///
/// basal (n, k), doses (n, p), drug_embeddings (p, k), covariate_embeddings (c, k) and covariates (n, j), rows of it, or both none, dose_beta and dose_bias (p),
/// none where the response is linear -> treated (n, k). A covariate out of range reads nothing and gives NaN.
///
/// Errors: `std::invalid_argument` when something does not fit, one of covariates and their embeddings is missing, or dose_beta or dose_bias of a response that
/// is not linear.
/// Error bound: p + j + 8 machine epsilons of the sum of absolute terms. Determinism: an element depends on its row alone. Allocates: nothing. Synchronises: no.
/// Source: M. Lotfollahi et al., "Predicting cellular responses to complex perturbations in high-throughput screens", 2023.
template <ExecutionSpace Exec, RealView<2> Basal, RealView<2> Doses, RealView<2> Drugs, OptionalRealView<2> Covariates, OptionalIndexView<2> Rows,
          OptionalRealView<1> Beta, OptionalRealView<1> Bias, RealView<2> Treated>
  requires AccessibleFrom<Exec, Basal, Doses, Drugs, Covariates, Rows, Beta, Bias, Treated>
void cpa_latent(Exec const& exec, Basal const& basal, Doses const& doses, Drugs const& drug_embeddings, Covariates const& covariate_embeddings,
                Rows const& covariates, Beta const& dose_beta, Bias const& dose_bias, Treated const& treated, CpaLatentOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::cpa_latent";
  std::int64_t const n = extent(basal, 0), k = extent(basal, 1), drugs = extent(drug_embeddings, 0);
  require_equal(function, {"doses.extent(0)", extent(doses, 0)}, {"basal.extent(0)", n});
  require_equal(function, {"doses.extent(1)", extent(doses, 1)}, {"drug_embeddings.extent(0)", drugs});
  require_equal(function, {"drug_embeddings.extent(1)", extent(drug_embeddings, 1)}, {"basal.extent(1)", k});
  require(detail::is_given(covariate_embeddings) == detail::is_given(covariates), function, "covariates and covariate_embeddings go together");
  if constexpr (!std::is_same_v<Covariates, None> && !std::is_same_v<Rows, None>) {
    if (is_present(covariates)) {
      require_equal(function, {"covariate_embeddings.extent(1)", extent(covariate_embeddings, 1)}, {"basal.extent(1)", k});
      require_equal(function, {"covariates.extent(0)", extent(covariates, 0)}, {"basal.extent(0)", n});
    }
  }
  if (options.dose_response != DoseResponse::linear) {
    require(detail::is_given(dose_beta) && detail::is_given(dose_bias), function, "a sigmoid response needs dose_beta and dose_bias");
    if constexpr (!std::is_same_v<Beta, None>) require_equal(function, {"dose_beta.extent(0)", extent(dose_beta, 0)}, {"drug_embeddings.extent(0)", drugs});
    if constexpr (!std::is_same_v<Bias, None>) require_equal(function, {"dose_bias.extent(0)", extent(dose_bias, 0)}, {"drug_embeddings.extent(0)", drugs});
  }
  require_equal(function, {"treated.extent(0)", extent(treated, 0)}, {"basal.extent(0)", n});
  require_equal(function, {"treated.extent(1)", extent(treated, 1)}, {"basal.extent(1)", k});
  using Compose = detail::ComposeLatent<TeamMember<Exec>, Basal, Doses, Drugs, Covariates, Rows, Beta, Bias, Treated>;
  for_each_row(exec, function, n,
               Compose{basal, doses, drug_embeddings, covariate_embeddings, covariates, dose_beta, dose_bias, options.dose_response, treated});
}

/// Work for n cells, p drugs and j covariates a cell.
[[nodiscard]] constexpr Cost cpa_latent_cost(double cells, double width, double drugs, double covariates, double bytes_per_element) {
  return {.flops         = cells * width * (2 * drugs + covariates),
          .special       = 4 * cells * drugs,
          .bytes_read    = (cells * (width + drugs) + drugs * width) * bytes_per_element + 8 * cells * covariates,
          .bytes_written = cells * width * bytes_per_element};
}

}  // namespace ocellus::transport
