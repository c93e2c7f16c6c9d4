// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/brownian_bridge.hpp>
#include <ocellus/transport/diffusivity_schedule.hpp>

namespace ocellus::transport {

struct SbalignLossOptions {
  Diffusivity schedule = Diffusivity::constant;
  double g_max         = 1.0;
  std::int64_t steps   = 1;  ///< of the sum in beta, at least 1
  double drift_weight = 1.0, end_weight = 1.0, time_weight = 1.0;
};

namespace detail {

/// Both losses' rows: the weighted sum of squares of a row (forward), or the gradients (backward).
template <class Member, class Drift, class Doob, class DoobEnd, class Xt, class X1, class Time, class DriftGradient, class DoobGradient, class DoobEndGradient>
struct SbalignRows {
  Drift drift;
  Doob doob;
  DoobEnd doob_end;
  Xt x_t;
  X1 x1;
  Time t;
  SbalignLossOptions options;
  double* sums;  ///< forward
  DriftGradient drift_gradient;
  DoobGradient doob_gradient;
  DoobEndGradient doob_end_gradient;
  bool add;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    double const time = static_cast<double>(t(i));
    double const left = accumulated_diffusivity(options.schedule, options.g_max, options.steps, 1.0) -
                        accumulated_diffusivity(options.schedule, options.g_max, options.steps, time);
    std::int64_t const width = extent(x_t, 1), rows = extent(x_t, 0);
    double const match = options.drift_weight / (static_cast<double>(rows) * static_cast<double>(width) * static_cast<double>(options.steps));
    double const share = options.time_weight / static_cast<double>(rows), end_share = options.end_weight / static_cast<double>(rows);
    auto const residual = [&](std::int64_t k) {
      return static_cast<double>(drift(i, k)) + static_cast<double>(doob(i, k)) - (static_cast<double>(x1(i, k)) - static_cast<double>(x_t(i, k))) / left;
    };
    bool has_end = false;
    if constexpr (!std::is_same_v<DoobEnd, None>) has_end = is_present(doob_end);
    if (sums != nullptr) {
      double sum = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, width),
          [&](std::int64_t const k, double& partial) {
            double const r = residual(k), h = static_cast<double>(doob(i, k));
            partial += match * r * r + share * h * h;
            if constexpr (!std::is_same_v<DoobEnd, None>) {
              if (has_end) partial += end_share * static_cast<double>(doob_end(i, k)) * static_cast<double>(doob_end(i, k));
            }
          },
          sum);
      Kokkos::single(Kokkos::PerThread(member), [&]() { sums[i] = sum; });
      return;
    }
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
      double const r = 2 * match * residual(k);
      if constexpr (!std::is_same_v<DriftGradient, None>) {
        drift_gradient(i, k) = static_cast<element_t<DriftGradient>>((add ? static_cast<double>(drift_gradient(i, k)) : 0.0) + r);
        doob_gradient(i, k) =
            static_cast<element_t<DoobGradient>>((add ? static_cast<double>(doob_gradient(i, k)) : 0.0) + r + 2 * share * static_cast<double>(doob(i, k)));
      }
      if constexpr (!std::is_same_v<DoobEndGradient, None> && !std::is_same_v<DoobEnd, None>) {
        if (has_end && is_present(doob_end_gradient))
          doob_end_gradient(i, k) = static_cast<element_t<DoobEndGradient>>((add ? static_cast<double>(doob_end_gradient(i, k)) : 0.0) +
                                                                            2 * end_share * static_cast<double>(doob_end(i, k)));
      }
    });
  }
};

template <class Member, class Loss>
struct SumToLoss {
  double const* sums;
  std::int64_t count;
  Loss loss;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member),
                   [&]() { loss() = static_cast<element_t<Loss>>(ordered_sum<double>(count, [&](std::int64_t i) { return sums[i]; })); });
  }
};

template <class Drift, class Doob, class DoobEnd, class Xt, class X1, class Time>
void require_sbalign(char const* function, Drift const& drift, Doob const& doob, DoobEnd const& doob_end, Xt const& x_t, X1 const& x1, Time const& t,
                     SbalignLossOptions const& options) {
  std::int64_t const n = extent(drift, 0), d = extent(drift, 1);
  require(options.steps >= 1, function, "steps is ", options.steps, ", not at least 1");
  require_same_shape(function, "doob", doob, "drift", n, d);
  require_same_shape(function, "x_t", x_t, "drift", n, d);
  require_same_shape(function, "x1", x1, "drift", n, d);
  require_equal(function, {"t.extent(0)", extent(t, 0)}, {"drift.extent(0)", n});
  if constexpr (!std::is_same_v<DoobEnd, None>) {
    if (is_present(doob_end)) require_same_shape(function, "doob_end", doob_end, "drift", n, d);
  }
}

}  // namespace detail

/// Bytes of workspace that `sbalign_loss` takes: a number a row.
template <ExecutionSpace Exec, RealView<2> Drift>
[[nodiscard]] std::size_t sbalign_loss_workspace_size(Exec const&, Drift const& drift) {
  return workspace_bytes<double>(static_cast<std::size_t>(extent(drift, 0)));
}

/// The loss of an aligned Schroedinger bridge.
///
///     w_drift MSE(drift + doob, (x1 - x_t) / (beta(1) - beta(t))) / steps + w_end mean |doob_end|^2 + w_time mean |doob|^2
///
/// with beta as in `diffusivity_schedule`; MSE over all n d entries, the other means over n of squared norms. drift, doob, doob_end (or none), x_t, x1 (n, d),
/// t (n) below 1 -> loss (). Sums are in double. NaN or no rows give NaN; t = 1 an infinite target.
///
/// Errors: `std::invalid_argument` when something does not fit or steps is below 1.
/// Error bound: n d + steps machine epsilons of double of the sum of absolute terms, plus the rounding of the loss.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: V. R. Somnath et al., "Aligned diffusion Schroedinger bridges", 2023.
template <ExecutionSpace Exec, RealView<2> Drift, RealView<2> Doob, OptionalRealView<2> DoobEnd, RealView<2> Xt, RealView<2> X1, RealView<1> Time,
          RealView<0> Loss>
  requires AccessibleFrom<Exec, Drift, Doob, DoobEnd, Xt, X1, Time, Loss>
void sbalign_loss(Exec const& exec, Drift const& drift, Doob const& doob, DoobEnd const& doob_end, Xt const& x_t, X1 const& x1, Time const& t, Loss const& loss,
                  SbalignLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::sbalign_loss";
  detail::require_sbalign(function, drift, doob, doob_end, x_t, x1, t, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const sums = workspace.template take<double*>(function, extent(drift, 0));
  using Rows      = detail::SbalignRows<TeamMember<Exec>, Drift, Doob, DoobEnd, Xt, X1, Time, None, None, None>;
  for_each_row(exec, std::string(function) + "::rows", extent(drift, 0),
               Rows{drift, doob, doob_end, x_t, x1, t, options, sums.data(), none, none, none, false});
  for_each_row(exec, std::string(function) + "::sum", 1, detail::SumToLoss<TeamMember<Exec>, Loss>{sums.data(), extent(drift, 0), loss});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Drift, RealView<2> Doob, OptionalRealView<2> DoobEnd, RealView<2> Xt, RealView<2> X1, RealView<1> Time,
          RealView<0> Loss>
  requires AccessibleFrom<Exec, Drift, Doob, DoobEnd, Xt, X1, Time, Loss>
void sbalign_loss(Exec const& exec, Drift const& drift, Doob const& doob, DoobEnd const& doob_end, Xt const& x_t, X1 const& x1, Time const& t, Loss const& loss,
                  SbalignLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, sbalign_loss_workspace_size(exec, drift));
  sbalign_loss(exec, drift, doob, doob_end, x_t, x1, t, loss, options, workspace);
  exec.fence("ocellus::transport::sbalign_loss");
}

/// Gradients of `sbalign_loss`: drift_gradient, doob_gradient (n, d), doob_end_gradient (n, d) or none. Written, or added to what is there with `accumulate`.
///
/// Errors: as the forward pass. Error bound: 8 machine epsilons of each sum of terms. Determinism: an element depends on its inputs alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Drift, RealView<2> Doob, OptionalRealView<2> DoobEnd, RealView<2> Xt, RealView<2> X1, RealView<1> Time,
          RealView<2> DriftGradient, RealView<2> DoobGradient, OptionalRealView<2> DoobEndGradient>
  requires AccessibleFrom<Exec, Drift, Doob, DoobEnd, Xt, X1, Time, DriftGradient, DoobGradient, DoobEndGradient>
void sbalign_loss_backward(Exec const& exec, Drift const& drift, Doob const& doob, DoobEnd const& doob_end, Xt const& x_t, X1 const& x1, Time const& t,
                           DriftGradient const& drift_gradient, DoobGradient const& doob_gradient, DoobEndGradient const& doob_end_gradient,
                           SbalignLossOptions const& options = {}, bool accumulate = false) {
  constexpr auto function = "ocellus::transport::sbalign_loss_backward";
  detail::require_sbalign(function, drift, doob, doob_end, x_t, x1, t, options);
  std::int64_t const n = extent(drift, 0), d = extent(drift, 1);
  detail::require_same_shape(function, "drift_gradient", drift_gradient, "drift", n, d);
  detail::require_same_shape(function, "doob_gradient", doob_gradient, "drift", n, d);
  if constexpr (!std::is_same_v<DoobEndGradient, None>) {
    if (is_present(doob_end_gradient)) detail::require_same_shape(function, "doob_end_gradient", doob_end_gradient, "drift", n, d);
  }
  using Rows = detail::SbalignRows<TeamMember<Exec>, Drift, Doob, DoobEnd, Xt, X1, Time, DriftGradient, DoobGradient, DoobEndGradient>;
  for_each_row(exec, function, n, Rows{drift, doob, doob_end, x_t, x1, t, options, nullptr, drift_gradient, doob_gradient, doob_end_gradient, accumulate});
}

/// Work for n rows of d entries.
[[nodiscard]] constexpr Cost sbalign_loss_cost(double rows, double width, double bytes_per_element) {
  return {.flops = 10 * rows * width, .special = rows * width, .bytes_read = rows * (5 * width + 1) * bytes_per_element, .bytes_written = bytes_per_element};
}
/// Work of its gradients.
[[nodiscard]] constexpr Cost sbalign_loss_backward_cost(double rows, double width, double bytes_per_element) {
  return {.flops         = 9 * rows * width,
          .special       = rows * width,
          .bytes_read    = rows * (5 * width + 1) * bytes_per_element,
          .bytes_written = 3 * rows * width * bytes_per_element};
}

}  // namespace ocellus::transport
