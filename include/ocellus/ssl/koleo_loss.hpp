// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/koleo_host.hpp>
#include <ocellus/ssl/detail/normalize_kernel.hpp>

namespace ocellus::ssl {

namespace detail {

inline constexpr double koleo_epsilon = 1e-8;

/// The nearest other row by inner product, of equal ones the first; -1 where NaN leaves none.
template <class Member, class Rows>
struct KoleoNearest {
  Rows rows;
  std::int64_t* nearest;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t best = -1;
    double most       = 0;
    for (std::int64_t m = 0; m < extent(rows, 0); ++m) {
      if (m == n) continue;
      double const product = row_dot(member, rows, n, rows, m);
      if (product == product && (best < 0 || product > most)) best = m, most = product;
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { nearest[n] = best; });
  }
};

/// |y_n - y_I + 1e-8|, and the term of the loss.
template <class Member, class Rows>
struct KoleoDistances {
  Rows rows;
  std::int64_t const* nearest;
  double* distance;
  double* terms;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const m = nearest[n];
    double square        = Kokkos::Experimental::quiet_NaN_v<double>;
    if (m >= 0) {
      square = lane_sum<double>(member, extent(rows, 1), [&](std::int64_t d) {
        double const difference = static_cast<double>(rows(n, d)) - static_cast<double>(rows(m, d)) + koleo_epsilon;
        return difference * difference;
      });
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      distance[n] = Kokkos::sqrt(square);
      terms[n]    = -Kokkos::log(distance[n] + koleo_epsilon) / static_cast<double>(extent(rows, 0));
    });
  }
};

/// What row n gets as itself, and as the nearest of others in their order.
template <class Member, class Rows, class Gradient>
struct KoleoGradient {
  Rows rows;
  Gradient gradient;
  std::int64_t const* nearest;
  double const* distance;

  [[nodiscard]] KOKKOS_FUNCTION double slope(std::int64_t n) const {
    return distance[n] == 0 ? 0.0 : -1.0 / (static_cast<double>(extent(rows, 0)) * (distance[n] + koleo_epsilon) * distance[n]);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const width = extent(rows, 1), own = nearest[n];
    auto const add = [&](std::int64_t from, std::int64_t to, double sign, bool is_first) {
      double const factor = sign * slope(from);
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
        double const difference =
            to < 0 ? Kokkos::Experimental::quiet_NaN_v<double> : static_cast<double>(rows(from, d)) - static_cast<double>(rows(to, d)) + koleo_epsilon;
        gradient(n, d) = (is_first ? 0.0 : gradient(n, d)) + factor * difference;
      });
    };
    add(n, own, 1.0, true);
    for (std::int64_t m = 0; m < extent(rows, 0); ++m) {
      if (nearest[m] == n) add(m, n, -1.0, false);
    }
  }
};

template <ExecutionSpace Exec, class Input>
struct KoleoState {
  UnmanagedTensor<double**, typename Exec::memory_space> rows;
  std::int64_t* nearest;
  double *distance, *terms;
};

template <ExecutionSpace Exec, class Input>
[[nodiscard]] KoleoState<Exec, Input> run_koleo(Exec const& exec, char const* function, Input const& input, WorkspaceFor<Exec>& workspace) {
  std::int64_t const count = extent(input, 0);
  require(count >= 2, function, "input.extent(0) is ", count, " but a neighbour needs 2 rows");
  KoleoState<Exec, Input> state;
  state.rows     = workspace.template take<double**>(function, count, extent(input, 1));
  state.nearest  = workspace.template take<std::int64_t*>(function, count).data();
  state.distance = workspace.template take<double*>(function, count).data();
  state.terms    = workspace.template take<double*>(function, count).data();
  using Member   = TeamMember<Exec>;
  using Rows     = decltype(state.rows);
  for_each_row(exec, "ocellus::ssl::koleo_loss::normalize", count, NormalizeRows<Member, Input, Rows>{input, state.rows, {koleo_epsilon}, 0});
  if constexpr (is_host_execution_v<Exec>) {
    koleo_nearest_on_host(exec, function, state.rows, state.nearest, workspace);
  } else {
    for_each_row(exec, "ocellus::ssl::koleo_loss::nearest", count, KoleoNearest<Member, Rows>{state.rows, state.nearest});
  }
  for_each_row(exec, "ocellus::ssl::koleo_loss::distance", count, KoleoDistances<Member, Rows>{state.rows, state.nearest, state.distance, state.terms});
  return state;
}

template <ExecutionSpace Exec, class Input>
[[nodiscard]] std::size_t koleo_bytes(Exec const& exec, Input const& input) {
  return koleo_host_bytes(exec, extent(input, 0), extent(input, 1)) + workspace_bytes<double>(element_count(input)) +
         workspace_bytes<std::int64_t>(input.extent(0)) + 2 * workspace_bytes<double>(input.extent(0));
}

}  // namespace detail

/// Bytes of workspace that `koleo_loss` takes.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Loss>
[[nodiscard]] std::size_t koleo_loss_workspace_size(Exec const& exec, Input const& input, Loss const&) {
  return detail::koleo_bytes(exec, input) + workspace_bytes<double>((input.extent(0) + reduction_block - 1) / reduction_block);
}

/// Spreads embeddings: the nearest neighbour of each should be far.
///
///     y = x / max(|x|, 1e-8);   I_n = argmax_{m != n} <y_n, y_m>;   loss = -mean_n log(|y_n - y_{I_n} + 1e-8| + 1e-8)
///
/// input (N, D), N at least 2 -> loss (). 1e-8 is added to each coordinate. Of equally near rows the first counts. Similarities are formed in tiles; no matrix
/// of them is stored.
///
/// Errors: `std::invalid_argument` when N is below 2.
/// Error bound: 8 machine epsilons of the accumulation type over the smallest distance between neighbours.
/// Determinism: a row's term depends on all rows, not on their launch; terms are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Sablayrolles et al., "Spreading vectors for similarity search", arXiv 1806.03198; M. Oquab et al., arXiv 2304.07193.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Loss>
  requires AccessibleFrom<Exec, Input, Loss>
void koleo_loss(Exec const& exec, Input const& input, Loss const& loss, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::koleo_loss";
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state = detail::run_koleo(exec, function, input, workspace);
  UnmanagedTensor<double*, typename Exec::memory_space> const terms(state.terms, input.extent(0));
  sum(exec, terms, loss, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Loss>
  requires AccessibleFrom<Exec, Input, Loss>
void koleo_loss(Exec const& exec, Input const& input, Loss const& loss) {
  WorkspaceFor<Exec> workspace(exec, koleo_loss_workspace_size(exec, input, loss));
  koleo_loss(exec, input, loss, workspace);
  exec.fence("ocellus::ssl::koleo_loss");
}

/// Bytes of workspace that `koleo_loss_backward` takes.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> InputGradient>
[[nodiscard]] std::size_t koleo_loss_backward_workspace_size(Exec const& exec, Input const& input, InputGradient const&) {
  return detail::koleo_bytes(exec, input) + workspace_bytes<double>(element_count(input));
}

/// The gradient of `koleo_loss`: through y_n, its neighbour, and the normalisation; not through the choice of the neighbour.
///
/// input (N, D) -> input_gradient (N, D).
///
/// Errors: as `koleo_loss`; when the gradient does not fit.
/// Error bound: 16 machine epsilons of the accumulation type over the squared smallest distance between neighbours, over |x|.
/// Determinism: what a row gets from others is added in their order. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> InputGradient>
  requires AccessibleFrom<Exec, Input, InputGradient>
void koleo_loss_backward(Exec const& exec, Input const& input, InputGradient const& input_gradient, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::koleo_loss_backward";
  require_equal(function, {"input_gradient.extent(0)", extent(input_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"input_gradient.extent(1)", extent(input_gradient, 1)}, {"input.extent(1)", extent(input, 1)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state    = detail::run_koleo(exec, function, input, workspace);
  auto const gradient = workspace.template take<double**>(function, extent(input, 0), extent(input, 1));
  using Member        = TeamMember<Exec>;
  using Gradient      = std::remove_const_t<decltype(gradient)>;
  using Rows          = std::remove_cvref_t<decltype(state.rows)>;
  for_each_row(exec, "ocellus::ssl::koleo_loss_backward::gradient", extent(input, 0),
               detail::KoleoGradient<Member, Rows, Gradient>{state.rows, gradient, state.nearest, state.distance});
  for_each_row(exec, "ocellus::ssl::koleo_loss_backward::normalize", extent(input, 0),
               detail::NormalizeBackwardRows<Member, Input, Gradient, InputGradient>{input, gradient, input_gradient, {detail::koleo_epsilon}, 0});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> InputGradient>
  requires AccessibleFrom<Exec, Input, InputGradient>
void koleo_loss_backward(Exec const& exec, Input const& input, InputGradient const& input_gradient) {
  WorkspaceFor<Exec> workspace(exec, koleo_loss_backward_workspace_size(exec, input, input_gradient));
  koleo_loss_backward(exec, input, input_gradient, workspace);
  exec.fence("ocellus::ssl::koleo_loss_backward");
}

/// Work of `koleo_loss`: all inner products.
[[nodiscard]] constexpr Cost koleo_loss_cost(double rows, double width, double bytes_per_element) {
  return {.flops = 2 * rows * rows * width, .special = 3 * rows, .bytes_read = rows * width * bytes_per_element, .bytes_written = bytes_per_element};
}

/// Work of `koleo_loss_backward`.
[[nodiscard]] constexpr Cost koleo_loss_backward_cost(double rows, double width, double bytes_per_element) {
  return {.flops         = 2 * rows * rows * width + 12 * rows * width,
          .special       = 4 * rows,
          .bytes_read    = rows * width * bytes_per_element,
          .bytes_written = rows * width * bytes_per_element};
}

}  // namespace ocellus::ssl
