// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/flow_masks_kernels.hpp>
#include <ocellus/explain/flow_error.hpp>
#include <ocellus/explain/follow_flows.hpp>

namespace ocellus::explain {

struct FlowToMasksOptions {
  std::int64_t iterations      = 200;
  double probability_threshold = 0.0;
  double flow_threshold        = 0.4;  ///< largest `flow_error` of an object; 0: not checked. Images only, stacks are not checked
  double max_size_fraction     = 0.4;  ///< of the image: larger objects are dropped
};

namespace detail {

template <ExecutionSpace Exec, class Probability>
std::size_t flow_to_masks_bytes(Exec const& exec, Probability const& probability, FlowToMasksOptions const& options) {
  Arena<Exec> arena("ocellus::explain::flow_to_masks");
  auto const shape         = volumes<typename Probability::const_value_type>(probability, 0);
  bool const checks        = Probability::rank() == 2 && options.flow_threshold > 0;
  std::int64_t const seeds = shape.pixels() / seed_points + 1;
  FlowMaskBuffers<Exec> const buffers(arena, shape.extents + 2, static_cast<int>(Probability::rank()));
  SeedBuffers<Exec> const by_seed(arena, seeds);
  if (checks) FlowErrorBuffers<Exec> const errors(arena, shape.pixels());
  return arena.bytes() + argsort_rows_workspace_size<std::int64_t>(exec, 1, seeds);
}

}  // namespace detail

/// Bytes of workspace that `flow_to_masks` takes: about 30 a pixel, and 48 more where flows are checked.
template <ExecutionSpace Exec, MapView Flow, SingleMapView Probability, AnyView Masks>
[[nodiscard]] std::size_t flow_to_masks_workspace_size(Exec const& exec, Flow const&, Probability const& probability, Masks const&,
                                                       FlowToMasksOptions const& options = {}) {
  return detail::flow_to_masks_bytes(exec, probability, options);
}

/// The objects of an image from the flows and the probability that a network such as Cellpose gives.
///
///     inside = probability > probability_threshold;   each inside pixel is followed (`follow_flows`) and its end truncated to integers
///     bins: how many pixels end there. Seeds: bins above 10 that equal the largest of the 5 x 5 (x 5) bins around them
///     each seed grows 5 times by 3 x 3 (x 3) within 11 x 11 (x 11), over bins above 2; seeds in ascending order of their count, a later one overwrites
///     a pixel takes the label of its end's bin; objects above max_size_fraction of the image are dropped, then those whose `flow_error` exceeds flow_threshold
///
/// flow (2, H, W) or (3, D, H, W), probability (H, W) or (D, H, W) -> masks of the shape of probability: 0, and labels 1.. in the order of each object's first
/// pixel (row-major); returns their number. Seeds of equal count keep the row-major order of their bins. Everything is computed in double precision, whatever
/// the types, so that float and double inputs of equal values give equal masks. A pixel with a NaN probability is not inside, one that meets a NaN flow gets 0.
///
/// Errors: `std::invalid_argument` when flow has not a component for each axis, an array does not fit, iterations is negative, the padded image has 2^31
/// pixels or more, or the labels' type cannot count the seeds.
/// Error bound: exact but for ends that rounding moves over an integer.
/// Determinism: identical for every number of threads: integer sums, minima and maxima, and stable sorts.
/// Allocates: nothing. Synchronises: fences `exec`, since it returns the count.
/// Source: C. Stringer et al., "Cellpose", Nature Methods 18, 2021.
template <ExecutionSpace Exec, MapView Flow, SingleMapView Probability, LabelView<static_cast<int>(Probability::rank())> Masks>
  requires AccessibleFrom<Exec, Flow, Probability, Masks> std::int64_t flow_to_masks(Exec const& exec, Flow const& flow, Probability const& probability,
                                                                                     Masks const& masks, FlowToMasksOptions const& options,
                                                                                     WorkspaceFor<Exec>& workspace) {
    constexpr auto function  = "ocellus::explain::flow_to_masks";
    constexpr int dimensions = static_cast<int>(Probability::rank());
    using Member             = TeamMember<Exec>;
    detail::require_flow(function, flow, "probability", probability);
    detail::require_same_shape(function, "masks", masks, "probability", probability);
    require(options.iterations >= 0, function, "iterations is ", options.iterations, " but must not be negative");
    auto const score = detail::volumes<element_t<Probability> const>(probability, 0);
    detail::BinGrid const grid(score.extents + 2, dimensions);
    require(grid.size() < (std::int64_t{1} << 31), function, "probability, padded by 20, has ", grid.size(), " pixels, more than 2^31");
    if (probability.size() == 0) return 0;
    auto const field = detail::volumes<element_t<Flow> const>(flow, 1);
    auto const label = detail::volumes<element_t<Masks>>(masks, 0);
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    detail::Arena<Exec> arena(function, &workspace);
    detail::FlowMaskBuffers<Exec> const buffers(arena, score.extents + 2, dimensions);
    auto const inside = detail::packed_volumes<bool>(buffers.inside.data(), 1, score.extents + 2);
    detail::fill<int>(exec, function, buffers.bins.data(), grid.size(), 0);
    detail::fill<int>(exec, function, buffers.owners.data(), grid.size(), 0);
    for_each_row(exec, "ocellus::explain::flow_to_masks::inside", score.rows(),
                 detail::InsideLines<Member, element_t<Probability> const>{score, inside, options.probability_threshold});
    using Field = detail::FlowField<double, element_t<Flow> const, bool>;
    for_each_row(exec, "ocellus::explain::flow_to_masks::follow", score.rows(),
                 detail::EndBins<Member, Field>{{field, inside, dimensions}, grid, buffers.ends.data(), buffers.bins.data(), options.iterations});
    detail::SeedLines<Member> seed_lines{grid, buffers.bins.data(), buffers.lines.data(), nullptr, nullptr};
    for_each_row(exec, "ocellus::explain::flow_to_masks::seeds", grid.lines(), seed_lines);
    for_each_row(exec, "ocellus::explain::flow_to_masks::seeds", 1, detail::SumLines<Member>{buffers.lines.data(), grid.lines()});
    std::int64_t const seeds = detail::number_at(exec, function, buffers.lines.data() + grid.lines());
    std::int64_t kept        = 0;
    require(seeds <= static_cast<std::int64_t>(std::numeric_limits<element_t<Masks>>::max()), function, "there are ", seeds,
            " seeds, more than the labels of masks can count");
    if (seeds > 0) {
      detail::SeedBuffers<Exec> const by_seed(arena, seeds);
      seed_lines.seeds  = by_seed.bins.data();
      seed_lines.counts = by_seed.keys.data();
      for_each_row(exec, "ocellus::explain::flow_to_masks::seeds", grid.lines(), seed_lines);
      argsort_rows(exec, by_seed.keys, by_seed.order, {}, workspace);
      for_each_row(exec, "ocellus::explain::flow_to_masks::grow", seeds,
                   detail::GrowSeeds<Member>{grid, buffers.bins.data(), by_seed.bins.data(), by_seed.order.data(), buffers.owners.data()});
      detail::ObjectTable const table{by_seed.sizes.data(), by_seed.first.data(), by_seed.errors.data(), seeds};
      detail::fill<int>(exec, function, table.sizes, seeds, 0);
      detail::fill<double>(exec, function, table.errors, seeds, 0.0);
      detail::fill<std::int64_t>(exec, function, table.first, seeds, detail::no_pixel);
      using Lines = detail::LabelLines<Member, element_t<Masks>>;
      for_each_row(exec, "ocellus::explain::flow_to_masks::label", score.rows(), Lines{label, buffers.ends.data(), buffers.owners.data(), table});
      double const most = options.max_size_fraction * static_cast<double>(probability.size());
      if (dimensions == 2 && options.flow_threshold > 0) {
        using Drop = detail::DropLines<Member, element_t<Masks>>;
        for_each_row(exec, "ocellus::explain::flow_to_masks::drop", score.rows(), Drop{label, table, most});
        detail::FlowErrorBuffers<Exec> const errors(arena, score.pixels());
        detail::flow_errors(exec, function, detail::volumes<element_t<Masks> const>(masks, 0), field, by_seed.errors, errors);
      }
      for_each_row(exec, "ocellus::explain::flow_to_masks::keep", seeds,
                   detail::KeepObjects<Member>{table, by_seed.keys.data(), most, options.flow_threshold > 0 ? options.flow_threshold : -1.0});
      argsort_rows(exec, by_seed.keys, by_seed.order, {}, workspace);
      for_each_row(exec, "ocellus::explain::flow_to_masks::number", seeds,
                   detail::NumberObjects<Member>{by_seed.keys.data(), by_seed.order.data(), by_seed.bins.data()});
      using Write = detail::WriteLines<Member, element_t<Masks>>;
      for_each_row(exec, function, score.rows(), Write{label, by_seed.bins.data()});
      for_each_row(exec, "ocellus::explain::flow_to_masks::count", 1, detail::CountObjects<Member>{by_seed.keys.data(), seeds, buffers.lines.data()});
      kept = detail::number_at(exec, function, buffers.lines.data());
    } else {
      Kokkos::deep_copy(exec, masks, element_t<Masks>(0));
      exec.fence(function);
    }
    return kept;
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MapView Flow, SingleMapView Probability, LabelView<static_cast<int>(Probability::rank())> Masks>
  requires AccessibleFrom<Exec, Flow, Probability, Masks> std::int64_t flow_to_masks(Exec const& exec, Flow const& flow, Probability const& probability,
                                                                                     Masks const& masks, FlowToMasksOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, flow_to_masks_workspace_size(exec, flow, probability, masks, options));
    auto const result = flow_to_masks(exec, flow, probability, masks, options, workspace);
    exec.fence("ocellus::explain::flow_to_masks");
    return result;
  }

/// Work on `image` pixels, of which `pixels` are inside, without the check of flows.
[[nodiscard]] constexpr Cost flow_to_masks_cost(double image, double pixels, double steps, double axes, double bytes_per_element) {
  return follow_flows_cost(image, pixels, steps, axes, bytes_per_element) +
         Cost{.flops = 0, .special = 0, .bytes_read = image * bytes_per_element, .bytes_written = 4 * image};
}

}  // namespace ocellus::explain
