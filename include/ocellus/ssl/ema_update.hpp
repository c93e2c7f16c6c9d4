// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::ssl {

struct EmaUpdateOptions {
  double momentum = 0.996;
};

namespace detail {

/// A run of `chunk` elements a call.
template <class Member, class Teacher, class Student>
struct EmaChunks {
  using Real = accumulate_of_t<Teacher>;
  Teacher teacher;
  Student student;
  Real momentum, rest;
  static constexpr std::int64_t chunk = 4096;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const first = item * chunk, left = extent(teacher, 0) - first, count = left < chunk ? left : chunk;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const offset) {
      std::int64_t const i = first + offset;
      teacher(i)           = static_cast<element_t<Teacher>>(momentum * static_cast<Real>(teacher(i)) + rest * static_cast<Real>(student(i)));
    });
  }
};

}  // namespace detail

/// The weights of a teacher follow those of a student, in place.
///
///     teacher = momentum teacher + (1 - momentum) student
///
/// student (n) -> teacher (n), changed in place. Other shapes: `as_line`. The momentum of a schedule comes from `nn::cosine_schedule`.
///
/// Errors: `std::invalid_argument` when the lengths differ.
/// Error bound: 2 machine epsilons of the accumulation type, relative to |momentum teacher| + |(1 - momentum) student|, plus the rounding of the storage type.
/// Determinism: an element's bits depend on that element alone. Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., arXiv 2104.14294; K. He et al., arXiv 1911.05722.
template <ExecutionSpace Exec, RealView<1> Teacher, RealView<1> Student>
  requires AccessibleFrom<Exec, Teacher, Student>
void ema_update(Exec const& exec, Teacher const& teacher, Student const& student, EmaUpdateOptions const& options = {}) {
  constexpr auto function = "ocellus::ssl::ema_update";
  require_equal(function, {"student.extent(0)", extent(student, 0)}, {"teacher.extent(0)", extent(teacher, 0)});
  using Kernel = detail::EmaChunks<TeamMember<Exec>, Teacher, Student>;
  using Real   = typename Kernel::Real;
  for_each_row(exec, function, (extent(teacher, 0) + Kernel::chunk - 1) / Kernel::chunk,
               Kernel{teacher, student, static_cast<Real>(options.momentum), static_cast<Real>(1.0 - options.momentum)});
}

/// Work of an update of `count` weights.
[[nodiscard]] constexpr Cost ema_update_cost(double count, double bytes_per_element) {
  return {.flops = 3 * count, .special = 0, .bytes_read = 2 * count * bytes_per_element, .bytes_written = count * bytes_per_element};
}

}  // namespace ocellus::ssl
