// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::nn {

struct ClipGradNormOptions {
  double max_norm = 1.0;  ///< not negative; infinity: the norm alone
};

namespace detail {

/// Sums of squares of blocks of 256 elements, each in order.
template <class Member, class Gradient, class Partials>
struct SquaredBlocks {
  Gradient gradient;
  Partials partials;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    std::int64_t const first = block * reduction_block, end = first + reduction_block, count = extent(gradient, 0), last = end < count ? end : count;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double lanes[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      for (std::int64_t i = first; i < last; ++i) {
        auto const g = static_cast<double>(static_cast<accumulate_of_t<Gradient>>(gradient(i)));
        lanes[(i - first) % 8] += g * g;
      }
      partials(block) = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    });
  }
};

/// The root of the sum of all blocks, by the tree.
template <class Member, class Partials, class Norm, class Scale>
struct NormOfBlocks {
  Partials partials;
  Norm norm;
  Scale scale;  ///< (1): what gradients are multiplied by
  double max_norm;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      TreeSum<double> tree;
      for (std::int64_t block = 0; block < extent(partials, 0); ++block) tree.push(partials(block));
      double const length = Kokkos::sqrt(tree.result()), factor = max_norm / (length + 1e-6);
      norm()   = static_cast<element_t<Norm>>(length);
      scale(0) = factor >= 1.0 || max_norm == Kokkos::Experimental::infinity_v<double> ? 1.0 : factor;  // NaN stays
    });
  }
};

template <class Member, class Gradient, class Scale>
struct ScaleBlocks {
  Gradient gradient;
  Scale scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    using Real               = accumulate_of_t<Gradient>;
    std::int64_t const first = block * 2048, left = extent(gradient, 0) - first;
    auto const factor = static_cast<Real>(scale(0));
    if (factor == Real(1)) return;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, left < 2048 ? left : 2048), [&](std::int64_t const i) {
      gradient(first + i) = static_cast<element_t<Gradient>>(factor * static_cast<Real>(gradient(first + i)));
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `clip_grad_norm` takes.
template <ExecutionSpace Exec, RealView<1> Gradient, RealView<0> Norm>
[[nodiscard]] std::size_t clip_grad_norm_workspace_size(Exec const&, std::span<Gradient const> gradients, Norm const&, ClipGradNormOptions const& = {}) {
  std::size_t blocks = 0;
  for (auto const& gradient : gradients) blocks += static_cast<std::size_t>((extent(gradient, 0) + reduction_block - 1) / reduction_block);
  return workspace_bytes<double>(blocks) + workspace_bytes<double>(1);
}

/// Limits the Euclidean norm of all gradients together, in place.
///
///     norm = sqrt(sum of squares of all elements);   gradient *= min(1, max_norm / (norm + 1e-6))
///
/// gradients: Views (P_i) of one type, in a span that is read before the return; other shapes: `as_line` -> norm (), before clipping. A norm of NaN makes every
/// gradient NaN.
///
/// Errors: `std::invalid_argument` when max_norm is negative or NaN.
/// Error bound: the norm is summed in double: 24 machine epsilons of double, plus the rounding of its type; an element 2 machine epsilons of the accumulation
/// type beside the norm's error, plus the rounding of the storage type.
/// Determinism: squares are summed in blocks of 256, array by array, and blocks combine in a binary tree: the order depends on the extents alone.
/// Allocates: nothing. Synchronises: no.
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", arXiv 1211.5063.
template <ExecutionSpace Exec, RealView<1> Gradient, RealView<0> Norm>
  requires AccessibleFrom<Exec, Gradient, Norm>
void clip_grad_norm(Exec const& exec, std::span<Gradient const> gradients, Norm const& norm, ClipGradNormOptions const& options,
                    WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::nn::clip_grad_norm";
  require(options.max_norm >= 0.0, function, "max_norm is ", options.max_norm, " but must not be negative");
  std::int64_t blocks = 0;
  for (auto const& gradient : gradients) blocks += (extent(gradient, 0) + reduction_block - 1) / reduction_block;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const partials = workspace.template take<double*>(function, blocks);
  auto const scale    = workspace.template take<double*>(function, 1);
  using Member        = TeamMember<Exec>;
  using Line          = std::remove_const_t<decltype(partials)>;
  std::int64_t first  = 0;
  for (auto const& gradient : gradients) {
    std::int64_t const count = (extent(gradient, 0) + reduction_block - 1) / reduction_block;
    Line const own(partials.data() + first, static_cast<std::size_t>(count));
    for_each_row(exec, "ocellus::nn::clip_grad_norm::squares", count, detail::SquaredBlocks<Member, Gradient, Line>{gradient, own});
    first += count;
  }
  for_each_row(exec, "ocellus::nn::clip_grad_norm::norm", 1, detail::NormOfBlocks<Member, Line, Norm, Line>{partials, norm, scale, options.max_norm});
  for (auto const& gradient : gradients)
    for_each_row(exec, "ocellus::nn::clip_grad_norm::scale", (extent(gradient, 0) + 2047) / 2048, detail::ScaleBlocks<Member, Gradient, Line>{gradient, scale});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<1> Gradient, RealView<0> Norm>
  requires AccessibleFrom<Exec, Gradient, Norm>
void clip_grad_norm(Exec const& exec, std::span<Gradient const> gradients, Norm const& norm, ClipGradNormOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, clip_grad_norm_workspace_size(exec, gradients, norm, options));
  clip_grad_norm(exec, gradients, norm, options, workspace);
  exec.fence("ocellus::nn::clip_grad_norm");
}

/// Work of clipping `count` elements.
[[nodiscard]] constexpr Cost clip_grad_norm_cost(double count, double bytes_per_element) {
  return {.flops = 3 * count, .special = 2, .bytes_read = 2 * count * bytes_per_element, .bytes_written = count * bytes_per_element};
}

}  // namespace ocellus::nn
