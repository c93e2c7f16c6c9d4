// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::vit {

enum class PoolKind {
  token,        ///< the first token
  avg,          ///< mean of the patch tokens
  max,          ///< their maximum, feature by feature
  avgmax,       ///< (avg + max) / 2
  channel_avg,  ///< the mean of each channel's patch tokens
};

struct PoolOptions {
  PoolKind pool              = PoolKind::token;
  std::int64_t prefix_tokens = 1;      ///< class and register tokens, which come first
  bool include_prefix        = false;  ///< avg, max and avgmax over all tokens
  bool accumulate            = false;  ///< of the backward pass: adds to the gradient that is there
};

namespace detail {

/// Pools tokens [first, first + count) of an image, with weights or without, into one vector; lanes own features.
template <class Member, class Tokens, class Weights, class Output>
struct PoolTokens {
  Tokens tokens;
  Weights weights;  ///< (N, tokens pooled) or None
  Output output;    ///< (N, groups, D)
  std::int64_t first, count;
  bool mean, maximum;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Tokens>;
    std::int64_t const groups = extent(output, 1), n = item / groups, group = item % groups, start = first + group * count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const d) {
      Real sum = 0, total = 0, largest = -Kokkos::Experimental::infinity_v<Real>;
      for (std::int64_t t = 0; t < count; ++t) {
        Real const x = static_cast<Real>(tokens(n, start + t, d));
        if constexpr (std::is_same_v<Weights, None>) {
          sum += x;
          total += Real(1);
        } else {
          Real const w = static_cast<Real>(weights(n, group * count + t));
          if (w != Real(0)) sum += w * x;  // what has no weight does not matter, NaN included
          total += w;
        }
        largest = x > largest || x != x ? x : largest;  // NaN wins, and stays: nothing compares greater than it
      }
      Real const average  = total == Real(0) ? Real(0) : sum / total;
      Real const value    = mean && maximum ? Real(0.5) * (average + largest) : mean ? average : largest;
      output(n, group, d) = static_cast<element_t<Output>>(value);
    });
  }
};

/// The gradients of the tokens of one group of an image; the first group's thread writes those of the tokens that no group holds too.
template <class Member, class OutputGradient, class Tokens, class TokensGradient>
struct PoolGradients {
  OutputGradient output_gradient;  ///< (N, groups, D)
  Tokens tokens;
  TokensGradient tokens_gradient;
  std::int64_t first, count;
  bool mean, maximum, accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                = accumulate_of_t<Tokens>;
    std::int64_t const groups = extent(output_gradient, 1), n = item / groups, group = item % groups, start = first + group * count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const d) {
      Real const gradient = static_cast<Real>(output_gradient(n, group, d)), part = mean && maximum ? Real(0.5) * gradient : gradient;
      auto const put = [&](std::int64_t t, Real value) {
        if (accumulate) value += static_cast<Real>(tokens_gradient(n, t, d));
        tokens_gradient(n, t, d) = static_cast<element_t<TokensGradient>>(value);
      };
      Real largest = -Kokkos::Experimental::infinity_v<Real>, ties = 0;
      for (std::int64_t t = start; maximum && t < start + count; ++t) {
        Real const x = static_cast<Real>(tokens(n, t, d));
        if (x > largest || (x != x && largest == largest)) {
          largest = x;
          ties    = 1;
        } else if (x == largest || (x != x && largest != largest)) {
          ties += 1;
        }
      }
      for (std::int64_t t = start; t < start + count; ++t) {
        Real const x = static_cast<Real>(tokens(n, t, d));
        Real value   = mean ? part / static_cast<Real>(count) : Real(0);
        if (maximum && (x == largest || (x != x && largest != largest))) value += part / ties;
        put(t, value);
      }
      if (group != 0 || accumulate) return;
      for (std::int64_t t = 0; t < first; ++t) put(t, Real(0));
      for (std::int64_t t = first + groups * count; t < extent(tokens, 1); ++t) put(t, Real(0));
    });
  }
};

template <class V>
[[nodiscard]] auto with_group_axis(V const& view) {
  using Array = Kokkos::View<typename V::value_type***, Kokkos::LayoutStride, typename V::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  return Array(view.data(), Kokkos::LayoutStride(view.extent(0), view.stride(0), 1, 0, view.extent(1), view.stride(1)));
}

/// Which tokens a pool reads: groups of `count` from `first` on.
struct PoolRange {
  std::int64_t first = 0, count = 0;
  bool mean = false, maximum = false;
};

/// Refuses shapes that do not fit; `output`, named `name`, is (N, groups, D).
template <class Tokens, class Output>
[[nodiscard]] PoolRange check_pool(char const* function, Tokens const& tokens, std::string const& name, Output const& output, PoolOptions const& options) {
  std::int64_t const patches = extent(tokens, 1) - options.prefix_tokens, groups = extent(output, 1);
  require(options.prefix_tokens >= 0 && patches >= 0, function, "prefix_tokens is ", options.prefix_tokens, " but tokens.extent(1) is ", extent(tokens, 1));
  require_equal(function, {name + ".extent(0)", extent(output, 0)}, {"tokens.extent(0)", extent(tokens, 0)});
  require_equal(function, {"the last extent of " + name, extent(output, 2)}, {"tokens.extent(2)", extent(tokens, 2)});
  if (options.pool == PoolKind::token) {
    require(options.prefix_tokens > 0, function, "pool token needs a class token, but prefix_tokens is 0");
  } else {
    require(groups > 0 && patches % groups == 0, function, "the patch tokens, tokens.extent(1) - prefix_tokens = ", patches,
            ", are not a multiple of the channels, ", groups);
    require(patches > 0 || options.include_prefix, function, "there is no patch token to pool: tokens.extent(1) is ", extent(tokens, 1), ", prefix_tokens ",
            options.prefix_tokens);
  }
  bool const token = options.pool == PoolKind::token, all = options.include_prefix && options.pool != PoolKind::channel_avg;
  return {token || all ? 0 : options.prefix_tokens,
          token ? 1
          : all ? extent(tokens, 1)
                : patches / groups,
          options.pool != PoolKind::max, options.pool == PoolKind::max || options.pool == PoolKind::avgmax};
}

/// Checks and launches; `output` is (N, groups, D).
template <ExecutionSpace Exec, class Tokens, class Output>
void launch_pool(Exec const& exec, Tokens const& tokens, Output const& output, PoolOptions const& options) {
  constexpr auto function = "ocellus::vit::pool";
  auto const range        = check_pool(function, tokens, "output", output, options);
  for_each_row(exec, function, extent(tokens, 0) * extent(output, 1),
               PoolTokens<TeamMember<Exec>, Tokens, None, Output>{tokens, none, output, range.first, range.count, range.mean, range.maximum});
}

/// The same for the backward pass.
template <ExecutionSpace Exec, class OutputGradient, class Tokens, class TokensGradient>
void launch_pool_backward(Exec const& exec, OutputGradient const& output_gradient, Tokens const& tokens, TokensGradient const& tokens_gradient,
                          PoolOptions const& options) {
  constexpr auto function = "ocellus::vit::pool_backward";
  auto const range        = check_pool(function, tokens, "output_gradient", output_gradient, options);
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"tokens_gradient" + at, extent(tokens_gradient, axis)}, {"tokens" + at, extent(tokens, axis)});
  }
  for_each_row(exec, function, extent(tokens, 0) * extent(output_gradient, 1),
               PoolGradients<TeamMember<Exec>, OutputGradient, Tokens, TokensGradient>{output_gradient, tokens, tokens_gradient, range.first, range.count,
                                                                                       range.mean, range.maximum, options.accumulate});
}

}  // namespace detail

/// Reduces the tokens of an image to one vector.
///
///     token: tokens[:, 0];   avg, max, avgmax: over the patch tokens (or all)
///
/// tokens (N, T, D) -> output (N, D). NaN wins a maximum.
///
/// Errors: `std::invalid_argument` when the output does not fit, when there are no tokens to pool, for `token` with prefix_tokens 0, for `channel_avg` (it
/// needs an output of rank 3).
/// Error bound: T machine epsilons of the accumulation type, relative to the mean of absolute values, plus the rounding of the output.
/// Determinism: an image's bits do not depend on the others; tokens are summed in order.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Tokens, RealView<2> Output>
  requires AccessibleFrom<Exec, Tokens, Output>
void pool(Exec const& exec, Tokens const& tokens, Output const& output, PoolOptions const& options = {}) {
  require(options.pool != PoolKind::channel_avg, "ocellus::vit::pool", "channel_avg gives one vector a channel: output must have rank 3");
  detail::launch_pool(exec, tokens, detail::with_group_axis(output), options);
}

/// The mean of each channel's tokens.
///
///     output[n, c, d] = mean over the patch tokens c L ... (c + 1) L - 1 behind the prefix
///
/// tokens (N, prefix + C L, D) -> output (N, C, D); C follows from the output. Only `channel_avg`.
///
/// Errors: `std::invalid_argument` when the patch tokens are not a multiple of the channels, or the output does not fit.
/// Error bound, determinism: as above. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Tokens, RealView<3> Output>
  requires AccessibleFrom<Exec, Tokens, Output>
void pool(Exec const& exec, Tokens const& tokens, Output const& output, PoolOptions const& options) {
  require(options.pool == PoolKind::channel_avg, "ocellus::vit::pool", "an output of rank 3 is for channel_avg alone");
  detail::launch_pool(exec, tokens, output, options);
}

/// Work of pooling `images` of `tokens` tokens.
[[nodiscard]] constexpr Cost pool_cost(double images, double tokens, double width, double bytes_per_element) {
  return {.flops         = images * tokens * width,
          .special       = 0,
          .bytes_read    = images * tokens * width * bytes_per_element,
          .bytes_written = images * width * bytes_per_element};
}

/// The backward pass of `pool` for one vector an image.
///
///     avg: output_gradient / count for each token pooled;   max: output_gradient for the largest;   avgmax: half of each;   token: for the first
///
/// output_gradient (N, D), tokens (N, T, D) -> tokens_gradient (N, T, D); tokens that were not pooled get zero. Tokens that tie for the maximum share its
/// gradient equally, NaNs among themselves. With accumulate the gradient is added to.
///
/// Errors: `std::invalid_argument` as `pool`, or when tokens_gradient does not fit.
/// Error bound: 2 machine epsilons of the accumulation type, relative, plus the rounding of the output.
/// Determinism: an image's bits do not depend on the others.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<3> Tokens, RealView<3> TokensGradient>
  requires AccessibleFrom<Exec, OutputGradient, Tokens, TokensGradient>
void pool_backward(Exec const& exec, OutputGradient const& output_gradient, Tokens const& tokens, TokensGradient const& tokens_gradient,
                   PoolOptions const& options = {}) {
  require(options.pool != PoolKind::channel_avg, "ocellus::vit::pool_backward", "channel_avg gives one vector a channel: output_gradient must have rank 3");
  detail::launch_pool_backward(exec, detail::with_group_axis(output_gradient), tokens, tokens_gradient, options);
}

/// The backward pass of `channel_avg`: output_gradient (N, C, D) -> tokens_gradient (N, prefix + C L, D). All else as above.
template <ExecutionSpace Exec, RealView<3> OutputGradient, RealView<3> Tokens, RealView<3> TokensGradient>
  requires AccessibleFrom<Exec, OutputGradient, Tokens, TokensGradient>
void pool_backward(Exec const& exec, OutputGradient const& output_gradient, Tokens const& tokens, TokensGradient const& tokens_gradient,
                   PoolOptions const& options) {
  require(options.pool == PoolKind::channel_avg, "ocellus::vit::pool_backward", "an output_gradient of rank 3 is for channel_avg alone");
  detail::launch_pool_backward(exec, output_gradient, tokens, tokens_gradient, options);
}

/// Work of the backward pass.
[[nodiscard]] constexpr Cost pool_backward_cost(double images, double tokens, double width, double bytes_per_element) {
  return {.flops         = images * tokens * width,
          .special       = images * width,
          .bytes_read    = images * (tokens + 1) * width * bytes_per_element,
          .bytes_written = images * tokens * width * bytes_per_element};
}

}  // namespace ocellus::vit
