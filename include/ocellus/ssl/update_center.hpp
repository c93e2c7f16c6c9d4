// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::ssl {

struct UpdateCenterOptions {
  double momentum = 0.9;
};

namespace detail {

/// 16 columns a call.
template <class Member, class Center, class Teacher>
struct CenterColumns {
  Center center;
  Teacher teacher;
  double momentum;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    using Real               = accumulate_of_t<Center>;
    std::int64_t const first = group * 16, left = extent(center, 0) - first, rows = extent(teacher, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, left < 16 ? left : 16), [&](std::int64_t const offset) {
      std::int64_t const k = first + offset;
      auto const term      = [&](std::int64_t m) { return static_cast<Real>(teacher(m, k)); };
      Real const mean      = ordered_sum<Real>(rows, term) / static_cast<Real>(rows);
      center(k) = static_cast<element_t<Center>>(static_cast<Real>(momentum) * static_cast<Real>(center(k)) + static_cast<Real>(1.0 - momentum) * mean);
    });
  }
};

}  // namespace detail

/// The running mean of a teacher's logits, in place.
///
///     center = momentum center + (1 - momentum) mean over rows of teacher
///
/// teacher (M, K) -> center (K), changed in place. Call it after the loss.
///
/// Errors: `std::invalid_argument` when the prototypes differ or there is no row.
/// Error bound: 12 machine epsilons of the accumulation type, relative to |center| + mean |teacher|, plus the rounding of the storage type.
/// Determinism: rows are summed in the order of core/reduce.hpp. Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., arXiv 2104.14294.
template <ExecutionSpace Exec, RealView<1> Center, RealView<2> Teacher>
  requires AccessibleFrom<Exec, Center, Teacher>
void update_center(Exec const& exec, Center const& center, Teacher const& teacher, UpdateCenterOptions const& options = {}) {
  constexpr auto function = "ocellus::ssl::update_center";
  require_equal(function, {"teacher.extent(1)", extent(teacher, 1)}, {"center.extent(0)", extent(center, 0)});
  require(extent(teacher, 0) > 0, function, "teacher.extent(0) is 0: nothing has no mean");
  for_each_row(exec, function, (extent(center, 0) + 15) / 16, detail::CenterColumns<TeamMember<Exec>, Center, Teacher>{center, teacher, options.momentum});
}

/// Work of an update from `rows` rows of `prototypes` logits.
[[nodiscard]] constexpr Cost update_center_cost(double rows, double prototypes, double bytes_per_element) {
  return {.flops         = (rows + 3) * prototypes,
          .special       = prototypes,
          .bytes_read    = (rows + 1) * prototypes * bytes_per_element,
          .bytes_written = prototypes * bytes_per_element};
}

}  // namespace ocellus::ssl
