// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/volumes.hpp>
#include <ocellus/linalg/batched_matmul.hpp>

namespace ocellus::explain {

enum class HeadFusion { mean, max, min };

struct AttentionRolloutOptions {
  HeadFusion head_fusion = HeadFusion::mean;
  bool residual          = true;  ///< add the identity, for the skip connection, and divide rows by their sums
  double discard_ratio   = 0.0;   ///< this share of each fused map's entries, its smallest, becomes 0; in [0, 1)
};

namespace detail {

/// One row of one layer's maps, heads fused.
template <class Member, class Attention, class Fused>
struct FuseHeads {
  Attention attention;
  Fused fused;
  std::int64_t layer;
  HeadFusion fusion;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = element_t<Fused>;
    std::int64_t const count = extent(attention, 4), batch = item / count, row = item % count, heads = extent(attention, 2);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const j) {
      Real value = static_cast<Real>(attention(layer, batch, 0, row, j));
      for (std::int64_t h = 1; h < heads; ++h) {
        Real const other = static_cast<Real>(attention(layer, batch, h, row, j));
        if (fusion == HeadFusion::mean)
          value += other;
        else if (other != other || (fusion == HeadFusion::max ? other > value : other < value))
          value = other;
      }
      fused(batch, row, j) = fusion == HeadFusion::mean ? value / static_cast<Real>(heads) : value;
    });
  }
};

/// Zeroes the first `count` entries of the order, but for [0, 0].
template <class Member, class Entries, class Order>
struct DiscardEntries {
  Entries entries;
  Order order;
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t batch) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      std::int64_t const at = order(batch, i);
      if (at != 0) entries(batch, at) = 0;
    });
  }
};

/// (fused + I) divided by its row sum.
template <class Member, class Fused>
struct NormalizeRows {
  Fused fused;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = element_t<Fused>;
    std::int64_t const count = extent(fused, 2), batch = item / count, row = item % count;
    double const sum = two_sums(member, count, [&](std::int64_t j) { return TwoSums{static_cast<double>(fused(batch, row, j)), 0.0}; }).first + 1;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const j) {
      double const value   = static_cast<double>(fused(batch, row, j)) + (j == row ? 1.0 : 0.0);
      fused(batch, row, j) = static_cast<Real>(value / sum);
    });
  }
};

template <class Member, class Source, class Target>
struct WriteRollout {
  Source source;  ///< null: the identity
  Target target;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const count = extent(target, 2), batch = item / count, row = item % count;
    using Real = accumulate_of_t<Target>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const j) {
      Real const value      = source.data() == nullptr ? (j == row ? Real(1) : Real(0)) : static_cast<Real>(source(batch, row, j));
      target(batch, row, j) = static_cast<element_t<Target>>(value);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `attention_rollout` takes: three maps an image, and two orders when entries are discarded.
template <ExecutionSpace Exec, RealView<5> Attention, RealView<3> Rollout>
[[nodiscard]] std::size_t attention_rollout_workspace_size(Exec const& exec, Attention const&, Rollout const& rollout,
                                                           AttentionRolloutOptions const& options = {}) {
  std::size_t const maps = 3 * workspace_bytes<accumulate_of_t<Attention>>(element_count(rollout));
  if (!(options.discard_ratio > 0)) return maps;
  return maps + workspace_bytes<std::int64_t>(element_count(rollout)) +
         argsort_rows_workspace_size<accumulate_of_t<Attention>>(exec, extent(rollout, 0), extent(rollout, 1) * extent(rollout, 2));
}

/// Attention rollout: how much of each token reaches each other token through all layers of a transformer.
///
///     fused = mean, max or min of the heads, its floor(N^2 discard_ratio) smallest entries set to 0
///     A = (fused + I) / row sums (without residual A = fused);   rollout = A_layers ... A_2 A_1
///
/// attention (layers, B, heads, N, N), rows summing to one -> rollout (B, N, N): row i says what token i is made of. Among equal entries those of lower index
/// (row-major) are discarded first; the entry [0, 0] is counted but kept. No layer gives the identity. Rows are divided by their own sums also where max, min or
/// discarding changed them.
///
/// Errors: `std::invalid_argument` when the maps are not square, the rollout does not fit, there is no head, or discard_ratio is not in [0, 1).
/// Error bound: layers (N + 8) machine epsilons of the accumulation type relative to the largest row sum of |rollout|, plus the rounding of the output.
/// Determinism: an image's bits depend on that image alone.
/// Allocates: nothing. Synchronises: no.
/// Source: S. Abnar, W. Zuidema, "Quantifying attention flow in transformers", arXiv 2005.00928.
template <ExecutionSpace Exec, RealView<5> Attention, RealView<3> Rollout>
  requires AccessibleFrom<Exec, Attention, Rollout>
void attention_rollout(Exec const& exec, Attention const& attention, Rollout const& rollout, AttentionRolloutOptions const& options,
                       WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::explain::attention_rollout";
  std::int64_t const layers = extent(attention, 0), batch = extent(attention, 1), count = extent(attention, 4);
  require_equal(function, {"attention.extent(3)", extent(attention, 3)}, {"attention.extent(4)", count});
  require(extent(attention, 2) > 0, function, "attention.extent(2) (heads) is 0");
  require_equal(function, {"rollout.extent(0)", extent(rollout, 0)}, {"attention.extent(1)", batch});
  require_equal(function, {"rollout.extent(1)", extent(rollout, 1)}, {"attention.extent(3)", count});
  require_equal(function, {"rollout.extent(2)", extent(rollout, 2)}, {"attention.extent(4)", count});
  require(options.discard_ratio >= 0 && options.discard_ratio < 1, function, "discard_ratio is ", options.discard_ratio, " but must be in [0, 1)");
  if (rollout.size() == 0) return;
  using Member = TeamMember<Exec>;
  using Real   = accumulate_of_t<Attention>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const fused     = workspace.template take<Real***>(function, batch, count, count);
  auto product         = workspace.template take<Real***>(function, batch, count, count);
  auto next            = workspace.template take<Real***>(function, batch, count, count);
  using Maps           = std::remove_const_t<decltype(fused)>;
  auto const discarded = static_cast<std::int64_t>(static_cast<double>(count * count) * options.discard_ratio);
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    Maps const target = layer == 0 ? Maps(product) : Maps(fused);
    for_each_row(exec, "ocellus::explain::attention_rollout::fuse", batch * count,
                 detail::FuseHeads<Member, Attention, Maps>{attention, target, layer, options.head_fusion});
    if (discarded > 0) {
      typename WorkspaceFor<Exec>::Scope const sort_scope(workspace);
      UnmanagedTensor<Real**, typename Exec::memory_space> const lines(target.data(), batch, count * count);
      auto const order = workspace.template take<std::int64_t**>(function, batch, count * count);
      argsort_rows(exec, lines, order, {}, workspace);
      using Lines = std::remove_const_t<decltype(lines)>;
      using Order = std::remove_const_t<decltype(order)>;
      for_each_row(exec, "ocellus::explain::attention_rollout::discard", batch, detail::DiscardEntries<Member, Lines, Order>{lines, order, discarded});
    }
    if (options.residual) for_each_row(exec, "ocellus::explain::attention_rollout::normalize", batch * count, detail::NormalizeRows<Member, Maps>{target});
    if (layer == 0) continue;
    linalg::batched_matmul(exec, fused, product, next);
    auto const spare = product;
    product          = next;
    next             = spare;
  }
  for_each_row(exec, function, batch * count, detail::WriteRollout<Member, Maps, Rollout>{layers > 0 ? Maps(product) : Maps(), rollout});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<5> Attention, RealView<3> Rollout>
  requires AccessibleFrom<Exec, Attention, Rollout>
void attention_rollout(Exec const& exec, Attention const& attention, Rollout const& rollout, AttentionRolloutOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, attention_rollout_workspace_size(exec, attention, rollout, options));
  attention_rollout(exec, attention, rollout, options, workspace);
  exec.fence("ocellus::explain::attention_rollout");
}

/// Work of `layers` maps of `tokens` tokens.
[[nodiscard]] constexpr Cost attention_rollout_cost(double layers, double batch, double heads, double tokens, double bytes_per_element) {
  double const entries = batch * tokens * tokens;
  return {.flops         = entries * (layers * (heads + 2) + (layers > 0 ? 2 * tokens * (layers - 1) : 0)),
          .special       = layers * entries,
          .bytes_read    = layers * heads * entries * bytes_per_element,
          .bytes_written = entries * bytes_per_element};
}

}  // namespace ocellus::explain
