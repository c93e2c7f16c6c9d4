// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arrays of rank 1 to 4 under one type: for elementwise and row-wise kernels that take any rank and layout.

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus {

/// A View of rank 1 to 4 as rank 4, leading extents 1. Strides of extents 1 are 0, so that a smaller array broadcasts.
template <class T>
struct Strided4 {
  T* data                 = nullptr;
  std::int64_t extents[4] = {1, 1, 1, 1};
  std::int64_t strides[4] = {0, 0, 0, 0};

  /// Rows are the lines along the last axis; `shape` gives the extents that the row number counts, those of the larger array when this one broadcasts.
  KOKKOS_INLINE_FUNCTION T& at_row(std::int64_t row, std::int64_t column, std::int64_t const (&shape)[4]) const {
    std::int64_t const c = row % shape[2], b = row / shape[2] % shape[1], a = row / shape[2] / shape[1];
    return data[a * strides[0] + b * strides[1] + c * strides[2] + column * strides[3]];
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t rows() const { return extents[0] * extents[1] * extents[2]; }
};

template <AnyView V>
  requires(V::rank() <= 4)
[[nodiscard]] auto strided4(V const& view) {
  constexpr int rank = static_cast<int>(V::rank());
  Strided4<typename V::value_type> result;
  result.data = view.data();
  for (int axis = 0; axis < rank; ++axis) {
    result.extents[4 - rank + axis] = extent(view, axis);
    result.strides[4 - rank + axis] = extent(view, axis) == 1 ? 0 : static_cast<std::int64_t>(view.stride(static_cast<std::size_t>(axis)));
  }
  return result;
}

}  // namespace ocellus
