// SPDX-License-Identifier: Apache-2.0

#include "mapping.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/profiling/pca.hpp>
#include <ocellus/transport/barycentric_map.hpp>
#include <ocellus/transport/plan_apply.hpp>
#include <ocellus/transport/plan_top_entries.hpp>
#include <ocellus/transport/sinkhorn_divergence.hpp>
#include <ocellus/transport/sinkhorn_point_cloud.hpp>

#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec   = Kokkos::DefaultExecutionSpace;
using Matrix = Tensor<double**, Exec::memory_space>;

Matrix on_device(HostTensor<double**> const& host) {
  Matrix const copy(Kokkos::view_alloc(std::string("ocellus::examples::points"), Kokkos::WithoutInitializing), host.extent(0), host.extent(1));
  Kokkos::deep_copy(copy, host);
  return copy;
}

template <class View>
auto on_host(View const& view) {
  return Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), view);
}

HostTensor<double**> stacked(HostTensor<double**> const& x, HostTensor<double**> const& y) {
  auto const all =
      make_host_tensor<double**>("ocellus::examples::points", static_cast<std::int64_t>(x.extent(0) + y.extent(0)), static_cast<std::int64_t>(x.extent(1)));
  for (std::size_t i = 0; i < all.extent(0); ++i) {
    for (std::size_t d = 0; d < all.extent(1); ++d) all(i, d) = i < x.extent(0) ? x(i, d) : y(i - x.extent(0), d);
  }
  return all;
}

HostTensor<double**> rows_of(HostTensor<double**> const& all, std::vector<std::size_t> const& rows) {
  auto const some = make_host_tensor<double**>("ocellus::examples::points", static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(all.extent(1)));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t d = 0; d < all.extent(1); ++d) some(i, d) = all(rows[i], d);
  }
  return some;
}

/// The mean of |x_i - y_j|^2 over all pairs.
double mean_cost(HostTensor<double**> const& x, HostTensor<double**> const& y) {
  double cost = 0;
  for (std::size_t d = 0; d < x.extent(1); ++d) {
    auto const moments = [&](HostTensor<double**> const& points) {
      double mean = 0, squares = 0;
      for (std::size_t i = 0; i < points.extent(0); ++i) mean += points(i, d), squares += points(i, d) * points(i, d);
      return std::pair(mean / static_cast<double>(points.extent(0)), squares / static_cast<double>(points.extent(0)));
    };
    auto const a = moments(x), b = moments(y);
    cost += a.second + b.second - 2 * a.first * b.first;
  }
  return cost;
}

/// A seeded shuffle of 0 .. count - 1: Fisher and Yates.
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint32_t sample) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  RandomSequence const random{.seed = seed, .stream = RandomStream::permutation, .step = 0, .sample = sample};
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(i, static_cast<std::uint32_t>(i))]);
  return order;
}

/// Which of `blocks` equal groups each point is in, in the order of the first component: a matrix (points, blocks) of 0 and 1.
HostTensor<double**> group_indicators(HostTensor<double**> const& points) {
  std::vector<std::size_t> order(points.extent(0));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points(a, 0) < points(b, 0); });
  auto const indicators = make_host_tensor<double**>("ocellus::examples::groups", static_cast<std::int64_t>(points.extent(0)), Mapping::blocks);
  Kokkos::deep_copy(indicators, 0.0);
  for (std::size_t place = 0; place < order.size(); ++place) indicators(order[place], place * static_cast<std::size_t>(Mapping::blocks) / order.size()) = 1;
  return indicators;
}

/// Both populations on their common principal components.
void reduce(Populations const& p, Settings const& settings, Exec const& exec, Mapping& m, profiling::PcaFit<Exec::memory_space>& fit) {
  auto const all           = stacked(p.x, p.y);
  std::int64_t const most  = std::min(static_cast<std::int64_t>(all.extent(0)), static_cast<std::int64_t>(all.extent(1)));
  std::int64_t const count = std::min(settings.components, most);
  auto const points        = on_device(all);
  fit                      = profiling::fit_pca(exec, points, none, {.components = count});
  if (!fit.converged) throw UserError("the principal components of the populations could not be computed");
  auto const scores = make_tensor<double**>(exec, "ocellus::examples::scores", static_cast<std::int64_t>(all.extent(0)), count);
  profiling::apply_pca(exec, fit, points, scores);
  auto const host = on_host(scores);
  std::vector<std::size_t> first(p.x.extent(0)), second(p.y.extent(0));
  std::iota(first.begin(), first.end(), std::size_t{0});
  std::iota(second.begin(), second.end(), first.size());
  m.x                  = rows_of(host, first);
  m.y                  = rows_of(host, second);
  auto const explained = on_host(fit.explained_variance_ratio);
  m.explained          = make_host_tensor<double*>("ocellus::examples::explained", count);
  for (std::int64_t k = 0; k < count; ++k) m.explained(k) = explained(k);
}

/// The divergence of the populations against that of shuffled ones: the share of shuffles that are at least as far apart.
void permutation_test(Settings const& settings, Exec const& exec, Mapping& m) {
  auto const part = [&](HostTensor<double**> const& points, std::uint32_t sample) {
    auto order = shuffled(points.extent(0), settings.seed, sample);
    if (order.size() > static_cast<std::size_t>(settings.permutation_rows)) order.resize(static_cast<std::size_t>(settings.permutation_rows));
    return rows_of(points, order);
  };
  auto const x = part(m.x, 0), y = part(m.y, 1), all = stacked(x, y);
  m.test_x = static_cast<std::int64_t>(x.extent(0));
  m.test_y = static_cast<std::int64_t>(y.extent(0));
  // Differences between shuffles are far larger than what the last digits of the tolerance give.
  transport::SinkhornDivergenceOptions const options{
      .epsilon = m.epsilon, .tolerance = std::max(settings.tolerance, 1e-3), .max_iterations = settings.max_iterations};
  auto const divergence = [&](std::vector<std::size_t> const& order) {
    std::vector<std::size_t> const first(order.begin(), order.begin() + m.test_x), second(order.begin() + m.test_x, order.end());
    return transport::sinkhorn_divergence(exec, on_device(rows_of(all, first)), on_device(rows_of(all, second)), none, none, options).divergence;
  };
  std::vector<std::size_t> order(all.extent(0));
  std::iota(order.begin(), order.end(), std::size_t{0});
  m.test_divergence = divergence(order);
  Progress progress("Shuffles", static_cast<std::size_t>(settings.permutations));
  std::int64_t as_far = 0;
  for (std::int64_t s = 0; s < settings.permutations; ++s) {
    m.permuted.push_back(divergence(shuffled(order.size(), settings.seed, static_cast<std::uint32_t>(2 + s))));
    if (!(m.permuted.back() < m.test_divergence)) ++as_far;
    progress.update(static_cast<std::size_t>(s + 1), 0);
  }
  m.p_value = static_cast<double>(1 + as_far) / static_cast<double>(1 + settings.permutations);
}

}  // namespace

Mapping map_populations(Populations const& p, Settings const& settings) {
  Exec const exec;
  Mapping m;
  profiling::PcaFit<Exec::memory_space> fit;
  reduce(p, settings, exec, m, fit);
  m.mean_cost = mean_cost(m.x, m.y);
  if (!(m.mean_cost > 0)) throw UserError("all points of both populations are the same: there is nothing to move");
  m.epsilon = settings.epsilon * m.mean_cost;

  auto const x = on_device(m.x), y = on_device(m.y);
  std::int64_t const n = extent(x, 0), count = extent(y, 0), width = extent(x, 1);
  auto const f = make_tensor<double*>(exec, "ocellus::examples::f", n);
  auto const g = make_tensor<double*>(exec, "ocellus::examples::g", count);
  m.coupling   = transport::sinkhorn_point_cloud(
        exec, x, y, none, none, f, g,
        {.epsilon = m.epsilon, .tolerance = settings.tolerance, .max_iterations = settings.max_iterations, .epsilon_start = m.mean_cost});
  if (!m.coupling.converged)
    throw UserError("the coupling did not reach --tolerance " + number(settings.tolerance) + " in " + std::to_string(m.coupling.iterations) +
                    " iterations; its marginals are off by " + number(m.coupling.marginal_error) + ": raise --max-iterations, --epsilon or --tolerance");

  auto const mapped = make_tensor<double**>(exec, "ocellus::examples::mapped", n, width);
  transport::barycentric_map(exec, x, y, none, g, mapped, {.epsilon = m.epsilon});
  std::int64_t const top = std::min(settings.top, count);
  auto const mass        = make_tensor<double**>(exec, "ocellus::examples::mass", n, top);
  auto const places      = make_tensor<std::int64_t**>(exec, "ocellus::examples::places", n, top);
  transport::plan_top_entries(exec, x, y, none, none, f, g, mass, places, {.epsilon = m.epsilon});
  auto const groups = on_device(group_indicators(m.y));
  auto const blocks = make_tensor<double**>(exec, "ocellus::examples::blocks", n, Mapping::blocks);
  transport::plan_apply(exec, x, y, none, none, f, g, groups, blocks, {.epsilon = m.epsilon});
  exec.fence();
  m.mapped     = on_host(mapped);
  m.top_mass   = on_host(mass);
  m.top_target = on_host(places);
  for (std::size_t i = 0; i < m.top_mass.extent(0); ++i) {
    for (std::size_t k = 0; k < m.top_mass.extent(1); ++k) m.top_mass(i, k) *= static_cast<double>(n);
  }
  auto const block_host = on_host(blocks);
  auto const own        = group_indicators(m.x);
  m.plan_blocks         = make_host_tensor<double**>("ocellus::examples::plan_blocks", Mapping::blocks, Mapping::blocks);
  Kokkos::deep_copy(m.plan_blocks, 0.0);
  for (std::size_t i = 0; i < own.extent(0); ++i) {
    std::size_t const group = static_cast<std::size_t>(std::distance(&own(i, 0), std::find(&own(i, 0), &own(i, 0) + Mapping::blocks, 1.0)));
    for (std::size_t j = 0; j < block_host.extent(1); ++j) m.plan_blocks(group, j) += block_host(i, j);
  }

  // Back from components to features: mean + components (components are orthonormal), then the source's unit.
  auto const mean   = on_host(fit.mean);
  auto const axes   = on_host(fit.components);
  m.mapped_features = make_host_tensor<double**>("ocellus::examples::mapped_features", n, static_cast<std::int64_t>(p.features.size()));
  double squares    = 0;
  for (std::size_t i = 0; i < m.mapped.extent(0); ++i) {
    for (std::size_t d = 0; d < p.features.size(); ++d) {
      double value = mean(d);
      for (std::size_t k = 0; k < m.mapped.extent(1); ++k) value += axes(d, k) * m.mapped(i, k);
      m.mapped_features(i, d) = p.mean[d] + p.deviation[d] * value;
    }
    for (std::size_t k = 0; k < m.mapped.extent(1); ++k) squares += (m.mapped(i, k) - m.x(i, k)) * (m.mapped(i, k) - m.x(i, k));
  }
  m.moved = std::sqrt(squares / static_cast<double>(n));

  auto const between = transport::sinkhorn_divergence(
      exec, x, y, none, none, {.epsilon = m.epsilon, .tolerance = settings.tolerance, .max_iterations = settings.max_iterations, .epsilon_start = m.mean_cost});
  m.divergence           = between.divergence;
  m.divergence_converged = between.converged;
  if (settings.permutations > 0) permutation_test(settings, exec, m);
  return m;
}

}  // namespace ocellus::examples
