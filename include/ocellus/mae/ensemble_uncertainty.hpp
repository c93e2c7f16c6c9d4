// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::mae {

/// The entropy of a coin with probability p, in nats; 0 log 0 is 0. log1p keeps the small term of a p near 1.
template <class Real>
KOKKOS_INLINE_FUNCTION Real binary_entropy(Real p) {
  Real const a = p == Real(0) ? Real(0) : -p * Kokkos::log(p), b = p == Real(1) ? Real(0) : -(Real(1) - p) * Kokkos::log1p(-p);
  return a + b;
}

namespace detail {

/// One row of pixels of an image.
template <class Member, class Probability, class Mean, class Entropy, class Information, class Variance>
struct EnsembleRows {
  Probability probability;
  Mean mean;
  Entropy entropy;
  Information information;
  Variance variance;

  template <class Output, class Real>
  KOKKOS_FUNCTION static void store(Output const& output, std::int64_t n, std::int64_t h, std::int64_t w, Real value) {
    if constexpr (!std::is_same_v<Output, None>) {
      if (is_present(output)) output(n, h, w) = static_cast<element_t<Output>>(value);
    }
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                 = accumulate_of_t<Probability>;
    std::int64_t const members = extent(probability, 0), height = extent(probability, 2), n = item / height, h = item % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(probability, 3)), [&](std::int64_t const w) {
      Real sum = 0, own = 0, spread = 0;
      for (std::int64_t m = 0; m < members; ++m) sum += static_cast<Real>(probability(m, n, h, w));
      Real const average = sum / static_cast<Real>(members);
      for (std::int64_t m = 0; m < members; ++m) {
        Real const p = static_cast<Real>(probability(m, n, h, w));
        if (is_present(information)) own += binary_entropy(p);
        spread += (p - average) * (p - average);
      }
      store(mean, n, h, w, average);
      Real const total = is_present(entropy) || is_present(information) ? binary_entropy(average) : Real(0);
      store(entropy, n, h, w, total);
      store(information, n, h, w, total - own / static_cast<Real>(members));
      store(variance, n, h, w, spread / static_cast<Real>(members));
    });
  }
};

}  // namespace detail

/// How sure an ensemble of segmentations is of each pixel, and how far its members disagree.
///
///     mean = mean_m p_m;   entropy = H(mean),  H(p) = -p log p - (1 - p) log(1 - p),  0 log 0 = 0
///     mutual_information = H(mean) - mean_m H(p_m);   variance = mean_m (p_m - mean)^2
///
/// probability (M, N, H, W) in 0..1, M members -> mean, entropy, mutual_information, variance (N, H, W), each of them none or null where it is not
/// wanted. Natural logarithms. A probability outside 0..1 or NaN makes that pixel's entropies NaN.
///
/// Errors: `std::invalid_argument` when there is no member or an output does not fit.
/// Error bound: M + 8 machine epsilons of the accumulation type, absolute; the variance relative to the largest squared difference plus one.
/// Determinism: a pixel's bits depend on that pixel alone; members are summed in order.
/// Allocates: nothing. Synchronises: no.
/// Source: mutual information of an ensemble: N. Houlsby et al., arXiv 1112.5745; B. Lakshminarayanan et al., arXiv 1612.01474.
template <ExecutionSpace Exec, RealView<4> Probability, OptionalRealView<3> Mean, OptionalRealView<3> Entropy, OptionalRealView<3> MutualInformation,
          OptionalRealView<3> Variance>
  requires AccessibleFrom<Exec, Probability, Mean, Entropy, MutualInformation, Variance>
void ensemble_uncertainty(Exec const& exec, Probability const& probability, Mean const& mean, Entropy const& entropy,
                          MutualInformation const& mutual_information, Variance const& variance) {
  constexpr auto function = "ocellus::mae::ensemble_uncertainty";
  require(extent(probability, 0) > 0, function, "probability.extent(0) (members) is 0");
  auto const check = [&](char const* name, auto const& output) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(output)>, None>) {
      if (!is_present(output)) return;
      for (int axis = 0; axis < 3; ++axis) {
        require_equal(function, {name + (".extent(" + std::to_string(axis) + ")"), extent(output, axis)},
                      {"probability.extent(" + std::to_string(axis + 1) + ")", extent(probability, axis + 1)});
      }
    }
  };
  check("mean", mean);
  check("entropy", entropy);
  check("mutual_information", mutual_information);
  check("variance", variance);
  for_each_row(exec, function, extent(probability, 1) * extent(probability, 2),
               detail::EnsembleRows<TeamMember<Exec>, Probability, Mean, Entropy, MutualInformation, Variance>{probability, mean, entropy, mutual_information,
                                                                                                               variance});
}

/// Work of `members` maps of `pixels` pixels.
[[nodiscard]] constexpr Cost ensemble_uncertainty_cost(double members, double pixels, double bytes_per_element) {
  return {.flops         = 8 * members * pixels,
          .special       = 2 * (members + 1) * pixels,
          .bytes_read    = members * pixels * bytes_per_element,
          .bytes_written = 4 * pixels * bytes_per_element};
}

}  // namespace ocellus::mae
