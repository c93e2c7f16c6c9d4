// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/activation.hpp>

namespace ocellus::vit::detail {

/// output = gelu(values + bias), row by row; they may be one.
template <class Member, class Values, class Bias, class Output = Values>
struct BiasGeluRows {
  Values values;
  Bias bias;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = accumulate_of_t<Values>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(values, 1)), [&](std::int64_t const d) {
      Real x = static_cast<Real>(values(row, d));
      if (is_present(bias)) x += static_cast<Real>(bias(d));
      output(row, d) = static_cast<element_t<Output>>(linalg::gelu_exact(x));
    });
  }
};

/// Token t of every image: the prefix tokens, and the positions added to all.
template <class Member, class Tokens, class Rows>
struct AddPositions {
  Tokens tokens;  ///< (N, T, D); patch tokens are there already
  Rows cls_token, reg_token, pos_embed;
  bool positions_of_patches_only;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = accumulate_of_t<Tokens>;
    std::int64_t const count = extent(tokens, 1), n = item / count, t = item % count, classes = extent(cls_token, 0), prefix = classes + extent(reg_token, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const d) {
      Real x = t < classes  ? static_cast<Real>(cls_token(t, d))
               : t < prefix ? static_cast<Real>(reg_token(t - classes, d))
                            : static_cast<Real>(tokens(n, t, d));
      if (is_present(pos_embed) && (!positions_of_patches_only || t >= prefix))
        x += static_cast<Real>(pos_embed(positions_of_patches_only ? t - prefix : t, d));
      tokens(n, t, d) = static_cast<element_t<Tokens>>(x);
    });
  }
};

/// The same row for every image.
template <class Member, class Row, class Output>
struct RepeatRow {
  Row row;  ///< (1, D)
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 1)),
                         [&](std::int64_t const d) { output(n, d) = static_cast<element_t<Output>>(row(0, d)); });
  }
};

/// Columns [first, first + heads * size) of rows (N T, W) as heads (N, H, T, size).
template <class T, class Space>
[[nodiscard]] auto heads_of(Kokkos::View<T**, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const& rows, std::int64_t images,
                            std::int64_t first, std::int64_t heads, std::int64_t size) {
  using Heads              = Kokkos::View<T****, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  std::size_t const tokens = images == 0 ? 0 : rows.extent(0) / static_cast<std::size_t>(images), stride = rows.stride(0);
  return Heads(rows.data() + first, Kokkos::LayoutStride(static_cast<std::size_t>(images), tokens * stride, static_cast<std::size_t>(heads),
                                                         static_cast<std::size_t>(size), tokens, stride, static_cast<std::size_t>(size), 1));
}

/// Columns [first, first + count) of a row-major matrix.
template <class T, class Space>
[[nodiscard]] auto columns_of(UnmanagedTensor<T**, Space> const& matrix, std::int64_t first, std::int64_t count) {
  using Columns = Kokkos::View<T**, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  return Columns(matrix.data() + first, Kokkos::LayoutStride(matrix.extent(0), matrix.extent(1), static_cast<std::size_t>(count), 1));
}

}  // namespace ocellus::vit::detail
