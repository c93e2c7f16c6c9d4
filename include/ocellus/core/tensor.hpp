// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Row-major tensors, whether an optional one is there, and the few ways to make and reshape them.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>

namespace ocellus {

/// A row-major View (last index fastest), as in NumPy, PyTorch, safetensors and OME: `Tensor<float***, Kokkos::HostSpace>`.
template <class DataType, class Space>
using Tensor = Kokkos::View<DataType, Kokkos::LayoutRight, Space>;

/// A tensor in host memory: what readers return and writers take.
template <class DataType>
using HostTensor = Tensor<DataType, Kokkos::HostSpace>;

/// A row-major View of memory that somebody else owns.
template <class DataType, class Space>
using UnmanagedTensor = Kokkos::View<DataType, Kokkos::LayoutRight, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// A tensor whose elements are not initialised: no kernel runs and nothing is fenced. `label` should start with `ocellus::` inside the library.
template <class DataType, ExecutionSpace Exec, class... Extents>
[[nodiscard]] Tensor<DataType, typename Exec::memory_space> make_tensor(Exec const& exec, std::string const& label, Extents... extents) {
  return Tensor<DataType, typename Exec::memory_space>(Kokkos::view_alloc(exec, label, Kokkos::WithoutInitializing), static_cast<std::size_t>(extents)...);
}

template <class DataType, class... Extents>
[[nodiscard]] HostTensor<DataType> make_host_tensor(std::string const& label, Extents... extents) {
  return HostTensor<DataType>(Kokkos::view_alloc(label, Kokkos::WithoutInitializing), static_cast<std::size_t>(extents)...);
}

/// Whether an optional array takes part: `none` never does, a null View neither.
template <OptionalView V>
[[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr bool is_present(V const& view) {
  if constexpr (std::is_same_v<V, None>)
    return false;
  else
    return view.data() != nullptr;
}

/// The number of elements along an axis as a signed number, the type of every index in a kernel.
template <AnyView V>
[[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t extent(V const& view, int axis) {
  return static_cast<std::int64_t>(view.extent(static_cast<std::size_t>(axis)));
}

/// The product of a View's extents. That is not `size()`, which newer versions of Kokkos say is 0 for a null View: workspaces are sized with Views of shapes alone.
template <AnyView V>
[[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr std::size_t element_count(V const& view) {
  std::size_t count = 1;
  for (std::size_t axis = 0; axis < V::rank(); ++axis) count *= view.extent(axis);
  return count;
}

/// The element type of a View without const; of `None`, `Fallback`.
template <class V, class Fallback = float>
struct ElementOf {
  using type = typename V::non_const_value_type;
};
template <class Fallback>
struct ElementOf<None, Fallback> {
  using type = Fallback;
};
template <class V, class Fallback = float>
using element_t = typename ElementOf<V, Fallback>::type;

/// The type that sums over a View's elements are formed in.
template <class V>
using accumulate_of_t = accumulate_t<element_t<V>>;

namespace detail {
template <class T, int Rank>
struct DataTypeOfRank {
  using type = typename DataTypeOfRank<T, Rank - 1>::type*;
};
template <class T>
struct DataTypeOfRank<T, 0> {
  using type = T;
};
}  // namespace detail

/// `float` and 3 give `float***`.
template <class T, int Rank>
using data_type_of_rank_t = typename detail::DataTypeOfRank<T, Rank>::type;

/// A contiguous row-major View (..., D) seen as rows (R, D), without a copy.
///
/// Errors: `std::invalid_argument` when the View is not contiguous and row-major.
template <AnyView V>
  requires(V::rank() >= 1)
[[nodiscard]] auto as_rows(V const& view) {
  using Value = typename V::value_type;
  static_assert(std::is_same_v<typename V::array_layout, Kokkos::LayoutRight>, "ocellus::as_rows: the View must be row-major (Kokkos::LayoutRight)");
  if (!view.span_is_contiguous()) throw std::invalid_argument("ocellus::as_rows: view \"" + view.label() + "\" is not contiguous");
  std::size_t const last = view.extent(V::rank() - 1);
  std::size_t rows       = 1;
  for (std::size_t axis = 0; axis + 1 < V::rank(); ++axis) rows *= view.extent(axis);
  return UnmanagedTensor<Value**, typename V::memory_space>(view.data(), rows, last);
}

/// A View (N, T, D) of any strides seen as rows (N T, D), without a copy: tokens as the rows of a matrix.
///
/// Errors: `std::invalid_argument` naming `function` when the rows are not evenly spaced (as in a row-major View or a slice of its last axis).
template <AnyView V>
  requires(V::rank() == 3)
[[nodiscard]] auto evenly_spaced_rows(std::string const& function, V const& view) {
  std::size_t const batches = view.extent(0), rows = view.extent(1);
  bool const even = batches <= 1 || rows == 0 || view.stride(0) == rows * view.stride(1) || (rows == 1);
  if (!even)
    throw std::invalid_argument(function + ": the rows of \"" + view.label() + "\" are not evenly spaced: stride(0) is " + std::to_string(view.stride(0)) +
                                ", not extent(1) stride(1), which is " + std::to_string(rows * view.stride(1)));
  std::size_t const spacing = rows == 1 ? view.stride(0) : view.stride(1);
  using Rows                = Kokkos::View<typename V::value_type**, Kokkos::LayoutStride, typename V::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  return Rows(view.data(), Kokkos::LayoutStride(batches * rows, spacing, view.extent(2), view.stride(2)));
}

/// A contiguous row-major View seen as one line, without a copy.
template <AnyView V>
[[nodiscard]] auto as_line(V const& view) {
  using Value = typename V::value_type;
  static_assert(std::is_same_v<typename V::array_layout, Kokkos::LayoutRight> || V::rank() <= 1,
                "ocellus::as_line: the View must be row-major (Kokkos::LayoutRight)");
  if (!view.span_is_contiguous()) throw std::invalid_argument("ocellus::as_line: view \"" + view.label() + "\" is not contiguous");
  return UnmanagedTensor<Value*, typename V::memory_space>(view.data(), element_count(view));
}

}  // namespace ocellus
