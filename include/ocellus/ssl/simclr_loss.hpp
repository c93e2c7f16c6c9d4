// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/vector_math.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/normalize_kernel.hpp>
#include <ocellus/ssl/detail/product_tiles.hpp>

namespace ocellus::ssl {

struct SimclrLossOptions {
  double temperature = 0.1;
  bool normalize     = true;  ///< rows to length 1
};

namespace detail {

/// Shorter rows are divided by this: sqrt(max(|x|^2, 1e-12)).
inline constexpr double simclr_floor = 1e-6;

/// Row i of both views together: the log of the sum of exponentials over all other rows, and the term of the loss.
template <class Member, class Rows>
struct SimclrRows {
  Rows rows;  ///< (2 B, D)
  double temperature;
  double *log_sum_exp, *terms;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    std::int64_t const count = extent(rows, 0), pairs = count / 2, partner = i < pairs ? i + pairs : i - pairs;
    double largest = 0, sum = 0, positive = 0;
    bool first = true;
    for (std::int64_t j = 0; j < count; ++j) {
      if (j == i) continue;
      double const s = row_dot(member, rows, i, rows, j) / temperature;
      if (j == partner) positive = s;
      if (first || s > largest) {
        sum     = first ? 1.0 : sum * Kokkos::exp(largest - s) + 1.0;
        largest = s;
        first   = false;
      } else {
        sum += Kokkos::exp(s - largest);
      }
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      log_sum_exp[i] = largest + Kokkos::log(sum);
      terms[i]       = (log_sum_exp[i] - positive) / static_cast<double>(pairs);
    });
  }
};

/// The gradient of row i: sum over j of (p_ij + p_ji) row j, less twice its partner.
template <class Member, class Rows, class Gradient>
struct SimclrGradient {
  Rows rows;
  Gradient gradient;
  double temperature;
  double const* log_sum_exp;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    std::int64_t const count = extent(rows, 0), pairs = count / 2, partner = i < pairs ? i + pairs : i - pairs, width = extent(rows, 1);
    double const scale = 1.0 / (temperature * static_cast<double>(pairs));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { gradient(i, d) = 0; });
    for (std::int64_t j = 0; j < count; ++j) {
      if (j == i) continue;
      double const s      = row_dot(member, rows, i, rows, j) / temperature;
      double const factor = scale * (Kokkos::exp(s - log_sum_exp[i]) + Kokkos::exp(s - log_sum_exp[j]) - (j == partner ? 2.0 : 0.0));
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { gradient(i, d) += factor * rows(j, d); });
    }
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// The same on hosts from a tile of products, one row a call: its columns join those before, piece by piece; the last piece ends the row.
template <class Member, class Tile>
struct SimclrRowsOfTile {
  Tile tile;
  double inverse_temperature;
  double *log_sum_exp, *terms, *positive;  ///< between pieces, the largest, the sum of exponentials and the partner's
  std::int64_t first_row, first_column, columns, count;

  void operator()(Member const&, std::int64_t row) const {
    using V                = Simd<double>;
    constexpr double least = -__builtin_inf();
    std::int64_t const i = first_row + row, pairs = count / 2, partner = i < pairs ? i + pairs : i - pairs;
    double* const line = &tile(row, 0);
    for (std::int64_t j = columns; j % V::width != 0; ++j) line[j] = least;
    if (i >= first_column && i < first_column + columns) line[i - first_column] = least;
    if (partner >= first_column && partner < first_column + columns) positive[i] = line[partner - first_column] * inverse_temperature;
    V const by(inverse_temperature);
    V most(least);
    for (std::int64_t j = 0; j < columns; j += V::width) most = max(V::load(line + j), most);
    double largest = first_column == 0 ? least : log_sum_exp[i];
    for (int lane = 0; lane < V::width; ++lane) largest = most[lane] * inverse_temperature > largest ? most[lane] * inverse_temperature : largest;
    V const shift(largest == least ? 0.0 : largest);
    V sum(0.0);
    for (std::int64_t j = 0; j < columns; j += V::width) sum += exp(V::load(line + j) * by - shift);
    double total = sum_of_lanes(sum);
    if (first_column > 0) total += terms[i] * exp(Simd<double, 1>(log_sum_exp[i] - shift[0]))[0];
    log_sum_exp[i] = largest;
    terms[i]       = total;
    if (first_column + columns < count) return;
    log_sum_exp[i] = largest + log(Simd<double, 1>(total))[0];
    terms[i]       = (log_sum_exp[i] - positive[i]) / static_cast<double>(pairs);
  }
};

/// Turns a row of products into the factors of the gradient: (p_ij + p_ji) / (B T), less two shares at the partner; 0 at the row itself.
template <class Member, class Tile>
struct SimclrFactorsOfTile {
  Tile tile;
  double inverse_temperature, scale;
  double const* log_sum_exp;
  std::int64_t first_row, first_column, columns, count;

  void operator()(Member const&, std::int64_t row) const {
    using V              = Simd<double>;
    std::int64_t const i = first_row + row, pairs = count / 2, partner = i < pairs ? i + pairs : i - pairs;
    double* const line = &tile(row, 0);
    V const by(inverse_temperature), own(log_sum_exp[i]), factor(scale);
    for (std::int64_t j = 0; j < columns; j += V::width) {
      std::int64_t const some = columns - j < V::width ? columns - j : V::width;
      V const s               = V::load(line + j) * by;
      (factor * (exp(s - own) + exp(s - V::load(log_sum_exp + first_column + j, some)))).store(line + j);
    }
    if (partner >= first_column && partner < first_column + columns) line[partner - first_column] -= 2.0 * scale;
    if (i >= first_column && i < first_column + columns) line[i - first_column] = 0;
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

template <ExecutionSpace Exec>
struct SimclrState {
  UnmanagedTensor<double**, typename Exec::memory_space> rows;
  UnmanagedTensor<double*, typename Exec::memory_space> log_sum_exp, terms;
};

template <class First, class Second>
void check_simclr(char const* function, First const& first, Second const& second, SimclrLossOptions const& options) {
  require_equal(function, {"second.extent(0)", extent(second, 0)}, {"first.extent(0)", extent(first, 0)});
  require_equal(function, {"second.extent(1)", extent(second, 1)}, {"first.extent(1)", extent(first, 1)});
  require(options.temperature > 0, function, "temperature is ", options.temperature, " but must be positive");
}

/// Without normalising, rows are divided by 1.
template <ExecutionSpace Exec, class First, class Second>
[[nodiscard]] SimclrState<Exec> run_simclr(Exec const& exec, char const* function, First const& first, Second const& second, SimclrLossOptions const& options,
                                           WorkspaceFor<Exec>& workspace) {
  std::int64_t const pairs = extent(first, 0);
  SimclrState<Exec> state;
  state.rows        = workspace.template take<double**>(function, 2 * pairs, extent(first, 1));
  state.log_sum_exp = workspace.template take<double*>(function, 2 * pairs);
  state.terms       = workspace.template take<double*>(function, 2 * pairs);
  using Member      = TeamMember<Exec>;
  using Rows        = decltype(state.rows);
  for_each_row(exec, "ocellus::ssl::simclr_loss::normalize", pairs,
               NormalizeRows<Member, First, Rows>{first, state.rows, {simclr_floor, options.normalize}, 0});
  for_each_row(exec, "ocellus::ssl::simclr_loss::normalize", pairs,
               NormalizeRows<Member, Second, Rows>{second, state.rows, {simclr_floor, options.normalize}, pairs});
  if constexpr (is_host_execution_v<Exec>) {
    auto const positive = workspace.template take<double*>(function, 2 * pairs);
    for_each_product_tile(
        exec, function, state.rows, workspace, [&](std::int64_t row, std::int64_t some, std::int64_t column, std::int64_t columns, auto const& tile) {
          for_each_row(exec, "ocellus::ssl::simclr_loss::rows", some,
                       SimclrRowsOfTile<Member, std::remove_cvref_t<decltype(tile)>>{tile, 1.0 / options.temperature, state.log_sum_exp.data(),
                                                                                     state.terms.data(), positive.data(), row, column, columns, 2 * pairs});
        });
  } else {
    for_each_row(exec, "ocellus::ssl::simclr_loss::rows", 2 * pairs,
                 SimclrRows<Member, Rows>{state.rows, options.temperature, state.log_sum_exp.data(), state.terms.data()});
  }
  return state;
}

/// The gradient of the rows of length 1: on hosts a tile of factors times the rows of its columns, one chain over all of them.
template <ExecutionSpace Exec, class Gradient>
void simclr_gradient(Exec const& exec, char const* function, SimclrState<Exec> const& state, double temperature, Gradient const& gradient,
                     WorkspaceFor<Exec>& workspace) {
  using Member             = TeamMember<Exec>;
  std::int64_t const count = extent(state.rows, 0);
  if constexpr (is_host_execution_v<Exec>) {
    double const scale = 1.0 / (temperature * static_cast<double>(count / 2));
    auto const range   = [](std::int64_t first, std::int64_t some) {
      return Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + some));
    };
    for_each_product_tile(
        exec, function, state.rows, workspace, [&](std::int64_t row, std::int64_t some, std::int64_t column, std::int64_t columns, auto const& tile) {
          for_each_row(exec, "ocellus::ssl::simclr_loss_backward::factors", some,
                       SimclrFactorsOfTile<Member, std::remove_cvref_t<decltype(tile)>>{tile, 1.0 / temperature, scale, state.log_sum_exp.data(), row, column,
                                                                                        columns, count});
          linalg::matmul(exec, Kokkos::subview(tile, range(0, some), range(0, columns)), Kokkos::subview(state.rows, range(column, columns), Kokkos::ALL),
                         Kokkos::subview(gradient, range(row, some), Kokkos::ALL), {.accumulate = column > 0});
        });
  } else {
    using Rows = std::remove_cvref_t<decltype(state.rows)>;
    for_each_row(exec, "ocellus::ssl::simclr_loss_backward::rows", count,
                 SimclrGradient<Member, Rows, Gradient>{state.rows, gradient, temperature, state.log_sum_exp.data()});
  }
}

template <ExecutionSpace Exec, class First>
[[nodiscard]] std::size_t simclr_bytes(Exec const& exec, First const& first) {
  return product_tiles_bytes<double>(exec, 2 * extent(first, 0), extent(first, 1)) + workspace_bytes<double>(2 * element_count(first)) +
         3 * workspace_bytes<double>(2 * first.extent(0));
}

}  // namespace detail

/// Bytes of workspace that `simclr_loss` takes.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<0> Loss>
[[nodiscard]] std::size_t simclr_loss_workspace_size(Exec const& exec, First const& first, Second const&, Loss const&, SimclrLossOptions const& = {}) {
  return detail::simclr_bytes(exec, first) + workspace_bytes<double>((2 * first.extent(0) + reduction_block - 1) / reduction_block);
}

/// Two views of each sample should be near, all others far.
///
///     z = x / sqrt(max(|x|^2, 1e-12));   loss = sum over both views of mean_i -log(exp(<z_i, z_p(i)> / T) / sum_{j != i} exp(<z_i, z_j> / T)),  p(i) the partner
///
/// first, second (B, D) -> loss (): the sum of the two means, twice the usual NT-Xent. A sample is not its own negative. No pairs: 0. Similarities are formed in
/// tiles; no matrix of them is stored.
///
/// Errors: `std::invalid_argument` when the shapes differ or the temperature is not positive.
/// Error bound: (D + 8) (1 + 1 / temperature) machine epsilons of double, absolute, plus the rounding of the loss.
/// Determinism: rows enter in their order; terms are summed by the tree of core/reduce.hpp. Allocates: nothing. Synchronises: no.
/// Source: T. Chen et al., "A simple framework for contrastive learning of visual representations", arXiv 2002.05709.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<0> Loss>
  requires AccessibleFrom<Exec, First, Second, Loss>
void simclr_loss(Exec const& exec, First const& first, Second const& second, Loss const& loss, SimclrLossOptions const& options,
                 WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::simclr_loss";
  detail::check_simclr(function, first, second, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state = detail::run_simclr(exec, function, first, second, options, workspace);
  sum(exec, state.terms, loss, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<0> Loss>
  requires AccessibleFrom<Exec, First, Second, Loss>
void simclr_loss(Exec const& exec, First const& first, Second const& second, Loss const& loss, SimclrLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, simclr_loss_workspace_size(exec, first, second, loss, options));
  simclr_loss(exec, first, second, loss, options, workspace);
  exec.fence("ocellus::ssl::simclr_loss");
}

/// Bytes of workspace that `simclr_loss_backward` takes.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<2> FirstGradient, RealView<2> SecondGradient>
[[nodiscard]] std::size_t simclr_loss_backward_workspace_size(Exec const& exec, First const& first, Second const&, FirstGradient const&, SecondGradient const&,
                                                              SimclrLossOptions const& = {}) {
  return detail::simclr_bytes(exec, first) + workspace_bytes<double>(2 * element_count(first));
}

/// The gradients of `simclr_loss` for both views.
///
///     z_gradient_i = (sum_{j != i} (p_ij + p_ji) z_j - 2 z_p(i)) / (B T),  p_ij = exp(<z_i, z_j> / T) / sum_{k != i} exp(<z_i, z_k> / T); then the normalisation
///
/// first, second (B, D) -> first_gradient, second_gradient (B, D).
///
/// Errors: as `simclr_loss`; when a gradient does not fit.
/// Error bound: (D + 8) (1 + 1 / temperature)^2 machine epsilons of double over |x|, plus the rounding of the output.
/// Determinism: rows enter in their order. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<2> FirstGradient, RealView<2> SecondGradient>
  requires AccessibleFrom<Exec, First, Second, FirstGradient, SecondGradient>
void simclr_loss_backward(Exec const& exec, First const& first, Second const& second, FirstGradient const& first_gradient,
                          SecondGradient const& second_gradient, SimclrLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::simclr_loss_backward";
  detail::check_simclr(function, first, second, options);
  require_equal(function, {"first_gradient.extent(0)", extent(first_gradient, 0)}, {"first.extent(0)", extent(first, 0)});
  require_equal(function, {"first_gradient.extent(1)", extent(first_gradient, 1)}, {"first.extent(1)", extent(first, 1)});
  require_equal(function, {"second_gradient.extent(0)", extent(second_gradient, 0)}, {"first.extent(0)", extent(first, 0)});
  require_equal(function, {"second_gradient.extent(1)", extent(second_gradient, 1)}, {"first.extent(1)", extent(first, 1)});
  std::int64_t const pairs = extent(first, 0);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state    = detail::run_simclr(exec, function, first, second, options, workspace);
  auto const gradient = workspace.template take<double**>(function, 2 * pairs, extent(first, 1));
  using Member        = TeamMember<Exec>;
  using Gradient      = std::remove_const_t<decltype(gradient)>;
  detail::RowLength const length{detail::simclr_floor, options.normalize};
  detail::simclr_gradient(exec, function, state, options.temperature, gradient, workspace);
  for_each_row(exec, "ocellus::ssl::simclr_loss_backward::normalize", pairs,
               detail::NormalizeBackwardRows<Member, First, Gradient, FirstGradient>{first, gradient, first_gradient, length, 0});
  for_each_row(exec, "ocellus::ssl::simclr_loss_backward::normalize", pairs,
               detail::NormalizeBackwardRows<Member, Second, Gradient, SecondGradient>{second, gradient, second_gradient, length, pairs});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> First, RealView<2> Second, RealView<2> FirstGradient, RealView<2> SecondGradient>
  requires AccessibleFrom<Exec, First, Second, FirstGradient, SecondGradient>
void simclr_loss_backward(Exec const& exec, First const& first, Second const& second, FirstGradient const& first_gradient,
                          SecondGradient const& second_gradient, SimclrLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, simclr_loss_backward_workspace_size(exec, first, second, first_gradient, second_gradient, options));
  simclr_loss_backward(exec, first, second, first_gradient, second_gradient, options, workspace);
  exec.fence("ocellus::ssl::simclr_loss_backward");
}

/// Work of `simclr_loss` on `pairs` pairs.
[[nodiscard]] constexpr Cost simclr_loss_cost(double pairs, double width, double bytes_per_element) {
  return {.flops         = 8 * pairs * pairs * width,
          .special       = 4 * pairs * pairs,
          .bytes_read    = 2 * pairs * width * bytes_per_element,
          .bytes_written = bytes_per_element};
}

/// Work of `simclr_loss_backward`.
[[nodiscard]] constexpr Cost simclr_loss_backward_cost(double pairs, double width, double bytes_per_element) {
  return {.flops         = 24 * pairs * pairs * width,
          .special       = 12 * pairs * pairs,
          .bytes_read    = 2 * pairs * width * bytes_per_element,
          .bytes_written = 2 * pairs * width * bytes_per_element};
}

}  // namespace ocellus::ssl
