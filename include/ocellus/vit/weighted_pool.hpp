// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/vit/pool.hpp>

namespace ocellus::vit {

struct WeightedPoolOptions {
  std::int64_t prefix_tokens = 1;  ///< class and register tokens, which come first and take no part
};

/// Means of the patch tokens weighted by a mask: what of each patch belongs to the cell.
///
///     output[n, d] = sum_l weights[n, l] tokens[n, prefix + l, d] / sum_l weights[n, l]
///
/// tokens (N, prefix + L, D), weights (N, L) not negative -> output (N, D). An image whose weights are all zero gives zeros; a token of weight zero does not
/// matter, NaN included.
///
/// Errors: `std::invalid_argument` when weights or output do not fit.
/// Error bound: L machine epsilons of the accumulation type, relative to the weighted mean of absolute values, plus the rounding of the output.
/// Determinism: an image's bits do not depend on the others; tokens are summed in order.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Tokens, RealView<2> Weights, RealView<2> Output>
  requires AccessibleFrom<Exec, Tokens, Weights, Output>
void weighted_pool(Exec const& exec, Tokens const& tokens, Weights const& weights, Output const& output, WeightedPoolOptions const& options = {}) {
  constexpr auto function    = "ocellus::vit::weighted_pool";
  std::int64_t const patches = extent(tokens, 1) - options.prefix_tokens;
  require(options.prefix_tokens >= 0 && patches >= 0, function, "prefix_tokens is ", options.prefix_tokens, " but tokens.extent(1) is ", extent(tokens, 1));
  require_equal(function, {"weights.extent(0)", extent(weights, 0)}, {"tokens.extent(0)", extent(tokens, 0)});
  require_equal(function, {"weights.extent(1)", extent(weights, 1)}, {"tokens.extent(1) - prefix_tokens", patches});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"tokens.extent(0)", extent(tokens, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"tokens.extent(2)", extent(tokens, 2)});
  auto const grouped = detail::with_group_axis(output);
  using Kernel       = detail::PoolTokens<TeamMember<Exec>, Tokens, Weights, std::remove_const_t<decltype(grouped)>>;
  for_each_row(exec, function, extent(tokens, 0), Kernel{tokens, weights, grouped, options.prefix_tokens, patches, true, false});
}

/// Work of pooling `images` of `tokens` tokens.
[[nodiscard]] constexpr Cost weighted_pool_cost(double images, double tokens, double width, double bytes_per_element) {
  return pool_cost(images, tokens, 2 * width, bytes_per_element);
}

}  // namespace ocellus::vit
