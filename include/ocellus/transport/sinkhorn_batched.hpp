// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/host_arrays.hpp>
#include <ocellus/transport/detail/point_cloud_solver.hpp>
#include <ocellus/transport/sinkhorn_point_cloud.hpp>

namespace ocellus::transport {

struct SinkhornBatchedOptions {
  double epsilon              = 0.0;   ///< strength of the entropy, above 0; there is no default
  double tolerance            = 1e-6;  ///< L1 error of the worse marginal as a share of the total mass
  std::int64_t max_iterations = 1000;  ///< of the last stage of epsilon
  double epsilon_start        = 0.0;   ///< above epsilon: anneal from here; 0: no annealing
  double epsilon_decay        = 0.5;   ///< factor from one stage of epsilon to the next
  GroundCost cost             = GroundCost::squared_euclidean;
  PlanReference reference     = PlanReference::product;
};

struct SinkhornBatchedResult {
  bool converged               = false;  ///< every problem did
  std::int64_t converged_count = 0;
  double worst_marginal_error  = 0;  ///< the largest of the problems' marginal errors
};

namespace detail {

/// Rows [first, last) of a View, or none.
template <class V>
[[nodiscard]] auto rows_between(V const& view, std::int64_t first, std::int64_t last) {
  if constexpr (std::is_same_v<V, None>) {
    return none;
  } else {
    using Slice = Kokkos::View<typename V::data_type, Kokkos::LayoutStride, typename V::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    if (!is_present(view)) return Slice();
    Kokkos::LayoutStride layout;
    for (std::size_t axis = 0; axis < V::rank(); ++axis) {
      layout.dimension[axis] = axis == 0 ? static_cast<std::size_t>(last - first) : view.extent(axis);
      layout.stride[axis]    = view.stride(axis);
    }
    return Slice(view.data() + first * static_cast<std::int64_t>(view.stride(0)), layout);
  }
}

/// Offsets on the host: from 0 up to `total`, each problem with a row.
template <ExecutionSpace Exec, class Offsets>
[[nodiscard]] std::vector<std::int64_t> read_offsets(Exec const& exec, std::string const& function, std::string const& name, Offsets const& offsets,
                                                     std::int64_t total, char const* total_name) {
  auto const values = to_host(exec, function, offsets);
  std::vector<std::int64_t> result(values.size());
  for (std::size_t k = 0; k < values.size(); ++k) result[k] = static_cast<std::int64_t>(values[k]);
  require(result[0] == 0, function, name, "(0) is ", result[0], ", not 0");
  for (std::size_t k = 1; k < result.size(); ++k)
    require(result[k] > result[k - 1], function, "problem ", k - 1, " is empty: ", name, "(", k, ") is ", result[k], " after ", result[k - 1]);
  require_equal(function, {"the last of " + name, result.back()}, {total_name, total});
  return result;
}

/// Scratch of a thread that small problems may take, in bytes; larger ones are solved one after the other, by all threads.
inline constexpr std::size_t batched_scratch_limit = std::size_t{4} << 20;

/// Problem k, solved by whatever runner: launches, or one thread inside a kernel.
template <class Member, class X, class Y, class A, class B, class F, class G>
struct BatchedProblems {
  X x;
  Y y;
  A a;
  B b;
  F f;
  G g;
  std::int64_t const* from_x;
  std::int64_t const* from_y;
  GroundCost cost;
  SolverSettings settings;
  double* spent;
  double* objective;
  double* error;
  char* done;
  std::size_t bytes;

  template <class Runner>
  void solve(Runner const& run, std::int64_t k, Workspace<typename Runner::Space>& workspace, bool with_buffer) const {
    typename Workspace<typename Runner::Space>::Scope const scope(workspace);
    auto const own      = [&](auto const& view) { return rows_between(view, from_x[k], from_x[k + 1]); };
    auto const other    = [&](auto const& view) { return rows_between(view, from_y[k], from_y[k + 1]); };
    auto const solution = solve_clouds_in(run, own(x), other(y), own(a), other(b), cost, settings, workspace, with_buffer);
    write_potentials(run, solution.outcome, solution.problem, own(f), other(g));
    spent[k]     = solution.outcome.result.transport_cost;
    objective[k] = solution.outcome.result.regularised_cost;
    error[k]     = solution.outcome.result.marginal_error;
    done[k]      = solution.outcome.result.converged ? 1 : 0;
  }

  /// Refuses what the solver would, on the host.
  void check(std::string const& function, std::int64_t k) const {
    auto const side = [&](auto const& cloud, auto const& masses, std::int64_t const* from, char const* cloud_name, char const* mass_name) {
      for (std::int64_t i = from[k]; i < from[k + 1]; ++i) {
        double squared = 0;
        for (std::int64_t c = 0; c < extent(cloud, 1); ++c) squared += static_cast<double>(cloud(i, c)) * static_cast<double>(cloud(i, c));
        require(squared < std::numeric_limits<double>::infinity(), function, cloud_name, " holds NaN or infinity in problem ", k);
        require(cost != GroundCost::cosine || squared > 0, function, cloud_name, " holds a point at the origin, which has no cosine, in problem ", k);
      }
      double total = 1;
      if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(masses)>, None>) {
        if (is_present(masses)) {
          total = 0;
          for (std::int64_t i = from[k]; i < from[k + 1]; ++i) {
            double const mass = static_cast<double>(masses(i));
            require(!(mass < 0), function, mass_name, " holds a negative mass, ", mass, ", in problem ", k);
            require(mass - mass == 0, function, mass_name, " holds a mass that is NaN or infinite in problem ", k);
            total += mass;
          }
          require(total > 0, function, "the total mass of ", mass_name, " is zero in problem ", k);
        }
      }
      return total;
    };
    double const total_a = side(x, a, from_x, "x", "a"), total_b = side(y, b, from_y, "y", "b");
    require_equal_totals(function, total_a, total_b);
  }

  /// One thread, one problem; hosts only.
  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    if constexpr (is_host_execution_v<typename Member::execution_space>) {
      std::string const function = "ocellus::transport::sinkhorn_batched";
      Kokkos::View<std::byte*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const
          scratch(member.thread_scratch(1), bytes + workspace_alignment);
      Workspace<Kokkos::HostSpace> workspace(Kokkos::View<std::byte*, Kokkos::HostSpace>(scratch.data(), bytes + workspace_alignment));
      solve(SequentialRunner<Member>{member, function}, k, workspace, true);
    }
  }
};

}  // namespace detail

/// Balanced entropic transport of many ragged pairs of point clouds in one call.
///
/// Problem k has the rows x_offsets[k] .. x_offsets[k+1]-1 of x and a and f, and y_offsets likewise; it is solved as by `sinkhorn_point_cloud`, and each result
/// equals that of its own call bit for bit. x (sum n, d), y (sum m, d), x_offsets, y_offsets (B + 1), from 0 on and rising, a (sum n) or none, b (sum m) or none
/// (uniform in each problem) -> f (sum n), g (sum m), each with sum_i a_i f_i = 0, transport_cost (B), regularised_cost (B), converged (B) or none.
///
/// Errors: as `sinkhorn_point_cloud`; a problem without rows on either side is refused, and so are offsets that do not fit.
/// Error bound: as `sinkhorn_point_cloud`. Determinism: a problem's bits depend on that problem alone, not on the others or the number of threads.
/// Hosts solve problems of up to a few hundred points in one launch, a thread a problem; larger ones, and all on devices, one after the other.
/// Allocates: its scratch. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, IndexView<1> XOffsets, IndexView<1> YOffsets, OptionalRealView<1> A, OptionalRealView<1> B,
          RealView<1> F, RealView<1> G, RealView<1> TransportCost, RealView<1> RegularisedCost, OptionalMaskView<1> Converged>
  requires AccessibleFrom<Exec, X, Y, XOffsets, YOffsets, A, B, F, G, TransportCost, RegularisedCost, Converged> && RealScalar<element_t<X>>
      SinkhornBatchedResult sinkhorn_batched(Exec const& exec, X const& x, Y const& y, XOffsets const& x_offsets, YOffsets const& y_offsets, A const& a,
                                             B const& b, F const& f, G const& g, TransportCost const& transport_cost, RegularisedCost const& regularised_cost,
                                             Converged const& converged, SinkhornBatchedOptions const& options) {
    constexpr auto function     = "ocellus::transport::sinkhorn_batched";
    using Real                  = element_t<X>;
    auto settings               = detail::solver_settings(function, options);
    settings.reference          = options.reference;
    std::int64_t const problems = extent(x_offsets, 0) - 1;
    require(problems >= 0, function, "x_offsets is empty");
    require_equal(function, {"y_offsets.extent(0)", extent(y_offsets, 0)}, {"x_offsets.extent(0)", problems + 1});
    require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
    detail::require_masses(function, "a.extent(0)", a, {"x.extent(0)", extent(x, 0)});
    detail::require_masses(function, "b.extent(0)", b, {"y.extent(0)", extent(y, 0)});
    require_equal(function, {"f.extent(0)", extent(f, 0)}, {"x.extent(0)", extent(x, 0)});
    require_equal(function, {"g.extent(0)", extent(g, 0)}, {"y.extent(0)", extent(y, 0)});
    require_equal(function, {"transport_cost.extent(0)", extent(transport_cost, 0)}, {"x_offsets.extent(0) - 1", problems});
    require_equal(function, {"regularised_cost.extent(0)", extent(regularised_cost, 0)}, {"x_offsets.extent(0) - 1", problems});
    detail::require_masses(function, "converged.extent(0)", converged, {"x_offsets.extent(0) - 1", problems});
    auto const from_x = detail::read_offsets(exec, function, "x_offsets", x_offsets, extent(x, 0), "x.extent(0)");
    auto const from_y = detail::read_offsets(exec, function, "y_offsets", y_offsets, extent(y, 0), "y.extent(0)");
    auto const count  = static_cast<std::size_t>(problems);
    std::size_t bytes = 0;
    for (std::size_t k = 0; k < count; ++k) {
      std::size_t const one = detail::cloud_solver_bytes<Real>(from_x[k + 1] - from_x[k], from_y[k + 1] - from_y[k], extent(x, 1), is_host_execution_v<Exec>);
      bytes                 = one > bytes ? one : bytes;
    }
    SinkhornBatchedResult result;
    std::vector<double> spent(count), objective(count), error(count);
    std::vector<char> done(count);
    using Problems = detail::BatchedProblems<TeamMember<Exec>, X, Y, A, B, F, G>;
    Problems const batch{x,           y,    a, b, f, g, from_x.data(), from_y.data(), options.cost, settings, spent.data(), objective.data(), error.data(),
                         done.data(), bytes};
    bool in_one_launch = false;
    if constexpr (is_host_execution_v<Exec>) {
      // A thread owns a problem. What would be refused there is refused here, before anything runs.
      if (bytes <= detail::batched_scratch_limit) {
        exec.fence(function);
        for (std::size_t k = 0; k < count; ++k) batch.check(function, static_cast<std::int64_t>(k));
        for_each_row(exec, function, problems, batch, bytes + 2 * workspace_alignment);
        exec.fence(function);
        in_one_launch = true;
      }
    }
    if (!in_one_launch) {
      WorkspaceFor<Exec> workspace(exec, bytes);
      for (std::size_t k = 0; k < count; ++k) batch.solve(detail::LaunchRunner<Exec>{exec, function}, static_cast<std::int64_t>(k), workspace, false);
      exec.fence(function);  // the last problem's potentials are written from the workspace
    }
    for (std::size_t k = 0; k < count; ++k) {
      result.converged_count += done[k] != 0 ? 1 : 0;
      result.worst_marginal_error = error[k] <= result.worst_marginal_error ? result.worst_marginal_error : error[k];
    }
    result.converged = result.converged_count == problems;
    detail::to_device(exec, function, transport_cost, spent);
    detail::to_device(exec, function, regularised_cost, objective);
    detail::to_device(exec, function, converged, done);
    return result;
  }

/// Work of `problems` of n x m points and `iterations` each.
[[nodiscard]] constexpr Cost sinkhorn_batched_cost(double problems, double rows, double columns, double width, double iterations, double bytes_per_element) {
  return problems * sinkhorn_point_cloud_cost(rows, columns, width, iterations, bytes_per_element);
}

}  // namespace ocellus::transport
