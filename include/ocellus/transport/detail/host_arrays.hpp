// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arrays of the host in double, for what is solved there.

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::transport::detail {

/// The elements of a View of rank 1 to 3, row-major; waits for `exec`. `none` and a null View give nothing.
template <ExecutionSpace Exec, class V>
[[nodiscard]] std::vector<double> to_host(Exec const& exec, std::string const& function, V const& view) {
  std::vector<double> values;
  if constexpr (!std::is_same_v<V, None>) {
    if (view.data() == nullptr) return values;
    auto const mirror = Kokkos::create_mirror_view(Kokkos::view_alloc(Kokkos::HostSpace(), Kokkos::WithoutInitializing), view);
    if constexpr (!is_host_execution_v<Exec>) Kokkos::deep_copy(exec, mirror, view);
    exec.fence(function + "::to_host");
    values.reserve(view.size());
    for (std::int64_t i = 0; i < extent(view, 0); ++i) {
      if constexpr (V::rank() == 1) {
        values.push_back(static_cast<double>(mirror(i)));
      } else {
        for (std::int64_t j = 0; j < extent(view, 1); ++j) {
          if constexpr (V::rank() == 2) {
            values.push_back(static_cast<double>(mirror(i, j)));
          } else {
            for (std::int64_t k = 0; k < extent(view, 2); ++k) values.push_back(static_cast<double>(mirror(i, j, k)));
          }
        }
      }
    }
  }
  return values;
}

/// Writes row-major values into a View of rank 0 to 3; waits for `exec`. `none` and a null View take nothing.
template <ExecutionSpace Exec, class V, class Value>
void to_device(Exec const& exec, std::string const& function, V const& view, std::vector<Value> const& values) {
  if constexpr (!std::is_same_v<V, None>) {
    if (view.data() == nullptr) return;
    using T           = typename V::non_const_value_type;
    auto const mirror = Kokkos::create_mirror_view(Kokkos::view_alloc(Kokkos::HostSpace(), Kokkos::WithoutInitializing), view);
    std::size_t at    = 0;
    if constexpr (V::rank() == 0) {
      mirror() = static_cast<T>(values[0]);
    } else {
      for (std::int64_t i = 0; i < extent(view, 0); ++i) {
        if constexpr (V::rank() == 1) {
          mirror(i) = static_cast<T>(values[at++]);
        } else {
          for (std::int64_t j = 0; j < extent(view, 1); ++j) {
            if constexpr (V::rank() == 2) {
              mirror(i, j) = static_cast<T>(values[at++]);
            } else {
              for (std::int64_t k = 0; k < extent(view, 2); ++k) mirror(i, j, k) = static_cast<T>(values[at++]);
            }
          }
        }
      }
    }
    if constexpr (!is_host_execution_v<Exec>) {
      Kokkos::deep_copy(exec, view, mirror);
      exec.fence(function + "::to_device");
    }
  }
}

/// Masses of one side on the host, uniform when there are none.
///
/// Errors: `std::invalid_argument` naming the array when it is empty, holds a negative, NaN or infinite mass, or has a total of zero.
inline double check_host_masses(std::string const& function, std::string const& name, std::vector<double>& masses, std::int64_t count) {
  require(count > 0, function, "the side of ", name, " is empty");
  if (masses.empty()) masses.assign(static_cast<std::size_t>(count), 1.0 / static_cast<double>(count));
  double total = 0;
  for (double const mass : masses) {
    require(!(mass < 0), function, name, " holds a negative mass, ", mass);
    require(mass - mass == 0, function, name, " holds a mass that is NaN or infinite");
    total += mass;
  }
  require(total > 0, function, "the total mass of ", name, " is zero");
  return total;
}

}  // namespace ocellus::transport::detail
