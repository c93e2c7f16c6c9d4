// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Views of any layout to the host and back. Kokkos copies between two memories only what is contiguous in both; padded and strided Views of a device are
/// packed by a kernel on the way.

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus {

namespace detail {

/// to[i] = from[i], elements of rank 1 or 2.
template <class Member, class From, class To>
struct CopyElements {
  From from;
  To to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    if constexpr (From::rank() == 1) {
      Kokkos::single(Kokkos::PerThread(member), [&]() { to(row) = from(row); });
    } else {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(from, 1)), [&](std::int64_t const i) { to(row, i) = from(row, i); });
    }
  }
};

template <class V>
using RowMajorData = data_type_of_rank_t<typename V::non_const_value_type, static_cast<int>(V::rank())>;

template <class V>
inline constexpr bool is_on_host_v = Kokkos::SpaceAccessibility<Kokkos::DefaultHostExecutionSpace, typename V::memory_space>::accessible;

template <class V>
[[nodiscard]] Kokkos::LayoutRight row_major_layout(V const& view) {
  Kokkos::LayoutRight layout;
  for (std::size_t axis = 0; axis < V::rank(); ++axis) layout.dimension[axis] = view.extent(axis);
  return layout;
}

/// Uninitialised row-major tensors of a View's extents.
template <class V>
[[nodiscard]] HostTensor<RowMajorData<V>> host_tensor_like(std::string const& label, V const& view) {
  return HostTensor<RowMajorData<V>>(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), row_major_layout(view));
}
template <class Exec, class V>
[[nodiscard]] Tensor<RowMajorData<V>, typename V::memory_space> packed_like(Exec const& exec, std::string const& label, V const& view) {
  return Tensor<RowMajorData<V>, typename V::memory_space>(Kokkos::view_alloc(exec, label, Kokkos::WithoutInitializing), row_major_layout(view));
}

/// Calls `body(i...)` for the elements of rank 1 or 2 on the host.
template <class V, class Body>
void for_each_element_on_host(V const& view, Body const& body) {
  for (std::int64_t i = 0; i < extent(view, 0); ++i) {
    if constexpr (V::rank() == 1) {
      body(i);
    } else {
      for (std::int64_t j = 0; j < extent(view, 1); ++j) body(i, j);
    }
  }
}

}  // namespace detail

/// The elements of a View of rank 1 or 2 in a row-major tensor in host memory.
///
/// Errors: none. Determinism: exact. Allocates: the result, and the same again on the device. Synchronises: fences `exec`.
template <ExecutionSpace Exec, AnyView V>
  requires(V::rank() == 1 || V::rank() == 2)
[[nodiscard]] HostTensor<detail::RowMajorData<V>> copy_to_host(Exec const& exec, std::string const& label, V const& view) {
  auto const host = detail::host_tensor_like(label, view);
  if constexpr (detail::is_on_host_v<V>) {
    exec.fence(label);
    detail::for_each_element_on_host(view, [&](auto... at) { host(at...) = view(at...); });
  } else {
    auto const packed = detail::packed_like(exec, label, view);
    using Packed      = std::remove_const_t<decltype(packed)>;
    for_each_row(exec, label, extent(view, 0), detail::CopyElements<TeamMember<Exec>, V, Packed>{view, packed});
    Kokkos::deep_copy(exec, host, packed);
    exec.fence(label);
  }
  return host;
}

/// Writes the elements of a row-major tensor in host memory to a View of the same extents.
///
/// Errors: none. Determinism: exact. Allocates: a copy on the device. Synchronises: fences `exec`.
template <ExecutionSpace Exec, AnyView V>
  requires(V::rank() == 1 || V::rank() == 2)
void copy_from_host(Exec const& exec, std::string const& label, HostTensor<detail::RowMajorData<V>> const& host, V const& view) {
  if constexpr (detail::is_on_host_v<V>) {
    exec.fence(label);
    detail::for_each_element_on_host(view, [&](auto... at) { view(at...) = host(at...); });
  } else {
    auto const packed = detail::packed_like(exec, label, view);
    using Packed      = std::remove_const_t<decltype(packed)>;
    Kokkos::deep_copy(exec, packed, host);
    for_each_row(exec, label, extent(view, 0), detail::CopyElements<TeamMember<Exec>, Packed, V>{packed, view});
    exec.fence(label);
  }
}

}  // namespace ocellus
