// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/cloud_plan.hpp>

namespace ocellus::transport {

/// The bandwidths that single-cell comparisons are usually reported with.
inline constexpr std::array<double, 6> default_mmd_gammas = {2.0, 1.0, 0.5, 0.1, 0.01, 0.005};

struct MmdRbfOptions {
  std::span<double const> gammas = default_mmd_gammas;  ///< inverse widths of the kernels, 1 to 32 of them; read before the return
};

namespace detail {

struct GammaList {
  double value[32];
  int count;
};

/// sum_j sum_gamma exp(-gamma |x_i - y_j|^2), in double.
template <class Member, class T>
struct KernelRows {
  CloudRows<T> x, y;
  GammaList gammas;
  double* sums;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    double sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, y.rows),
        [&](std::int64_t const j, double& partial) {
          T const distance = ground_cost<T>(GroundCost::squared_euclidean, x.row(i), x.feature_stride, y.row(j), y.feature_stride, x.width);
          for (int g = 0; g < gammas.count; ++g) partial += static_cast<double>(Kokkos::exp(-static_cast<T>(gammas.value[g]) * distance));
        },
        sum);
    Kokkos::single(Kokkos::PerThread(member), [&]() { sums[i] = sum; });
  }
};

template <class Member, class Output>
struct CombineKernels {
  double const *xx, *yy, *xy;
  std::int64_t n, m;
  int gammas;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      auto const total  = [](double const* sums, std::int64_t count) { return ordered_sum<double>(count, [&](std::int64_t i) { return sums[i]; }); };
      double const rows = static_cast<double>(n), columns = static_cast<double>(m);
      double const mean = total(xx, n) / (rows * rows) + total(yy, m) / (columns * columns) - 2 * (total(xy, n) / (rows * columns));
      output()          = static_cast<element_t<Output>>(mean / gammas);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `mmd_rbf` takes: a sum a row.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t mmd_rbf_workspace_size(Exec const&, X const& x, Y const& y) {
  return 2 * workspace_bytes<double>(static_cast<std::size_t>(extent(x, 0))) + workspace_bytes<double>(static_cast<std::size_t>(extent(y, 0)));
}

/// Squared maximum mean discrepancy under Gaussian kernels, averaged over bandwidths; the biased estimate, diagonals included.
///
///     mmd = mean_gamma [ mean k(x, x') + mean k(y, y') - 2 mean k(x, y) ],   k(p, q) = exp(-gamma |p - q|^2)
///
/// x (n, d), y (m, d) -> mmd (). One scalar type, float or double; sums are in double. Zero for equal clouds; NaN in a point, or an empty cloud, gives NaN.
///
/// Errors: `std::invalid_argument` when dimensions differ, or there are no gammas or more than 32.
/// Error bound: (d + 8) machine epsilons of the scalar, absolute.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: A. Gretton et al., "A kernel two-sample test", 2012.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<0> Output>
  requires AccessibleFrom<Exec, X, Y, Output> && RealScalar<element_t<X>>
void mmd_rbf(Exec const& exec, X const& x, Y const& y, Output const& mmd, MmdRbfOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::mmd_rbf";
  using T                 = element_t<X>;
  using Member            = TeamMember<Exec>;
  static_assert(std::is_same_v<T, element_t<Y>>, "ocellus::transport::mmd_rbf: both clouds must have one scalar type");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require(!options.gammas.empty() && options.gammas.size() <= 32, function, "there are ", options.gammas.size(), " gammas, not 1 to 32");
  detail::GammaList gammas{};
  for (double const gamma : options.gammas) gammas.value[gammas.count++] = gamma;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const n = extent(x, 0), m = extent(y, 0);
  auto const xx = workspace.template take<double*>(function, n), xy = workspace.template take<double*>(function, n);
  auto const yy = workspace.template take<double*>(function, m);
  auto const px = detail::cloud_rows(x), py = detail::cloud_rows(y);
  std::string const label = std::string(function) + "::rows";
  for_each_row(exec, label, n, detail::KernelRows<Member, T>{px, px, gammas, xx.data()});
  for_each_row(exec, label, n, detail::KernelRows<Member, T>{px, py, gammas, xy.data()});
  for_each_row(exec, label, m, detail::KernelRows<Member, T>{py, py, gammas, yy.data()});
  for_each_row(exec, std::string(function) + "::combine", 1, detail::CombineKernels<Member, Output>{xx.data(), yy.data(), xy.data(), n, m, gammas.count, mmd});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<0> Output>
  requires AccessibleFrom<Exec, X, Y, Output> && RealScalar<element_t<X>>
void mmd_rbf(Exec const& exec, X const& x, Y const& y, Output const& mmd, MmdRbfOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, mmd_rbf_workspace_size(exec, x, y));
  mmd_rbf(exec, x, y, mmd, options, workspace);
  exec.fence("ocellus::transport::mmd_rbf");
}

/// Work for clouds of n and m points and a number of bandwidths.
[[nodiscard]] constexpr Cost mmd_rbf_cost(double rows, double columns, double width, double gammas, double bytes_per_element) {
  double const pairs = rows * rows + columns * columns + rows * columns;
  return {.flops         = pairs * (3 * width + 2 * gammas),
          .special       = pairs * gammas,
          .bytes_read    = (rows + columns) * width * bytes_per_element,
          .bytes_written = bytes_per_element};
}

}  // namespace ocellus::transport
