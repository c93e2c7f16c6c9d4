// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::image {
namespace detail {

template <class Member, class Boxes>
struct EmptyBoxes {
  Boxes boxes;
  std::int64_t height, width;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    using Index = element_t<Boxes>;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      boxes(object, 0) = static_cast<Index>(height);
      boxes(object, 1) = static_cast<Index>(width);
      boxes(object, 2) = 0;
      boxes(object, 3) = 0;
    });
  }
};

/// Integer minima and maxima: the order of the atomics does not matter.
template <class Member, class Labels, class Boxes>
struct GrowBoxes {
  Labels labels;
  Boxes boxes;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    using Index = element_t<Boxes>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(labels, 1)), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(labels(y, x));
      if (label < 1 || label > extent(boxes, 0)) return;
      Kokkos::atomic_min(&boxes(label - 1, 0), static_cast<Index>(y));
      Kokkos::atomic_min(&boxes(label - 1, 1), static_cast<Index>(x));
      Kokkos::atomic_max(&boxes(label - 1, 2), static_cast<Index>(y + 1));
      Kokkos::atomic_max(&boxes(label - 1, 3), static_cast<Index>(x + 1));
    });
  }
};

template <class Member, class Boxes>
struct CloseBoxes {
  Boxes boxes;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      if (boxes(object, 2) == 0) boxes(object, 0) = boxes(object, 1) = 0;
    });
  }
};

}  // namespace detail

/// The bounding box of each object.
///
///     boxes[k - 1] = {top, left, bottom, right} of label k, bottom and right exclusive
///
/// labels (H, W) -> boxes (K, 4); a label that does not occur gets zeros, one above K is left out.
///
/// Errors: `std::invalid_argument` when boxes.extent(1) is not 4.
/// Error bound: exact.
/// Determinism: identical on every backend and for every number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, LabelView<2> Labels, IndexView<2> Boxes>
  requires AccessibleFrom<Exec, Labels, Boxes>
void object_boxes(Exec const& exec, Labels const& labels, Boxes const& boxes) {
  constexpr auto function = "ocellus::image::object_boxes";
  require(extent(boxes, 1) == 4, function, "boxes.extent(1) is ", extent(boxes, 1), " but must be 4");
  for_each_row(exec, "ocellus::image::object_boxes::start", extent(boxes, 0),
               detail::EmptyBoxes<TeamMember<Exec>, Boxes>{boxes, extent(labels, 0), extent(labels, 1)});
  for_each_row(exec, function, extent(labels, 0), detail::GrowBoxes<TeamMember<Exec>, Labels, Boxes>{labels, boxes});
  for_each_row(exec, "ocellus::image::object_boxes::finish", extent(boxes, 0), detail::CloseBoxes<TeamMember<Exec>, Boxes>{boxes});
}

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost object_boxes_cost(double pixels, double bytes_per_label) {
  return {.flops = 0, .special = 0, .bytes_read = pixels * bytes_per_label, .bytes_written = 0};
}

}  // namespace ocellus::image
