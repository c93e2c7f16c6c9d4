// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/tensor.hpp>

namespace ocellus::linalg::detail {

/// A matrix as a kernel sees it: any layout, transposed by swapping the strides. Null when absent.
template <class T>
struct StridedMatrix {
  T* data                    = nullptr;
  std::int64_t row_stride    = 0;
  std::int64_t column_stride = 0;
  std::int64_t batch_stride  = 0;

  KOKKOS_INLINE_FUNCTION T& operator()(std::int64_t row, std::int64_t column) const { return data[row * row_stride + column * column_stride]; }
  KOKKOS_INLINE_FUNCTION StridedMatrix at_batch(std::int64_t batch) const { return {data + batch * batch_stride, row_stride, column_stride, 0}; }
};

/// A vector likewise.
template <class T>
struct StridedVector {
  T* data             = nullptr;
  std::int64_t stride = 0;

  KOKKOS_INLINE_FUNCTION T& operator()(std::int64_t i) const { return data[i * stride]; }
};

/// A View of rank 2, or of rank 3 with the batch first (a batch extent of 1 repeats); `None` gives an absent one.
template <class V>
[[nodiscard]] auto strided_matrix(V const& view, bool transposed = false) {
  if constexpr (std::is_same_v<V, None>) {
    return StridedMatrix<float const>{};
  } else {
    using T             = typename V::value_type;
    constexpr int first = static_cast<int>(V::rank()) - 2;
    StridedMatrix<T> matrix{view.data(), static_cast<std::int64_t>(view.stride(first)), static_cast<std::int64_t>(view.stride(first + 1)), 0};
    if constexpr (first == 1) matrix.batch_stride = view.extent(0) == 1 ? 0 : static_cast<std::int64_t>(view.stride(0));
    if (transposed) {
      auto const row       = matrix.row_stride;
      matrix.row_stride    = matrix.column_stride;
      matrix.column_stride = row;
    }
    return matrix;
  }
}

template <class V>
[[nodiscard]] auto strided_vector(V const& view) {
  if constexpr (std::is_same_v<V, None>) {
    return StridedVector<float const>{};
  } else {
    return StridedVector<typename V::value_type>{view.data(), static_cast<std::int64_t>(view.stride(0))};
  }
}

}  // namespace ocellus::linalg::detail
