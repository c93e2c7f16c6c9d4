// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/detail/covariance_kernel.hpp>

namespace ocellus::linalg {

struct CovarianceOptions {
  int ddof = 1;  ///< delta degrees of freedom, 0 or 1
};

/// Bytes of workspace that `covariance` takes: a centred copy of the input and a few numbers.
template <ExecutionSpace Exec, RealView<2> Input, OptionalRealView<1> Weights, RealView<2> Covariance, RealView<1> Mean>
[[nodiscard]] std::size_t covariance_workspace_size(Exec const&, Input const& input, Weights const&, Covariance const&, Mean const&,
                                                    CovarianceOptions const& = {}) {
  using Real = accumulate_of_t<Input>;
  return workspace_bytes<Real>(input.extent(0) * static_cast<std::size_t>(detail::covariance_padded(extent(input, 1)))) +
         workspace_bytes<Real>(input.extent(1)) + workspace_bytes<Real>(2);
}

/// Weighted mean and covariance of the rows.
///
///     mean_d = sum_n w_n x_nd / V1,   covariance = sum_n w_n (x_n - mean)(x_n - mean)^T / (V1 - ddof V2 / V1),   V1 = sum w, V2 = sum w^2
///
/// input (N, D), weights (N) not negative, or none (w = 1: the divisor is N - ddof) -> covariance (D, D) symmetric bit for bit, mean (D). The sum is over
/// centred rows: a common offset costs no digits. NaN in column d makes row and column d of the result NaN and nothing else.
///
/// Errors: `std::invalid_argument` when N <= ddof, when ddof is neither 0 nor 1, or when weights or outputs do not fit.
/// Error bound: 260 + log2(N / 256) machine epsilons of the accumulation type, relative to sqrt(c_ii c_jj) + eps N |mean_i mean_j|; far less in practice.
/// Determinism: blocks of 256 rows at multiples of 256 are chains of multiply-adds (w x_i) x_j in order and combine in a binary tree by block number.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Input, OptionalRealView<1> Weights, RealView<2> Covariance, RealView<1> Mean>
  requires AccessibleFrom<Exec, Input, Weights, Covariance, Mean>
void covariance(Exec const& exec, Input const& input, Weights const& weights, Covariance const& covariance, Mean const& mean, CovarianceOptions const& options,
                WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::linalg::covariance";
  using Real              = accumulate_of_t<Input>;
  std::int64_t const rows = extent(input, 0), width = extent(input, 1);
  require(options.ddof == 0 || options.ddof == 1, function, "ddof is ", options.ddof, " but must be 0 or 1");
  require(rows > options.ddof, function, "input.extent(0) (rows) is ", rows, ", which must exceed ddof, ", options.ddof);
  if constexpr (!std::is_same_v<Weights, None>) {
    if (is_present(weights)) require_equal(function, {"weights.extent(0)", extent(weights, 0)}, {"input.extent(0)", rows});
  }
  require_equal(function, {"covariance.extent(0)", extent(covariance, 0)}, {"input.extent(1)", width});
  require_equal(function, {"covariance.extent(1)", extent(covariance, 1)}, {"input.extent(1)", width});
  require_equal(function, {"mean.extent(0)", extent(mean, 0)}, {"input.extent(1)", width});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const centred   = workspace.template take<Real**>(function, rows, detail::covariance_padded(width));
  auto const real_mean = workspace.template take<Real*>(function, width);
  auto const sums      = workspace.template take<Real*>(function, 2);
  using Member         = TeamMember<Exec>;
  using Matrix         = std::remove_const_t<decltype(centred)>;
  using Line           = std::remove_const_t<decltype(sums)>;
  for_each_row(exec, "ocellus::linalg::covariance::weights", 1, detail::WeightSums<Member, Weights, Line>{weights, sums, rows});
  for_each_row(exec, "ocellus::linalg::covariance::mean", (width + 15) / 16,
               detail::WeightedMean<Member, Input, Weights, Line, Line>{input, weights, sums, real_mean});
  for_each_row(exec, "ocellus::linalg::covariance::centre", rows, detail::CentreRows<Member, Input, Line, Matrix>{input, real_mean, centred});
  detail::launch_covariance(exec, function, centred, weights, sums, real_mean, covariance, mean, static_cast<double>(options.ddof));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, OptionalRealView<1> Weights, RealView<2> Covariance, RealView<1> Mean>
  requires AccessibleFrom<Exec, Input, Weights, Covariance, Mean>
void covariance(Exec const& exec, Input const& input, Weights const& weights, Covariance const& covariance, Mean const& mean,
                CovarianceOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, covariance_workspace_size(exec, input, weights, covariance, mean, options));
  linalg::covariance(exec, input, weights, covariance, mean, options, workspace);
  exec.fence("ocellus::linalg::covariance");
}

/// Work of `covariance` of `rows` x `width`: half of the products, by symmetry.
[[nodiscard]] constexpr Cost covariance_cost(double rows, double width, double bytes_per_element) {
  return {.flops         = rows * width * (width + 1) + 2 * rows * width,
          .special       = 0,
          .bytes_read    = rows * width * bytes_per_element,
          .bytes_written = width * (width + 1) * bytes_per_element};
}

}  // namespace ocellus::linalg
